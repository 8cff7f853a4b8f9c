/* Sharing an environment's tokens with other hosts: claims, and the tokens that they find. */
#include "daemon/keeper/environment_share.h"

#include "daemon/base/clock.h"
#include "daemon/base/journal.h"
#include "daemon/base/keyed_digest.h"
#include "daemon/keeper/environment_outcome.h"
#include "daemon/keeper/environment_share_object.h"
#include "lib/refresh_cool.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

/* A token may come from a clock that is ahead of another one by so much, each being off by no more than may
 * be. */
#define FUTURE_MAX_USEC (2 * SHARE_SKEW_MAX_SEC * USEC_PER_SEC)

/* ---- tokens reported here ---- */

static bool was_reported(const struct environment_share *share, const char *ust)
{
        uint8_t digest[KEYED_DIGEST_SIZE];

        if (keyed_digest(ust, strlen(ust), share->environment->tools.salt, digest) < 0) {
                return true; /* it cannot be told */
        }
        for (size_t i = 0; i < MIN_OF(share->n_reported, (size_t)SHARE_REPORTED_KEPT); i++) {
                if (memcmp(share->reported[i], digest, sizeof(digest)) == 0) {
                        return true;
                }
        }
        return false;
}

void environment_share_reported(struct environment *environment, bool found, const char *ust, size_t length)
{
        struct environment_share *share = environment->share;

        environment->view.share.n_rejected += found;
        if (share && keyed_digest(ust, length, environment->tools.salt,
                                  share->reported[share->n_reported % SHARE_REPORTED_KEPT]) >= 0) {
                share->n_reported++;
        }
}

/* ---- a claim's answer ---- */

/* When the life of what was found ends, on our clock; 0: it is over, or nobody knows. */
static uint64_t end_of(const struct shared_session *shared, const struct store_claim *claim,
                       uint64_t sent_usec, uint64_t now_usec)
{
        uint64_t wall_usec = clock_wall_usec(), life_usec = shared->lifetime_sec * USEC_PER_SEC;
        uint64_t ends_wall_usec = shared->issued_wall_usec + life_usec, left_usec;

        if (claim->session_left_msec <= 0 || shared->issued_wall_usec > wall_usec + FUTURE_MAX_USEC ||
            ends_wall_usec <= wall_usec) {
                return 0;
        }
        left_usec = MIN_OF(ends_wall_usec - wall_usec, life_usec);
        uint64_t by_store_usec =
                sent_usec + MIN_OF((uint64_t)claim->session_left_msec, (uint64_t)LIFETIME_MAX_SEC * 1000) *
                                    USEC_PER_MSEC;
        uint64_t ends_usec = MIN_OF(now_usec + left_usec, by_store_usec);
        return ends_usec > now_usec ? ends_usec : 0;
}

/* Whether it is one to be offered to the machine. */
static bool is_acceptable(const struct environment_share *share, const struct shared_session *shared)
{
        const char *account = environment_account(share->environment);

        return !environment_share_is_off(share) && (!*account || streq(account, shared->mage_id)) &&
               !was_reported(share, shared->ust);
}

static int make_session(struct environment_share *share, const struct shared_session *shared,
                        uint64_t ends_usec)
{
        _cleanup_secret_ struct grant *grant = secret_alloc(sizeof(*grant));
        const struct environment *environment = share->environment;
        const struct key_state *key = keyring_find(&environment->view.refresh.keyring, share->claim_key);
        uint64_t life_usec = shared->lifetime_sec * USEC_PER_SEC;
        uint64_t issued_usec = ends_usec > life_usec ? ends_usec - life_usec : 1; /* before this boot */

        if (!grant) {
                return -ENOMEM;
        }
        grant->lifetime_sec = (uint32_t)((ends_usec - issued_usec) / USEC_PER_SEC);
        if (grant->lifetime_sec == 0) {
                return -ESTALE;
        }
        memcpy(grant->mage_id, shared->mage_id, sizeof(grant->mage_id));
        memcpy(grant->ust, shared->ust, sizeof(grant->ust));
        int r = session_new(&share->found, grant, environment->last_serial + 1, issued_usec,
                            key ? key->label : "");
        if (r < 0) {
                return r;
        }
        share->answer.issued_usec = issued_usec;
        share->answer.expires_usec = share->found->expires_usec;
        share->answer.token_serial = share->found->serial;
        share->answer.lifetime_sec = shared->lifetime_sec;
        share->answer.new_account =
                environment->session && !streq(environment->session->mage_id, shared->mage_id);
        return 0;
}

/* Returns whether there is a token that others have and we have not. */
static bool take_session(struct environment_share *share, const struct store_claim *claim,
                         uint64_t sent_usec, uint64_t now_usec)
{
        _cleanup_secret_ struct shared_session *shared = secret_alloc(sizeof(*shared));
        const struct session *in_hand = share->environment->session;
        uint64_t ends_usec;

        if (!claim->session || !shared ||
            share_form_open(share->claim_form, claim->session, claim->n_session, shared) < 0 ||
            (in_hand && session_has_token(in_hand, shared->ust, strlen(shared->ust)))) {
                return false;
        }
        ends_usec = is_acceptable(share, shared) ? end_of(shared, claim, sent_usec, now_usec) : 0;
        if (ends_usec == 0 || make_session(share, shared, ends_usec) < 0) {
                share->environment->view.share.n_unusable++;
                return false;
        }
        return true;
}

static void take_lease(struct environment_share *share, const struct store_claim *claim)
{
        struct refresh_claim *answer = &share->answer;
        struct shared_cool_down cool_down;
        uint64_t left_usec = STORE_LEASE_MSEC * USEC_PER_MSEC;

        share->environment->view.share.lease = claim->lease_ours ? SHARE_LEASE_OURS : SHARE_LEASE_OTHERS;
        if (claim->lease_ours) {
                answer->otherwise = REFRESH_CLAIM_HELD;
                share->holds_lease = true;
                share->lease_key = share->claim_key;
                memcpy(share->lease_id, share->claim_place.lease_id, sizeof(share->lease_id));
                return;
        }
        share->holds_lease = share->holds_lease && share->lease_key != share->claim_key;
        answer->otherwise = REFRESH_CLAIM_LEASED;
        if (claim->lease &&
            share_form_open_cool_down(share->claim_form, claim->lease, claim->n_lease, &cool_down) >= 0) {
                answer->otherwise = REFRESH_CLAIM_COOL;
                left_usec = REFRESH_COOL_MAX_USEC;
                if (!environment_share_is_off(share)) {
                        left_usec =
                                MIN_OF(left_usec, usec_sub(cool_down.until_wall_usec, clock_wall_usec()));
                }
        }
        answer->left_usec = claim->lease_left_msec >= 0
                                    ? MIN_OF(left_usec, MIN_OF((uint64_t)claim->lease_left_msec,
                                                               (uint64_t)STORE_LEASE_MSEC * 10) *
                                                                USEC_PER_MSEC)
                                    : left_usec;
}

static void on_answer(const struct store_claim *claim, uint64_t sent_usec, void *userdata)
{
        struct environment_share *share = userdata;

        environment_share_note_clock(share, claim->store_wall_usec);
        take_lease(share, claim);
        share->answer.kind = take_session(share, claim, sent_usec, clock_now_usec())
                                     ? REFRESH_CLAIM_FOUND
                                     : share->answer.otherwise;
}

/* ---- the claim as a whole ---- */

static void end_claim(struct environment_share *share)
{
        share->claim = store_talk_free(share->claim);
        share->claim_form = share_form_free(share->claim_form);
        share->found = session_unref(share->found);
}

/* No exchange is made under the lease that was taken. A host that needs one now, after a report of the same
 * token say, is not to wait until it lapses. */
static void give_back(struct environment_share *share)
{
        if (share->holds_lease && !share->tell) {
                share_telling_begin(share, SHARE_TELLS_NO_NEED, share->lease_key, 0);
                share->environment->view.share.lease = SHARE_LEASE_NONE;
        }
        share->holds_lease = false;
}

static void finish(struct environment_share *share)
{
        struct environment *environment = share->environment;
        struct session *found = take_ptr(share->found);
        const struct refresh_claim answer = share->answer;

        environment->view.share.n_claims[answer.kind]++;
        end_claim(share);
        if (share->user->on_claimed(environment, &answer, found, share->claim_key)) {
                give_back(share);
        }
}

static void on_end(enum store_state state, const char *store, const char *why, void *userdata)
{
        struct environment_share *share = userdata;

        environment_share_note_store(share, state, store);
        if (state != STORE_FINE) {
                share->answer = (struct refresh_claim){ .kind = REFRESH_CLAIM_FAILED };
        }
        finish(share);
}

void environment_share_claim(struct environment *environment, uint64_t key_serial)
{
        struct environment_share *share = environment->share;
        const struct store_talk_user user = { on_answer, on_end, share };

        if (!share) {
                return; /* the machine gives it up by itself */
        }
        end_claim(share);
        share->claim_key = key_serial;
        share->answer = (struct refresh_claim){ .kind = REFRESH_CLAIM_FAILED };
        if (!share_is_on(environment->tools.share) ||
            environment_share_form(environment, key_serial, &share->claim_form, &share->claim_place) < 0 ||
            getrandom(share->claim_place.lease_id, sizeof(share->claim_place.lease_id), GRND_NONBLOCK) !=
                    sizeof(share->claim_place.lease_id) ||
            store_talk_new(&share->claim, environment->tools.share, &share->claim_place, /* claim= */ true,
                           &user) < 0) {
                finish(share);
        }
}

void environment_share_cancel(struct environment *environment)
{
        if (environment->share) {
                end_claim(environment->share);
        }
}

void environment_share_halt(struct environment *environment)
{
        if (environment->share) {
                end_claim(environment->share);
                share_telling_end(environment->share);
        }
}

void environment_share_forget(struct environment *environment)
{
        environment_share_halt(environment);
        if (environment->share) {
                environment->share->holds_lease = false;
                environment->share->upstream_skew.known = false;
                environment->view.share.lease = SHARE_LEASE_NONE;
        }
}

/* ---- exchanges ---- */

void environment_share_exchanged(struct environment *environment, const struct exchange_report *report,
                                 uint64_t key_serial, bool adopted, uint64_t now_usec)
{
        struct environment_share *share = environment->share;

        if (!share || !share_is_on(environment->tools.share)) {
                return;
        }
        environment_share_note_upstream(share, report);
        if (adopted) {
                share_telling_begin(share, SHARE_TELLS_SESSION, key_serial, 0);
        } else if (share->holds_lease && share->lease_key == key_serial) {
                share_telling_begin(share, report->unsent ? SHARE_TELLS_LAPSE : SHARE_TELLS_COOL_DOWN,
                                    key_serial,
                                    refresh_cool_usec(&environment->view.refresh, key_serial, now_usec));
        }
        if (share->holds_lease && share->lease_key == key_serial) {
                share->holds_lease = false;
                environment->view.share.lease = SHARE_LEASE_NONE;
        }
}

/* ---- life ---- */

void environment_share_look(struct environment *environment, const struct environment_share_user *user)
{
        enum share_mode before = environment->view.share.mode, mode = environment_share_mode(environment);

        if (mode == SHARE_ON && !environment->share) {
                environment->share = calloc(1, sizeof(*environment->share));
                if (!environment->share) {
                        return; /* until the next look */
                }
                environment->share->environment = environment;
                environment->share->user = user;
        }
        environment->view.share.mode = mode;
        if (mode == SHARE_SHORT_KEY && mode != before) {
                journal_say(&(struct journal_record){ .priority = LOG_WARNING,
                                                      .id = EVENT_STORE,
                                                      .environment = environment->view.name },
                            "its tokens are not shared: the application secret has fewer than %d "
                            "characters, and "
                            "could be guessed from what is in a store",
                            SHARE_SECRET_MIN);
        }
        if ((mode == SHARE_ON) != (before == SHARE_ON)) {
                refresh_use_store(&environment->view.refresh, mode == SHARE_ON);
        }
}

struct environment_share *environment_share_free(struct environment_share *share)
{
        if (share) {
                end_claim(share);
                share_telling_end(share);
                free(share);
        }
        return NULL;
}
