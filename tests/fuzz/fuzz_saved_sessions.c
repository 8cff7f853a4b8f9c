/* Any bytes as what a process before us left: accepted sessions are whole and bounded, and a machine that
 * goes on from there keeps its promises. */
#include "lib/refresh.h"
#include "lib/saved_sessions.h"
#include "lib/secret.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz.h"

#define NOW (1000 * USEC_PER_SEC)

static void check_machine(const struct saved_environment *saved)
{
        const struct key_name key = { .serial = 1, .label = "1-main" };
        const struct session *session = session_alive(saved->session, NOW) ? saved->session : NULL;
        struct refresh_token token = { .refresh_point_usec = saved->refresh_point_usec,
                                       .life_usec = session ? session->lifetime_sec * USEC_PER_SEC : 0,
                                       .attainable_sec = saved->attainable_sec,
                                       .reported = saved->reported };
        struct refresh refresh;

        token.expires_usec = session ? session->expires_usec : 0;
        refresh_init(&refresh);
        refresh_restore(&refresh, &saved->past, session ? &token : NULL, 1);
        must(refresh_sent_last_hour(&refresh, NOW) <= REFRESH_HOURLY_BUDGET);
        unsigned before = refresh_sent_last_hour(&refresh, NOW);
        struct refresh_step step = refresh_on_keys(&refresh, &key, 1, NOW);
        must(!step.expired && refresh.has_token == (session != NULL));
        if (step.exchange) {
                must(before < REFRESH_HOURLY_BUDGET && saved->past.retry_after_usec <= NOW);
                must(saved->past.n_sent == 0 ||
                     saved->past.sent[saved->past.n_sent - 1].usec + REFRESH_FLOOR_USEC <= NOW);
                must(!session || saved->refresh_point_usec <= NOW || refresh.last_chance_usec <= NOW);
        } else {
                must(step.wake_usec > NOW && step.wake_usec != USEC_NEVER);
        }
}

static void check_saved(const struct saved_sessions *saved)
{
        must(saved->number > 0 && saved->n_environments <= SETTINGS_ENVIRONMENTS_MAX);
        for (size_t i = 0; i < saved->n_environments; i++) {
                const struct saved_environment *one = &saved->environments[i];
                const struct session *session = one->session;

                must(environment_name_valid(one->name, strlen(one->name)));
                must(strncmp(one->base_url, "https://", 8) == 0);
                must(one->past.n_sent <= REFRESH_HOURLY_BUDGET);
                must(one->n_caused <= SAVED_CAUSED_MAX);
                if (session) {
                        must(token_exchange_is_plain(session->ust, strlen(session->ust), SESSION_TOKEN_MAX));
                        must(session->lifetime_sec >= 1 && session->lifetime_sec <= LIFETIME_MAX_SEC);
                        must(one->refresh_point_usec >= session->sent_usec);
                        must(one->refresh_point_usec <= session->expires_usec);
                }
                if (saved_environment_possible(one, NOW)) {
                        check_machine(one);
                }
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct saved_sessions *saved = NULL;
        const char *why = NULL;
        char *text = NULL;
        size_t length = 0;

        int r = saved_sessions_parse((const char *)data, size, &saved, &why);
        if (r < 0) {
                must(!saved && why && *why);
                return 0;
        }
        check_saved(saved);
        must(saved_sessions_format(saved, &text, &length) == 0);
        must(length == size && memcmp(text, data, size) == 0);
        (void)secret_free(text);
        (void)saved_sessions_free(saved);
        return 0;
}
