/* Is the right of a request that is passed on still there?
 *
 * Names and groups in `caller =` may have to be looked up first. Until then the request goes on: most
 * reloads change nothing of this. */
#include "daemon/frontend/gateway/transfer_right.h"

#include "daemon/base/clock.h"
#include "daemon/frontend/api/api.h"
#include "daemon/frontend/http/connection.h"
#include "lib/secret.h"
#include "lib/util.h"

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

/* May its caller use the key? True as well while that is being looked up. */
static bool is_callers(struct transfer *transfer, const struct local_key *key)
{
        struct caller *caller = &transfer->request->connection->caller;
        struct known *known = transfer->gateway->known;
        struct caller_identity identity;
        struct rule_group_list room;
        uint64_t until_usec;

        if (key->callers.n == 0) {
                return true;
        }
        if (!caller_judge(caller, known, clock_now_usec(), /* last_time= */ false, &transfer->right_news,
                          &until_usec)) {
                if (transfer->right_news.link) {
                        return true;
                }
                /* There will be no news: it is judged by what is known. */
                (void)caller_judge(caller, known, clock_now_usec(), /* last_time= */ true,
                                   &transfer->right_news, &until_usec);
        }
        caller_identify(caller, known, &room, &identity);
        return access_rules_allow(&key->callers, &identity);
}

static bool is_there(struct transfer *transfer)
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
               (key->expires_sec == 0 || now_sec < key->expires_sec) && is_callers(transfer, key);
}

static void on_news(struct waiter *waiter)
{
        transfer_right_look(container_of(waiter, struct transfer, right_news));
}

void transfer_right_look(struct transfer *transfer)
{
        transfer->right_news.on_news = on_news;
        if (!is_there(transfer)) {
                transfer_abort(transfer, TRANSFER_ENDED);
        }
}
