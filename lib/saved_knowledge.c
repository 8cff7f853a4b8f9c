/* Knowledge of keys, accounts and budgets that is to survive a restart: the struct. Its text is in
 * saved_knowledge_format.c and saved_knowledge_parse.c. */
#include "lib/saved_knowledge.h"

#include "lib/util.h"

struct saved_knowledge *saved_knowledge_new(void)
{
        return calloc(1, sizeof(struct saved_knowledge));
}

struct saved_knowledge *saved_knowledge_free(struct saved_knowledge *saved)
{
        if (saved) {
                for (size_t i = 0; i < saved->n_environments; i++) {
                        free(saved->environments[i]);
                }
                if (saved->owns_ledger) {
                        free(saved->ledger);
                }
                free(saved);
        }
        return NULL;
}

void saved_knowledge_freep(struct saved_knowledge **saved)
{
        *saved = saved_knowledge_free(*saved);
}

struct known_environment *saved_knowledge_add(struct saved_knowledge *saved)
{
        struct known_environment *known;

        if (saved->n_environments == ARRAY_SIZE(saved->environments)) {
                return NULL;
        }
        known = calloc(1, sizeof(*known));
        if (known) {
                saved->environments[saved->n_environments++] = known;
        }
        return known;
}

bool known_environment_possible(const struct known_environment *known, uint64_t now_usec)
{
        for (size_t i = 0; i < known->n_keys; i++) {
                if (known->keys[i].known.seen_usec > now_usec) {
                        return false;
                }
        }
        return known->gone_usec <= now_usec && refresh_past_possible(&known->past, now_usec);
}

static uint64_t latest_of(const struct refresh_past *past)
{
        return past->n_sent > 0 ? past->sent[past->n_sent - 1].usec : 0;
}

/* Takes the later one of both ends; of the same moment there is one. */
static struct refresh_sent take_latest(struct refresh_past *past, struct refresh_past *other)
{
        uint64_t usec = latest_of(past), other_usec = latest_of(other);
        struct refresh_sent latest =
                usec >= other_usec ? past->sent[past->n_sent - 1] : other->sent[other->n_sent - 1];

        past->n_sent -= usec >= other_usec;
        other->n_sent -= other_usec >= usec;
        return latest;
}

void refresh_past_join(struct refresh_past *past, const struct refresh_past *other)
{
        struct refresh_past mine = *past, theirs = *other;
        struct refresh_sent backwards[REFRESH_HOURLY_BUDGET];
        size_t n = 0;

        if (latest_of(other) > latest_of(past)) {
                past->retry_after_usec = other->retry_after_usec;
                past->unauthorized_usec = other->unauthorized_usec;
        }
        past->reported_usec = MAX_OF(past->reported_usec, other->reported_usec);
        while (n < ARRAY_SIZE(backwards) && mine.n_sent + theirs.n_sent > 0) {
                backwards[n++] = take_latest(&mine, &theirs);
        }
        past->n_sent = n;
        for (size_t i = 0; i < n; i++) {
                past->sent[i] = backwards[n - 1 - i];
        }
}
