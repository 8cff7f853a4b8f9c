/* Any bytes as what a process before us knew: accepted knowledge is whole and bounded, and a machine and a
 * ledger that go on from there keep their promises. */
#include "lib/refresh.h"
#include "lib/saved_knowledge.h"
#include "lib/secret.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz.h"

#define NOW (1000 * USEC_PER_SEC)

static void check_machine(const struct known_environment *known)
{
        struct key_name name = { .serial = 1, .label = "1-main" };
        struct refresh_past past;
        struct refresh_token token;
        struct refresh refresh;

        name.known = known->n_keys > 0 ? known->keys[0].known : (struct key_knowledge){ 0 };
        refresh_init(&refresh);
        refresh_restore(&refresh, &known->past, NULL, 0);
        refresh_leave(&refresh, &past, &token);
        must(past.n_sent == known->past.n_sent);
        must(memcmp(past.sent, known->past.sent, past.n_sent * sizeof(past.sent[0])) == 0);
        must(refresh_sent_last_hour(&refresh, NOW) <= REFRESH_HOURLY_BUDGET);
        struct refresh_step step = refresh_on_keys(&refresh, &name, 1, NOW);
        if (step.exchange) {
                must(refresh_sent_last_hour(&refresh, NOW) <= REFRESH_HOURLY_BUDGET);
                must(known->past.retry_after_usec <= NOW);
                must(known->past.n_sent == 0 ||
                     known->past.sent[known->past.n_sent - 1].usec + REFRESH_FLOOR_USEC <= NOW);
        } else {
                must(step.wake_usec > NOW && step.wake_usec != USEC_NEVER);
        }
}

static void check_ledger(struct exchange_ledger *ledger)
{
        must(ledger->n_keys <= EXCHANGE_LEDGER_KEYS_MAX && ledger->n_urls <= EXCHANGE_LEDGER_URLS_MAX);
        for (size_t i = 0; i < ledger->n_keys; i++) {
                must(ledger->keys[i].n_sent <= REFRESH_HOURLY_BUDGET);
        }
        if (exchange_ledger_possible(ledger, NOW) && ledger->n_keys > 0) {
                uint8_t digest[KEYED_DIGEST_SIZE];
                memcpy(digest, ledger->keys[0].digest, sizeof(digest));
                enum refresh_share share = (enum refresh_share)(digest[0] % _REFRESH_SHARE_COUNT);
                uint64_t free_usec = exchange_ledger_free_usec(ledger, digest, share);
                must(free_usec <= NOW + USEC_PER_HOUR + RETRY_AFTER_SPREAD_USEC);
                free_usec = MAX_OF(free_usec, NOW);
                exchange_ledger_take(ledger, digest, share, free_usec);
                must(exchange_ledger_free_usec(ledger, digest, share) >= free_usec + REFRESH_FLOOR_USEC);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct saved_knowledge *saved = NULL;
        const char *why = NULL;
        char *text = NULL;
        size_t length = 0;

        int r = saved_knowledge_parse((const char *)data, size, &saved, &why);
        if (r < 0) {
                must(!saved && why && *why);
                return 0;
        }
        must(saved_knowledge_format(saved, &text, &length) == 0);
        must(length == size && memcmp(text, data, size) == 0);
        (void)secret_free(text);
        must(saved->number > 0 && saved->n_environments <= KNOWN_ENVIRONMENTS_MAX);
        for (size_t i = 0; i < saved->n_environments; i++) {
                const struct known_environment *known = saved->environments[i];
                must(environment_name_valid(known->name, strlen(known->name)));
                must(strncmp(known->base_url, "https://", 8) == 0);
                must(known->n_keys <= KNOWN_KEYS_MAX);
                if (known_environment_possible(known, NOW)) {
                        check_machine(known);
                }
        }
        check_ledger(saved->ledger);
        (void)saved_knowledge_free(saved);
        return 0;
}
