/* The access keys of one environment: names, and what is known of each. Only lib/refresh changes a keyring.
 */
#include "lib/keyring.h"

#include "lib/util.h"

#include <assert.h>

/* Beyond that a failure and a grant are not of one moment: the upstream may have changed in between. */
#define SAME_TIME_USEC (5 * USEC_PER_MIN)

static struct key_state *find(struct keyring *keyring, uint64_t serial)
{
        for (size_t i = 0; i < keyring->n; i++) {
                if (keyring->keys[i].serial == serial) {
                        return &keyring->keys[i];
                }
        }
        return NULL;
}

const struct key_state *keyring_find(const struct keyring *keyring, uint64_t serial)
{
        return find((struct keyring *)keyring, serial);
}

/* ---- key files ---- */

/* The key that a new one of this label must not push out yet: the one before if it is good, else the one
 * that was kept already. */
static const struct key_state *worth_keeping(const struct keyring *old, const char *label)
{
        const struct key_state *worth = NULL;

        for (size_t i = 0; i < old->n; i++) {
                const struct key_state *key = &old->keys[i];
                if (streq(key->label, label) && (key->kept || key->known.standing == KEY_GOOD) && !worth) {
                        worth = key;
                }
        }
        return worth;
}

/* Whatever put the one before off does not concern this one. */
static void set_trial(struct key_state *key, uint64_t usec)
{
        key->trial_usec = usec;
        key->put_off_usec = 0;
}

/* A refused key is tried once a day, unless another stands in its file. */
static uint64_t daily_trial_usec(const struct key_state *key)
{
        return key->known.standing == KEY_REFUSED && !key->kept
                       ? usec_add(key->known.seen_usec, KEY_PROOF_AGE_USEC)
                       : USEC_NEVER;
}

static struct key_state new_key(const struct key_name *name)
{
        struct key_state key = { .serial = name->serial, .known = name->known };

        memcpy(key.label, name->label, sizeof(key.label));
        key.trial_usec = daily_trial_usec(&key);
        return key;
}

void keyring_update(struct keyring *keyring, const struct key_name *names, size_t n, uint64_t trial_usec)
{
        const struct keyring old = *keyring;

        assert(n <= KEYS_PER_ENVIRONMENT_MAX);
        *keyring = (struct keyring){ .asked_serial = old.asked_serial, .n_asked = old.n_asked };
        for (size_t i = 0; i < n; i++) {
                const struct key_state *known = keyring_find(&old, names[i].serial);
                struct key_state *key = &keyring->keys[keyring->n++];

                *key = known ? *known : new_key(&names[i]);
                key->kept = false;
                if (known ? names[i].rewritten || known->kept : key->known.standing == KEY_UNTRIED) {
                        set_trial(key, trial_usec);
                        key->trial_stands = true;
                        key->n_trials = 0;
                }
                const struct key_state *previous = worth_keeping(&old, names[i].label);
                if (previous && previous->serial != key->serial && key->known.standing != KEY_GOOD) {
                        key = &keyring->keys[keyring->n++];
                        *key = *previous;
                        key->kept = true;
                        set_trial(key, USEC_NEVER);
                        key->trial_stands = false;
                }
        }
}

/* ---- which one ---- */

static bool usable(const struct key_state *key, uint64_t now_usec)
{
        return key->held_usec <= now_usec;
}

/* Is there one on which nothing has been said in this trouble? */
static bool has_good(const struct keyring *keyring, uint64_t now_usec)
{
        for (size_t i = 0; i < keyring->n; i++) {
                const struct key_state *key = &keyring->keys[i];
                if (key->known.standing == KEY_GOOD && key->heard != KEY_FAILED && usable(key, now_usec)) {
                        return true;
                }
        }
        return false;
}

/* The one that was asked the longest time ago. (Not the next one after that of the latest exchange: with
 * trials in between, one key could be left out for ever.) */
static const struct key_state *next_in_turn(const struct keyring *keyring, bool pass_over, uint64_t now_usec)
{
        bool but_refused = pass_over && has_good(keyring, now_usec);
        const struct key_state *next = NULL;

        for (size_t i = 0; i < keyring->n; i++) {
                const struct key_state *key = &keyring->keys[i];
                bool passed_over = but_refused && key->known.standing == KEY_REFUSED;
                if (usable(key, now_usec) && !passed_over && (!next || key->asked < next->asked)) {
                        next = key;
                }
        }
        return next;
}

/* Of the good ones the first, or the one whose proof is the oldest if it is too old. One that is kept is on
 * its way out, and proves itself when it is needed. */
static const struct key_state *choose_good(const struct keyring *keyring, uint64_t now_usec)
{
        const struct key_state *first = NULL, *oldest = NULL;

        for (size_t i = 0; i < keyring->n; i++) {
                const struct key_state *key = &keyring->keys[i];
                if (key->known.standing != KEY_GOOD || !usable(key, now_usec)) {
                        continue;
                }
                first = first ? first : key;
                if (!key->kept && usec_add(key->known.seen_usec, KEY_PROOF_AGE_USEC) <= now_usec &&
                    (!oldest || key->known.seen_usec < oldest->known.seen_usec)) {
                        oldest = key;
                }
        }
        return oldest ? oldest : first;
}

const struct key_state *keyring_choose(const struct keyring *keyring, bool trouble, bool pass_over,
                                       uint64_t now_usec)
{
        const struct key_state *good = trouble ? NULL : choose_good(keyring, now_usec);

        if (good) {
                return good;
        }
        for (size_t i = 0; i < keyring->n; i++) {
                const struct key_state *key = &keyring->keys[i];
                if (key->known.standing == KEY_UNTRIED && key->heard == KEY_NOT_ASKED &&
                    usable(key, now_usec)) {
                        return key;
                }
        }
        return next_in_turn(keyring, pass_over, now_usec);
}

void keyring_begin_round(struct keyring *keyring, bool but_latest)
{
        for (size_t i = 0; i < keyring->n; i++) {
                keyring->keys[i].asked_around =
                        but_latest && keyring->keys[i].serial == keyring->asked_serial;
        }
}

/* Lower comes first. */
static unsigned rank_around(const struct key_state *key)
{
        return key->known.standing == KEY_GOOD ? 0 : key->known.standing == KEY_UNTRIED ? 1 : 2;
}

const struct key_state *keyring_next_around(const struct keyring *keyring, uint64_t now_usec)
{
        const struct key_state *next = NULL;

        for (size_t i = 0; i < keyring->n; i++) {
                const struct key_state *key = &keyring->keys[i];
                if (key->asked_around || !usable(key, now_usec)) {
                        continue;
                }
                if (!next || rank_around(key) < rank_around(next) ||
                    (rank_around(key) == 0 && rank_around(next) == 0 &&
                     key->known.seen_usec > next->known.seen_usec)) {
                        next = key;
                }
        }
        return next;
}

const struct key_state *keyring_next_trial(const struct keyring *keyring, uint64_t *ret_usec)
{
        const struct key_state *next = NULL;

        *ret_usec = USEC_NEVER;
        for (size_t i = 0; i < keyring->n; i++) {
                uint64_t usec = MAX_OF(keyring->keys[i].trial_usec, keyring->keys[i].held_usec);

                usec = MAX_OF(usec, MAX_OF(keyring->keys[i].cool_usec, keyring->keys[i].put_off_usec));
                if (usec < *ret_usec) {
                        *ret_usec = usec;
                        next = &keyring->keys[i];
                }
        }
        return next;
}

bool keyring_all_unauthorized(const struct keyring *keyring)
{
        for (size_t i = 0; i < keyring->n; i++) {
                if (keyring->keys[i].known.cause != KEY_UNAUTHORIZED) {
                        return false;
                }
        }
        return keyring->n > 0;
}

/* ---- what was seen ---- */

void keyring_asked(struct keyring *keyring, uint64_t serial)
{
        struct key_state *key = find(keyring, serial);

        keyring->asked_serial = serial;
        keyring->n_asked++;
        if (key) {
                key->asked = keyring->n_asked;
                key->asked_around = true;
                key->trial_stands = false;
        }
}

void keyring_not_asked(struct keyring *keyring, uint64_t serial)
{
        struct key_state *key = find(keyring, serial);

        if (key) {
                key->asked_around = false;
        }
}

/* It had its answer. */
static void end_trial(struct key_state *key)
{
        if (!key->trial_stands) {
                set_trial(key, daily_trial_usec(key));
                key->n_trials = 0;
        }
}

static void learn(struct key_state *key, enum key_standing standing, enum key_cause cause, uint64_t now_usec)
{
        key->known = (struct key_knowledge){ standing, cause, now_usec };
        key->trial_stands = key->trial_stands && standing != KEY_GOOD; /* a grant is all there is to know */
        end_trial(key);
}

static void remove_kept(struct keyring *keyring, const char *label)
{
        for (size_t i = 0; i < keyring->n; i++) {
                if (keyring->keys[i].kept && streq(keyring->keys[i].label, label)) {
                        memmove(&keyring->keys[i], &keyring->keys[i + 1],
                                (keyring->n - i - 1) * sizeof(keyring->keys[0]));
                        keyring->n--;
                        return;
                }
        }
}

/* It failed, and the next grant is to tell whether that was its fault. */
static bool is_in_doubt(const struct key_state *key)
{
        return key->heard == KEY_FAILED && key->known.standing != KEY_REFUSED;
}

void keyring_granted(struct keyring *keyring, uint64_t serial, uint64_t now_usec)
{
        struct key_state *key = find(keyring, serial);
        bool first_asked = key && key->heard == KEY_NOT_ASKED;

        for (size_t i = 0; i < keyring->n; i++) {
                struct key_state *other = &keyring->keys[i];
                bool failed = is_in_doubt(other);
                bool same_time = now_usec < other->failed_usec + SAME_TIME_USEC;
                if (other != key && failed && first_asked && same_time) {
                        learn(other, KEY_REFUSED, KEY_OUTDONE, now_usec);
                } else if (other != key && (failed || other->n_trials > 0)) {
                        set_trial(other, other->kept ? USEC_NEVER : now_usec);
                }
                other->heard = KEY_NOT_ASKED;
        }
        if (!key) {
                return;
        }
        learn(key, KEY_GOOD, KEY_NOT_REFUSED, now_usec);
        if (!key->kept) {
                remove_kept(keyring, key->label);
        }
}

bool keyring_proven(struct keyring *keyring, uint64_t serial, uint64_t issued_usec)
{
        struct key_state *key = find(keyring, serial);

        if (!key || issued_usec <= key->known.seen_usec) {
                return false;
        }
        learn(key, KEY_GOOD, KEY_NOT_REFUSED, issued_usec);
        if (!key->kept) {
                remove_kept(keyring, key->label);
        }
        return true;
}

void keyring_found(struct keyring *keyring, uint64_t serial, uint64_t issued_usec, uint64_t now_usec)
{
        struct key_state *key = find(keyring, serial);

        for (size_t i = 0; i < keyring->n; i++) {
                struct key_state *other = &keyring->keys[i];
                bool waits = other->n_trials > 0 && other->trial_usec == USEC_NEVER;
                if (other != key && (waits || is_in_doubt(other)) && !other->kept) {
                        set_trial(other, now_usec);
                }
                other->heard = KEY_NOT_ASKED;
                other->cool_usec = other->put_off_usec = 0;
        }
        (void)keyring_proven(keyring, serial, issued_usec);
}

void keyring_refused(struct keyring *keyring, uint64_t serial, enum key_cause cause, uint64_t now_usec)
{
        struct key_state *key = find(keyring, serial);

        if (key) {
                learn(key, KEY_REFUSED, cause, now_usec);
                key->heard = KEY_FAILED;
        }
}

void keyring_failed(struct keyring *keyring, uint64_t serial, uint64_t now_usec)
{
        struct key_state *key = find(keyring, serial);

        if (!key) {
                return;
        }
        key->heard = KEY_FAILED;
        key->failed_usec = now_usec;
        if (key->known.standing == KEY_REFUSED) {
                key->known.seen_usec = now_usec;
        }
        end_trial(key); /* the next grant tells whose fault it was */
}

void keyring_unheard(struct keyring *keyring, uint64_t serial)
{
        struct key_state *key = find(keyring, serial);

        if (key && key->heard == KEY_NOT_ASKED) {
                key->heard = KEY_UNHEARD;
        }
}

void keyring_postpone_trial(struct keyring *keyring, uint64_t serial, uint64_t until_usec)
{
        struct key_state *key = find(keyring, serial);

        if (key && key->trial_usec != USEC_NEVER && !key->trial_stands) {
                key->n_trials++;
                set_trial(key, until_usec);
        }
}

void keyring_await_grant(struct keyring *keyring, uint64_t serial)
{
        struct key_state *key = find(keyring, serial);

        if (key && key->trial_usec != USEC_NEVER && !key->trial_stands &&
            key->known.standing == KEY_UNTRIED) {
                key->n_trials = MAX_OF(key->n_trials, 1U);
                set_trial(key, USEC_NEVER);
        }
}

void keyring_try_refused(struct keyring *keyring, bool new_account, uint64_t now_usec)
{
        for (size_t i = 0; i < keyring->n; i++) {
                struct key_state *key = &keyring->keys[i];
                if (key->known.standing != KEY_REFUSED || key->kept) {
                        continue;
                }
                if (new_account && key->known.cause == KEY_OF_OTHER_ACCOUNT) {
                        key->known = (struct key_knowledge){ 0 };
                        key->heard = KEY_NOT_ASKED;
                }
                set_trial(key, now_usec);
                key->trial_stands = true;
        }
}
