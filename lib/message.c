/* Helpers to fill messages. */
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

void message_set_text(char *ret, size_t size, const char *text)
{
        size_t length = text ? strnlen(text, size - 1) : 0;

        memcpy(ret, text ? text : "", length);
        memset(ret + length, 0, size - length);
}

size_t message_keys_size(const struct keys_view *view)
{
        return sizeof(struct message_keys) + view->n_refusals * sizeof(view->refusals[0]);
}

void message_keys_fill(struct message_keys *ret, const struct keys_view *view)
{
        struct keys_view *to = &ret->view;

        memset(ret, 0, message_keys_size(view));
        ret->type = MESSAGE_KEYS;
        message_set_text(to->directory, sizeof(to->directory), view->directory);
        to->are_credentials = view->are_credentials;
        memcpy(to->salt, view->salt, sizeof(to->salt));
        to->n_ids = view->n_ids;
        memcpy(to->ids, view->ids, view->n_ids * sizeof(view->ids[0]));
        to->n_refusals = view->n_refusals;
        memcpy(to->refusals, view->refusals, view->n_refusals * sizeof(view->refusals[0]));
}
