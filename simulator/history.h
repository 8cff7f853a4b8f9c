/* history: the latest requests of one environment, for tests to look at. */
#pragma once

#include <json-c/json.h>
#include <stddef.h>

#define HISTORY_MAX 50

struct history {
        struct json_object *entries[HISTORY_MAX];
        size_t next; /* where the next entry goes; the one there is the oldest */
};

/* Adds an entry, which the history owns from then on. */
void history_add(struct history *history, struct json_object *entry);

/* All entries as an array, the oldest first; the caller puts it. Returns 0 or -ENOMEM. */
int history_list(const struct history *history, struct json_object **ret);

void history_clear(struct history *history);
