/* Filling messages: texts, and the view of the keys. */
#include "lib/message.h"

#include "lib/util.h"

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
