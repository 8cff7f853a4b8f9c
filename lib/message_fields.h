/* The structs of lib/message.h, field by field: by that a message is checked before
 * anything believes it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct message_fields;

enum message_field_kind {
        MESSAGE_FIELD_ANY,  /* whatever bytes there are */
        MESSAGE_FIELD_BOOL, /* 0 or 1 */
        MESSAGE_FIELD_NUMBER,
        MESSAGE_FIELD_TEXT, /* with a NUL at its end */
        MESSAGE_FIELD_STRUCTS,
};

struct message_field {
        size_t offset, size; /* bytes, of all of it */
        enum message_field_kind kind;
        int64_t min, max; /* a number; read as a signed one, so what is too large for it is below 0 */
        bool (*valid)(const char *text, size_t length); /* a text that is not ""; NULL: any is */
        bool may_be_empty;                              /* a text */
        const struct message_fields *of;                /* each of the structs */
};

/* All fields of a struct in their order. */
struct message_fields {
        const struct message_field *list;
        size_t n;
        size_t size; /* bytes of the struct */
};

/* Of a type of message; NULL: there is no such type. MESSAGE_KEYS: without its refusals. */
const struct message_fields *message_fields_of(uint32_t type);

/* Of struct key_refusal. */
const struct message_fields *message_fields_of_refusal(void);
