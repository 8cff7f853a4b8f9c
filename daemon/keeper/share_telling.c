/* The store is told: of a session that was granted here, that there was none to be had, or that none is
 * needed.
 *
 * First it is asked whose lease stands there, as only our own is touched, and how late it is there. Nothing
 * waits for any of it: if the store cannot be told, the others help themselves when the lease has lapsed. */
#include "daemon/base/clock.h"
#include "daemon/keeper/environment_share_object.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <errno.h>
#include <sys/random.h>

static int publish(struct environment_share *share, const struct store_claim *claim, bool ours,
                   struct store_request **ret)
{
        _cleanup_secret_ struct shared_session *shared = secret_alloc(sizeof(*shared));
        uint8_t value[SHARE_VALUE_MAX], salt[SHARE_SALT_SIZE];
        const struct session *session = share->session;
        uint64_t now_usec = clock_now_usec(), left_msec;
        size_t n_value = 0;

        if (!session_alive(session, now_usec) || environment_share_is_off(share)) {
                return -ESTALE;
        }
        if (!shared || getrandom(salt, sizeof(salt), GRND_NONBLOCK) != sizeof(salt)) {
                return -ENOMEM;
        }
        shared->issued_wall_usec = usec_sub(clock_wall_usec(), usec_sub(now_usec, session->sent_usec));
        shared->lifetime_sec = session->lifetime_sec;
        memcpy(shared->mage_id, session->mage_id, sizeof(shared->mage_id));
        memcpy(shared->ust, session->ust, strlen(session->ust) + 1);
        int r = share_form_seal(share->tell_form, shared, salt, value, &n_value);
        if (r < 0) {
                return r;
        }
        left_msec = (session->expires_usec - now_usec) / USEC_PER_MSEC;
        return store_request_publish(ret, NULL, &share->tell_place, value, n_value, left_msec,
                                     claim->store_wall_usec / USEC_PER_MSEC + left_msec, ours);
}

static int cool(struct environment_share *share, struct store_request **ret)
{
        uint8_t value[SHARE_VALUE_MAX], salt[SHARE_SALT_SIZE];
        uint64_t left_usec = usec_sub(share->until_usec, clock_now_usec());
        size_t n_value = 0;

        if (left_usec < USEC_PER_MSEC) { /* we try again already */
                return store_request_lapse(ret, NULL, &share->tell_place);
        }
        if (getrandom(salt, sizeof(salt), GRND_NONBLOCK) != sizeof(salt)) {
                return -ENOMEM;
        }
        const struct shared_cool_down cool_down = { clock_wall_usec() + left_usec };
        int r = share_form_seal_cool_down(share->tell_form, &cool_down, salt, value, &n_value);
        return r < 0 ? r
                     : store_request_cool(ret, NULL, &share->tell_place, value, n_value,
                                          left_usec / USEC_PER_MSEC);
}

/* A caller may have reported it meanwhile, or another one may be in hand. */
static bool is_good(const struct environment_share *share)
{
        const struct refresh *refresh = &share->environment->view.refresh;

        return share->session == share->environment->session &&
               !(refresh->reported_usec > 0 && refresh->reported_serial == share->session->serial);
}

static void on_answer(const struct store_claim *claim, uint64_t sent_usec, void *userdata)
{
        struct environment_share *share = userdata;
        struct store_request *request = NULL;
        int r = -ESTALE;

        environment_share_note_clock(share, claim->store_wall_usec);
        if (share->telling == SHARE_TELLS_SESSION && is_good(share)) {
                r = publish(share, claim, claim->lease_ours, &request);
        }
        if (r < 0 && claim->lease_ours) {
                r = share->telling == SHARE_TELLS_COOL_DOWN ? cool(share, &request)
                    : share->telling == SHARE_TELLS_NO_NEED
                            ? store_request_give_back(&request, NULL, &share->tell_place)
                            : store_request_lapse(&request, NULL, &share->tell_place);
        } else if (r >= 0) {
                share->told = true;
        }
        if (r >= 0 && request) {
                store_talk_say(share->tell, request);
        }
}

static void on_end(enum store_state state, const char *store, const char *why, void *userdata)
{
        struct environment_share *share = userdata;

        environment_share_note_store(share, state, store);
        share->environment->view.share.n_published += state == STORE_FINE && share->told;
        share_telling_end(share);
        share->user->on_change(share->environment);
}

void share_telling_begin(struct environment_share *share, enum share_telling telling, uint64_t key_serial,
                         uint64_t until_usec)
{
        struct environment *environment = share->environment;
        const struct store_talk_user user = { on_answer, on_end, share };

        share_telling_end(share);
        if (environment_share_form(environment, key_serial, &share->tell_form, &share->tell_place) < 0) {
                return;
        }
        if (share->holds_lease && share->lease_key == key_serial) {
                memcpy(share->tell_place.lease_id, share->lease_id, sizeof(share->lease_id));
        } else { /* nobody's */
                memset(share->tell_place.lease_id, 0, sizeof(share->tell_place.lease_id));
        }
        share->telling = telling;
        share->until_usec = until_usec;
        share->session = telling == SHARE_TELLS_SESSION ? session_ref(environment->session) : NULL;
        if (store_talk_new(&share->tell, environment->tools.share, &share->tell_place, /* claim= */ false,
                           &user) < 0) {
                share_telling_end(share);
        }
}

void share_telling_end(struct environment_share *share)
{
        share->tell = store_talk_free(share->tell);
        share->tell_form = share_form_free(share->tell_form);
        share->session = session_unref(share->session);
        share->told = false;
}
