/* history: a ring of finished JSON objects. */
#include "simulator/history.h"

#include "lib/util.h"
#include "simulator/json_text.h"

#include <errno.h>

void history_add(struct history *history, struct json_object *entry)
{
        json_object_put(history->entries[history->next]);
        history->entries[history->next] = entry;
        history->next = (history->next + 1) % HISTORY_MAX;
}

int history_list(const struct history *history, struct json_object **ret)
{
        _cleanup_(json_putp) struct json_object *list = json_object_new_array();

        if (!list) {
                return -ENOMEM;
        }
        for (size_t i = 0; i < HISTORY_MAX; i++) {
                struct json_object *entry = history->entries[(history->next + i) % HISTORY_MAX];

                if (entry && json_append(list, json_object_get(entry)) < 0) {
                        return -ENOMEM;
                }
        }

        *ret = take_ptr(list);
        return 0;
}

void history_clear(struct history *history)
{
        for (size_t i = 0; i < HISTORY_MAX; i++) {
                json_object_put(history->entries[i]);
                history->entries[i] = NULL;
        }
        history->next = 0;
}
