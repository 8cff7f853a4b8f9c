/* Is the right of a request that is passed on still there?
 *
 * Names and groups in `caller =` may have to be looked up first. Until then the request goes on: most
 * reloads change nothing of this. But not for ever, as the user database may hang: in the end it is judged
 * by what is known, as a new request is. */
#include "daemon/frontend/gateway/transfer_right.h"

#include "daemon/base/clock.h"
#include "daemon/base/timer.h"
#include "daemon/frontend/api/api.h"
#include "daemon/frontend/http/connection.h"
#include "lib/secret.h"
#include "lib/util.h"

#define RIGHT_WAIT_USEC (30 * USEC_PER_SEC) /* longer than for a new request: much may have been sent */

void transfer_right_begin(struct transfer *transfer)
{
        const struct carried_key *carried = &transfer->request->carried;

        if (carried->kind == CARRIED_LOCAL) {
                memcpy(transfer->key_id, carried->key->id, sizeof(transfer->key_id));
                memcpy(transfer->key_hash, carried->secret_hash, sizeof(transfer->key_hash));
        }
}

/* Has the key the ID and the secret that the request came with? */
static bool is_same(const struct transfer *transfer, const struct local_key *key, int64_t now_sec)
{
        bool old = key->has_old && now_sec < key->old_until_sec &&
                   secret_equal(key->old_secret_hash, transfer->key_hash, LOCAL_KEY_HASH_SIZE);

        return streq(key->id, transfer->key_id) && streq(key->environment, transfer->what.environment) &&
               (old || secret_equal(key->secret_hash, transfer->key_hash, LOCAL_KEY_HASH_SIZE));
}

static void await_news(struct transfer *transfer, uint64_t now_usec)
{
        struct gateway *gateway = transfer->gateway;

        if (transfer->right_until_usec == 0) {
                transfer->right_until_usec = usec_add(now_usec, RIGHT_WAIT_USEC);
        }
        if (!gateway->rights_wait) {
                gateway->rights_wait = true;
                timer_start_in(gateway->right_limit, usec_sub(transfer->right_until_usec, now_usec));
        }
}

/* May its caller use the key? True as well while that is being looked up. */
static bool is_callers(struct transfer *transfer, const struct local_key *key, bool last_time)
{
        struct caller *caller = &transfer->request->connection->caller;
        struct known *known = transfer->gateway->known;
        uint64_t now_usec = clock_now_usec(), until_usec;
        struct caller_identity identity;
        struct rule_group_list room;

        if (key->callers.n == 0) {
                return true;
        }
        if (!caller_judge(caller, known, now_usec, last_time, &transfer->right_news, &until_usec)) {
                if (transfer->right_news.link) {
                        await_news(transfer, now_usec);
                        return true;
                }
                /* There will be no news: it is judged by what is known. */
                (void)caller_judge(caller, known, now_usec, /* last_time= */ true, &transfer->right_news,
                                   &until_usec);
        }
        transfer->right_until_usec = 0;
        caller_identify(caller, known, &room, &identity);
        return access_rules_allow(&key->callers, &identity);
}

static bool is_there(struct transfer *transfer, bool last_time)
{
        const struct gateway *gateway = transfer->gateway;
        int64_t now_sec = clock_wall_sec();

        if (!api_passes_on(gateway->api, transfer->what.environment)) {
                return false;
        }
        if (*transfer->what.local == '\0') {
                return true;
        }
        const struct local_key *key = access_settings_key(gateway->known->settings, transfer->what.local);
        return key && is_same(transfer, key, now_sec) &&
               (key->expires_sec == 0 || now_sec < key->expires_sec) && is_callers(transfer, key, last_time);
}

static void look(struct transfer *transfer, bool last_time)
{
        if (!is_there(transfer, last_time)) {
                transfer_abort(transfer, TRANSFER_ENDED);
        }
}

static void on_news(struct waiter *waiter)
{
        look(container_of(waiter, struct transfer, right_news), /* last_time= */ false);
}

void transfer_right_look(struct transfer *transfer)
{
        transfer->right_news.on_news = on_news;
        look(transfer, /* last_time= */ false);
}

int transfer_right_on_limit(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct gateway *gateway = userdata;
        struct ring *all = &gateway->transfers;
        uint64_t now_usec = clock_now_usec(), next_usec = USEC_NEVER;

        gateway->rights_wait = false;
        for (struct ring *at = ring_first(all); at; at = ring_after(all, at)) {
                struct transfer *transfer = container_of(at, struct transfer, ring);
                if (transfer->right_until_usec > 0 && now_usec >= transfer->right_until_usec) {
                        transfer->right_until_usec = 0;
                        look(transfer, /* last_time= */ true);
                } else if (transfer->right_until_usec > 0) {
                        next_usec = MIN_OF(next_usec, transfer->right_until_usec);
                }
        }
        if (next_usec != USEC_NEVER) {
                gateway->rights_wait = true;
                timer_start_in(gateway->right_limit, next_usec - now_usec);
        }
        return 0;
}
