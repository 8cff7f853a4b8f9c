/* Any headers: a request that the guard lets pass from TCP has one right Host, no browser's and no proxy's
 * header, and a client's name where one is needed; a refusal always says why. Input: lines "Name: value". */
#include "daemon/frontend/http/guard.h"
#include "lib/names.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz.h"

#include <strings.h>

static bool is_ours(const char *host)
{
        return strcasecmp(host, "localhost:9377") == 0 || streq(host, "127.0.0.1:9377") ||
               streq(host, "[::1]:9377");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = strndup((const char *)data, size);
        const struct listen_place tcp = { .tcp = true, .port = 9377, .address = "127.0.0.1" };
        const struct listen_place local = { .tcp = false };
        struct guard_facts facts = { 0 };
        struct guard_refusal refusal = { 0 };
        bool bad = false;
        unsigned n_hosts = 0;

        must(text);
        for (char *line = text, *rest = NULL; (line = strtok_r(line, "\n", &rest)); line = NULL) {
                char *colon = strchr(line, ':');
                if (!colon) {
                        continue;
                }
                *colon = '\0';
                char *value = colon + 1 + strspn(colon + 1, " \t");
                guard_note(&facts, line, value);
                n_hosts += strcasecmp(line, "Host") == 0;
                bad = bad || strcasecmp(line, "Origin") == 0 || strcasecmp(line, "Sec-Fetch-Site") == 0 ||
                      strcasecmp(line, "Via") == 0 || strncasecmp(line, "X-Forwarded-", 12) == 0;
        }
        if (guard_check(&facts, &tcp, /* needs_client= */ true, &refusal)) {
                must(!bad && n_hosts == 1 && is_ours(facts.host));
                must(facts.n_clients == 1 && client_name_valid(facts.client, strlen(facts.client)));
        } else {
                must(refusal.status >= 400 && refusal.slug && refusal.message[0]);
        }
        refusal = (struct guard_refusal){ 0 };
        if (!guard_check(&facts, &local, /* needs_client= */ false, &refusal)) {
                must(refusal.status == 400 && refusal.message[0]);
        }
        return 0;
}
