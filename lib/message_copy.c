/* A message made from another one, field by field. */
#include "lib/message.h"
#include "lib/message_fields.h"
#include "lib/util.h"

static void copy_fields(unsigned char *to, const unsigned char *from, const struct message_fields *fields)
{
        for (size_t i = 0; i < fields->n; i++) {
                const struct message_field *field = &fields->list[i];
                unsigned char *to_field = to + field->offset;
                const unsigned char *from_field = from + field->offset;

                if (field->kind == MESSAGE_FIELD_STRUCTS) {
                        for (size_t at = 0; at < field->size; at += field->of->size) {
                                copy_fields(to_field + at, from_field + at, field->of);
                        }
                } else if (field->kind == MESSAGE_FIELD_TEXT) {
                        message_set_text((char *)to_field, field->size, (const char *)from_field);
                } else {
                        memcpy(to_field, from_field, field->size);
                }
        }
}

void message_copy(void *ret, const void *from, uint32_t type)
{
        const struct message_fields *fields = message_fields_of(type);

        memset(ret, 0, fields->size);
        copy_fields(ret, from, fields);
}
