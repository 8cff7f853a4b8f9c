/* The keys in the books: their list, and the effect of an answer on each. */
#include "lib/util.h"
#include "tests/scenario/reference_rules.h"

/* The next trial of a refused key by itself. */
static void set_daily_trial(struct reference_key *key)
{
        bool daily = key->known.standing == KEY_REFUSED && !key->kept;
        key->trial_from_usec = key->trial_by_usec =
                daily ? usec_add(key->known.seen_usec, 24 * USEC_PER_HOUR) : USEC_NEVER;
        key->n_unheard = 0;
}

/* The good key that a file held before it held this one, or the one that was kept for it already. */
static uint64_t to_keep(const struct reference *reference, const struct key_name *name)
{
        for (size_t i = 0; i < reference->n_order; i++) {
                const struct reference_key *key = &reference->keys[reference->order[i]];
                if (streq(reference->labels[i], name->label) &&
                    (key->kept || key->known.standing == KEY_GOOD)) {
                        return reference->order[i] == name->serial ? 0 : reference->order[i];
                }
        }
        return 0;
}

static void add(struct reference *reference, uint64_t serial, const char *label, bool kept)
{
        memcpy(reference->labels[reference->n_order], label, strlen(label) + 1);
        reference->order[reference->n_order++] = serial;
        reference->keys[serial].there = true;
        reference->keys[serial].kept = kept;
}

static void take_name(struct reference *reference, const struct reference *old, const struct key_name *name,
                      uint64_t trial_usec, uint64_t now_usec)
{
        struct reference_key *key = &reference->keys[name->serial];
        bool known = old->keys[name->serial].there, wished = name->rewritten || key->kept;

        if (!known) {
                *key = (struct reference_key){ .known = name->known };
                set_daily_trial(key);
                if (key->known.cause != KEY_UNAUTHORIZED) {
                        rule_not_only_401(reference, now_usec);
                }
        }
        if (known ? wished : key->known.standing == KEY_UNTRIED) {
                key->trial_from_usec = key->trial_by_usec = trial_usec;
                key->trial_stands = true;
                key->n_unheard = 0;
        }
        if (known && wished) {
                rule_not_only_401(reference, now_usec);
        }
        add(reference, name->serial, name->label, false);
        uint64_t keep = key->known.standing == KEY_GOOD ? 0 : to_keep(old, name);
        if (keep) {
                add(reference, keep, name->label, true);
                reference->keys[keep].trial_from_usec = reference->keys[keep].trial_by_usec = USEC_NEVER;
                reference->keys[keep].trial_stands = false;
        }
}

bool reference_keys(struct reference *reference, const struct key_name *names, size_t n, uint64_t now_usec)
{
        static struct reference old;
        struct reference_exchange *exchange = rule_under_way(reference);

        old = *reference;
        reference->n_order = 0;
        for (size_t i = 0; i < old.n_order; i++) {
                reference->keys[old.order[i]].there = false;
        }
        for (size_t i = 0; i < n; i++) {
                take_name(reference, &old, &names[i],
                          reference->started ? now_usec : now_usec + 30 * USEC_PER_SEC, now_usec);
        }
        reference->started = reference->started || n > 0;
        if (exchange && !reference->keys[exchange->key].there) {
                exchange->fate = FATE_LOST;
                exchange->ended_usec = now_usec;
                reference->wish = reference->wish && (exchange->share == REFRESH_SHARE_NEED ||
                                                      exchange->share == REFRESH_SHARE_TRIAL);
                return true;
        }
        return false;
}

static void learn(struct reference_key *key, enum key_standing standing, enum key_cause cause,
                  uint64_t now_usec)
{
        key->known = (struct key_knowledge){ standing, cause, now_usec };
        if (!key->trial_stands || standing == KEY_GOOD) {
                set_daily_trial(key);
        }
}

void rule_key_is_good(struct reference *reference, uint64_t serial, uint64_t seen_usec)
{
        struct reference_key *key = &reference->keys[serial];
        size_t n = 0;

        learn(key, KEY_GOOD, KEY_NOT_REFUSED, seen_usec);
        key->trial_stands = false;
        for (size_t i = 0; i < reference->n_order; i++) {
                bool replaced = !key->kept && i > 0 && reference->order[i - 1] == serial &&
                                reference->keys[reference->order[i]].kept;
                if (replaced) {
                        reference->keys[reference->order[i]] = (struct reference_key){ 0 };
                        continue;
                }
                memmove(reference->labels[n], reference->labels[i], sizeof(reference->labels[0]));
                reference->order[n++] = reference->order[i];
        }
        reference->n_order = n;
}

void rule_key_granted(struct reference *reference, uint64_t serial, uint64_t now_usec)
{
        struct reference_key *key = &reference->keys[serial];
        bool first_asked = key->heard == KEY_NOT_ASKED;

        for (size_t i = 0; i < reference->n_order; i++) {
                struct reference_key *other = &reference->keys[reference->order[i]];
                bool failed = other->heard == KEY_FAILED && other->known.standing != KEY_REFUSED;
                other->heard = KEY_NOT_ASKED;
                if (other == key) {
                        continue;
                }
                if (failed && first_asked && now_usec < other->failed_usec + 5 * USEC_PER_MIN) {
                        learn(other, KEY_REFUSED, KEY_OUTDONE, now_usec);
                } else if ((failed || other->n_unheard > 0) && !other->kept) {
                        other->trial_from_usec = other->trial_by_usec = now_usec;
                }
        }
        rule_key_is_good(reference, serial, now_usec);
}

void rule_key_failed(struct reference *reference, const struct reference_exchange *exchange,
                     uint64_t now_usec)
{
        struct reference_key *key = &reference->keys[exchange->key];
        bool trial = exchange->share == REFRESH_SHARE_TRIAL;

        switch (exchange->outcome.outcome) {
        case EXCHANGE_KEY_REFUSED:
        case EXCHANGE_OTHER_ACCOUNT:
                learn(key, KEY_REFUSED,
                      exchange->outcome.outcome == EXCHANGE_KEY_REFUSED ? KEY_UNAUTHORIZED
                                                                        : KEY_OF_OTHER_ACCOUNT,
                      now_usec);
                key->heard = KEY_FAILED;
                return;
        case EXCHANGE_REQUEST_REFUSED:
        case EXCHANGE_MALFORMED:
                key->heard = KEY_FAILED;
                key->failed_usec = now_usec;
                if (key->known.standing == KEY_REFUSED) {
                        key->known.seen_usec = now_usec;
                }
                if (!key->trial_stands) {
                        set_daily_trial(key);
                }
                return;
        default:
                key->heard = key->heard == KEY_NOT_ASKED ? KEY_UNHEARD : key->heard;
        }
        if (key->trial_from_usec == USEC_NEVER || key->trial_stands) {
                return;
        }
        if (trial) {
                uint64_t wait = MIN_OF(115 * USEC_PER_SEC << MIN_OF(key->n_unheard, 6u), USEC_PER_HOUR);
                key->trial_from_usec = now_usec + wait / 4 * 3;
                key->trial_by_usec = now_usec + wait;
                key->n_unheard++;
        } else if (key->known.standing == KEY_UNTRIED) {
                key->trial_from_usec = key->trial_by_usec = USEC_NEVER; /* need asks it, or the next grant */
                key->n_unheard = MAX_OF(key->n_unheard, 1u);
        }
}
