/* One environment and what all of them have sent: before an exchange, after it, and before a wish. */
#include "daemon/keeper/environment_ledger.h"

#include "daemon/keeper/environment_memory.h"
#include "daemon/keeper/key_digest.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

/* A key of which others have used the share of a wish is passed over for so long: the wish may go on with
 * another one, and need, whose share is another, hardly waits. */
#define PASS_OVER_USEC (10 * USEC_PER_SEC)

/* The limits of an exchange with this key. */
static int name_exchange(const struct environment *environment, uint64_t key_serial,
                         uint8_t ret[static KEYED_DIGEST_SIZE])
{
        uint8_t key[KEYED_DIGEST_SIZE];

        memset(ret, 0, KEYED_DIGEST_SIZE);
        if (!environment_key_digest(environment, key_serial, key)) {
                return -ENOKEY;
        }
        return exchange_digest(key, environment->settings->base_url, environment->tools.salt, ret);
}

/* ---- what stands against it ---- */

/* A refused key is no way out while there is another; but an operator wants each one tried. */
static bool counts(const struct keyring *keyring, const struct key_state *key, enum refresh_share share)
{
        bool other = false;

        for (size_t i = 0; i < keyring->n; i++) {
                other = other || keyring->keys[i].known.standing != KEY_REFUSED;
        }
        return share == REFRESH_SHARE_OPERATOR || key->known.standing != KEY_REFUSED || !other;
}

/* When the first of the keys is free for that, and what it waits for. False: that is now, or nobody knows.
 */
static bool keys_are_held(const struct environment *environment, enum refresh_share share, uint64_t now_usec,
                          struct refresh_obstacle *ret)
{
        const struct exchange_ledger *ledger = environment->tools.ledger;
        const struct keyring *keyring = &environment->view.refresh.keyring;
        uint8_t digest[KEYED_DIGEST_SIZE];

        *ret = (struct refresh_obstacle){ .until_usec = USEC_NEVER };
        for (size_t i = 0; i < keyring->n; i++) {
                const struct key_state *key = &keyring->keys[i];
                if (!counts(keyring, key, share)) {
                        continue;
                }
                if (name_exchange(environment, key->serial, digest) < 0) {
                        return false;
                }
                uint64_t free_usec =
                        MAX_OF(exchange_ledger_free_usec(ledger, digest, share), key->held_usec);
                if (free_usec < ret->until_usec) {
                        bool patience = exchange_ledger_held_usec(ledger, digest) >= free_usec;
                        ret->limit = patience ? REFRESH_LIMIT_KEYS : REFRESH_LIMIT_ELSEWHERE;
                        ret->until_usec = free_usec;
                }
        }
        /* The floor is over at once. */
        return ret->until_usec != USEC_NEVER && ret->until_usec > now_usec + REFRESH_FLOOR_USEC;
}

static bool is_held_back(const struct environment *environment, enum refresh_share share, uint64_t now_usec,
                         struct refresh_obstacle *ret)
{
        uint64_t url_usec =
                exchange_ledger_url_free_usec(environment->tools.ledger, environment->settings->base_url);
        bool held = keys_are_held(environment, share, now_usec, ret);

        if (url_usec > now_usec && (!held || url_usec >= ret->until_usec)) {
                *ret = (struct refresh_obstacle){ REFRESH_LIMIT_RETRY_AFTER, url_usec };
                return true;
        }
        return held;
}

/* ---- an exchange ---- */

/* A trial of which others have used the share comes again as after an outage: the key stays free for need.
 */
static struct refresh_step postpone_trial(struct refresh *refresh, uint64_t now_usec)
{
        struct refresh_outcome nothing = { .outcome = EXCHANGE_UNAVAILABLE,
                                           .retry_after_sec = RETRY_AFTER_NONE,
                                           .unsent = true };

        return refresh_on_outcome(refresh, &nothing, now_usec, 0);
}

/* A wish was taken on, and others were faster in the same second: those who wait hear of it. */
static void withdraw(struct environment *environment, enum refresh_limit limit, uint64_t now_usec)
{
        struct environment_view *view = &environment->view;

        refresh_withdraw(&view->refresh);
        view->trouble = (struct environment_trouble){
                .any = true, .outcome = EXCHANGE_UNAVAILABLE, .at_usec = now_usec, .unsent = true
        };
        (void)snprintf(view->trouble.why, sizeof(view->trouble.why), "%s",
                       limit == REFRESH_LIMIT_ELSEWHERE
                               ? "other environments have just used this access key's share of exchanges"
                               : "the upstream has just asked another environment for patience");
        view->n_answered++;
}

/* Do floor, budget or patience stand against it that others have used? */
static bool is_held(struct environment *environment, struct refresh_step *ret_step)
{
        const struct exchange_ledger *ledger = environment->tools.ledger;
        const uint8_t *digest = environment->exchange_digest;
        struct refresh *refresh = &environment->view.refresh;
        enum refresh_share share = refresh->in_flight_share;
        uint64_t now_usec = refresh->sent_usec, pass_over_usec = now_usec + PASS_OVER_USEC;
        uint64_t url_usec = exchange_ledger_url_free_usec(ledger, environment->settings->base_url);
        uint64_t share_usec = exchange_ledger_free_usec(ledger, digest, share);
        uint64_t need_usec = exchange_ledger_free_usec(ledger, digest, REFRESH_SHARE_NEED);
        struct refresh_obstacle obstacle;

        if (MAX_OF(url_usec, share_usec) <= now_usec) {
                return false;
        }
        bool trial = share == REFRESH_SHARE_TRIAL, wish = !trial && share != REFRESH_SHARE_NEED;
        if (wish && is_held_back(environment, share, now_usec, &obstacle)) {
                withdraw(environment, obstacle.limit, now_usec);
                pass_over_usec = now_usec;
        }
        if (url_usec > now_usec) {
                *ret_step = refresh_on_held(refresh, /* key= */ false, url_usec, now_usec);
        } else if (trial && need_usec <= now_usec) {
                *ret_step = postpone_trial(refresh, now_usec);
        } else {
                *ret_step = refresh_on_held(refresh, /* key= */ true,
                                            MIN_OF(share_usec, MAX_OF(need_usec, pass_over_usec)), now_usec);
        }
        return true;
}

int environment_ledger_enter(struct environment *environment, uint64_t key_serial,
                             struct refresh_step *ret_step, bool *ret_held)
{
        const struct refresh *refresh = &environment->view.refresh;

        *ret_held = false;
        int r = name_exchange(environment, key_serial, environment->exchange_digest);
        if (r < 0) {
                return r;
        }
        *ret_held = is_held(environment, ret_step);
        if (!*ret_held) {
                exchange_ledger_take(environment->tools.ledger, environment->exchange_digest,
                                     refresh->in_flight_share, refresh->sent_usec);
        }
        return 0;
}

void environment_ledger_tell(struct environment *environment, const struct refresh_outcome *outcome,
                             uint64_t key_serial, uint64_t sent_usec, uint64_t now_usec)
{
        const struct key_state *key = keyring_find(&environment->view.refresh.keyring, key_serial);
        struct exchange_ledger *ledger = environment->tools.ledger;
        const char *base_url = environment->settings->base_url;

        if (outcome->unsent) {
                exchange_ledger_give_back(ledger, environment->exchange_digest, sent_usec);
        }
        if (outcome->outcome == EXCHANGE_GRANTED) {
                exchange_ledger_clear_url(ledger, base_url, sent_usec);
        } else if (outcome->retry_after_sec != RETRY_AFTER_NONE && outcome->retry_after_for_key) {
                exchange_ledger_hold_key(ledger, environment->exchange_digest, key ? key->held_usec : 0);
        } else if (outcome->retry_after_sec != RETRY_AFTER_NONE) {
                exchange_ledger_hold_url(ledger, base_url, environment->view.refresh.retry_after_usec,
                                         now_usec);
        }
}

/* ---- a wish ---- */

bool environment_ledger_objects(const struct environment *environment, const struct refresh *asked,
                                enum refresh_share share, uint64_t now_usec, enum refresh_verdict *verdict,
                                struct refresh_obstacle *obstacle)
{
        const struct refresh *refresh = &environment->view.refresh;
        bool wishes = *verdict == REFRESH_UNDER_WAY &&
                      (asked->wish_usec != refresh->wish_usec || asked->wish_reason != refresh->wish_reason);
        struct refresh_obstacle found;

        /* The machine knows until when it may not use a key, and not why. */
        bool unclear = *verdict == REFRESH_TOO_SOON && obstacle->limit == REFRESH_LIMIT_KEYS;
        if ((!wishes && !unclear) || !is_held_back(environment, share, now_usec, &found)) {
                return false;
        }
        /* The one that is under way is an operator's answer, unless it is a trial, or another account is
         * wanted. */
        bool answers = share == REFRESH_SHARE_OPERATOR && refresh->in_flight &&
                       refresh->in_flight_share != REFRESH_SHARE_TRIAL && !asked->wish_new_account;
        if (unclear || !answers) {
                *verdict = REFRESH_TOO_SOON;
                *obstacle = found;
        }
        return true;
}
