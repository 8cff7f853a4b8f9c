/* Any bytes as the address of the unit that asks for a credential: an accepted one gives the same address
 * again. */
#include "lib/access_rule.h"
#include "lib/credential_peer.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz.h"

static void check_name(const char *text)
{
        struct credential_name name;

        credential_name_read(text, &name);
        must(name.environment[0] == '\0' ||
             (environment_name_valid(name.environment, strlen(name.environment)) &&
              strstr(text, name.environment)));
}

/* A rule for just this unit lets it in, and one for another does not. */
static void check_rule(const char *unit)
{
        char text[sizeof("unit:") + UNIT_NAME_MAX], other[UNIT_NAME_MAX + 1];
        struct access_rule rule;
        const char *why = NULL;

        (void)snprintf(text, sizeof(text), "unit:%s", unit);
        must(access_rule_parse(text, &rule, &why) == 0);
        const struct access_rules rules = { .rules = &rule, .n = 1 };
        must(access_rules_allow_unit(&rules, unit));
        must(!access_rules_allow(&rules, &(struct caller_identity){ .uid = 0 }));
        (void)snprintf(other, sizeof(other), "%s", unit);
        other[0] = unit[0] == 'x' ? 'y' : 'x';
        must(!access_rules_allow_unit(&rules, other));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct credential_peer peer;
        char again[128];

        if (credential_peer_parse((const char *)data, size, &peer) < 0) {
                return 0;
        }
        size_t random = strcspn((const char *)data + 1, "/");
        int length = snprintf(again, sizeof(again), "%.*s/unit/%s/%s", (int)random, (const char *)data + 1,
                              peer.unit, peer.credential);
        must(length > 0 && (size_t)length + 1 == size && memcmp(again, data + 1, (size_t)length) == 0);
        must(!strchr(peer.unit, '/') && !strchr(peer.credential, '/'));
        for (const char *p = peer.credential; *p != '\0'; p++) {
                must(*p >= 0x20 && *p <= 0x7e);
        }
        check_name(peer.credential);
        check_rule(peer.unit);
        return 0;
}
