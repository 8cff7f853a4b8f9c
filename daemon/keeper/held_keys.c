/* Keys in hand. */
#include "daemon/keeper/held_keys.h"

#include "lib/util.h"

struct held_key *held_key_free(struct held_key *held)
{
        if (held) {
                (void)access_key_free(held->key);
                free(held);
        }
        return NULL;
}

static struct held_key **end_of(struct held_keys *keys)
{
        struct held_key **end = &keys->first;

        while (*end) {
                end = &(*end)->next;
        }
        return end;
}

void held_keys_append(struct held_keys *keys, struct held_key *held)
{
        held->next = NULL;
        *end_of(keys) = held;
}

void held_keys_move(struct held_keys *keys, struct held_keys *from)
{
        *end_of(keys) = from->first;
        from->first = NULL;
}

struct held_key *held_keys_take(struct held_keys *keys, const char *environment, const char *label,
                                const struct access_key *equal_to)
{
        for (struct held_key **link = &keys->first; *link; link = &(*link)->next) {
                struct held_key *held = *link;
                if (streq(held->environment, environment) && streq(held->label, label) &&
                    (!equal_to || access_key_equal(held->key, equal_to))) {
                        *link = held->next;
                        return held;
                }
        }
        return NULL;
}

const struct held_key *held_keys_find(const struct held_keys *keys, uint64_t serial)
{
        for (const struct held_key *held = keys->first; held; held = held->next) {
                if (held->serial == serial) {
                        return held;
                }
        }
        return NULL;
}

size_t held_keys_of(const struct held_keys *keys, const char *environment,
                    const struct access_key *ret[static KEYS_PER_ENVIRONMENT_MAX])
{
        size_t n = 0;

        for (const struct held_key *held = keys->first; held && n < KEYS_PER_ENVIRONMENT_MAX;
             held = held->next) {
                if (streq(held->environment, environment)) {
                        ret[n++] = held->key;
                }
        }
        return n;
}

void held_keys_retain(struct held_keys *keys, const char *environment, const uint64_t *serials, size_t n)
{
        for (struct held_key **link = &keys->first; *link;) {
                struct held_key *held = *link;
                bool wanted = !streq(held->environment, environment);
                for (size_t i = 0; i < n && !wanted; i++) {
                        wanted = held->serial == serials[i];
                }
                if (wanted) {
                        link = &held->next;
                } else {
                        *link = held->next;
                        (void)held_key_free(held);
                }
        }
}

void held_keys_clear(struct held_keys *keys)
{
        while (keys->first) {
                struct held_key *held = keys->first;
                keys->first = held->next;
                (void)held_key_free(held);
        }
}
