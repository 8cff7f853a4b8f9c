/* Remarks on settings. A lifetime may be too short for the hourly budget of exchanges: such tokens are
 * renewed as often as the budget allows, which is later than it should be, or too late. And a store's
 * password may cross a network for all to read. */
#include "lib/settings_remark.h"

#include "lib/duration.h"
#include "lib/util.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <strings.h>

#define GAP_SEC (3600 / LIFETIME_RENEWALS_PER_HOUR + 1) /* between two renewals, rounded up */

static_assert(3600 * 10 <= LIFETIME_RENEWALS_PER_HOUR * 7 * LIFETIME_BORNE_SEC &&
                      3600 * 10 > LIFETIME_RENEWALS_PER_HOUR * 7 * (LIFETIME_BORNE_SEC - 1),
              "the shortest life of which 70 % are no less than the gap");

static const char *describe_effect(uint32_t lifetime_sec)
{
        return lifetime_sec < GAP_SEC
                       ? "there will be no token for a part of the time"
                       : "tokens are renewed late in their lives, with little time left for trouble";
}

bool settings_remark(const struct environment_settings *environment, char ret[static SETTINGS_REMARK_MAX])
{
        char lifetime[DURATION_TEXT_MAX];

        if (environment->lifetime_sec >= LIFETIME_BORNE_SEC) {
                return false;
        }
        (void)snprintf(
                ret, SETTINGS_REMARK_MAX,
                "lifetime = %s is shorter than the hourly budget can bear, which has %d exchanges for "
                "renewing tokens, one in %d s: %s; set lifetime to %ds or more, or leave it out",
                duration_format(environment->lifetime_sec * USEC_PER_SEC, lifetime),
                LIFETIME_RENEWALS_PER_HOUR, GAP_SEC, describe_effect(environment->lifetime_sec),
                LIFETIME_BORNE_SEC);
        return true;
}

bool settings_remark_granted(uint32_t granted_sec, uint32_t asked_sec, char ret[static SETTINGS_REMARK_MAX])
{
        char granted[DURATION_TEXT_MAX], asked[DURATION_TEXT_MAX];

        if (granted_sec >= LIFETIME_BORNE_SEC || granted_sec >= asked_sec) {
                return false;
        }
        (void)snprintf(ret, SETTINGS_REMARK_MAX,
                       "the upstream grants a lifetime of %s where %s was asked for, which is shorter than "
                       "the hourly budget can bear, with %d exchanges for renewing tokens, one in %d s: %s; "
                       "check base_url, or ask the upstream's operator for %ds or more",
                       duration_format(granted_sec * USEC_PER_SEC, granted),
                       duration_format(asked_sec * USEC_PER_SEC, asked), LIFETIME_RENEWALS_PER_HOUR, GAP_SEC,
                       describe_effect(granted_sec), LIFETIME_BORNE_SEC);
        return true;
}

/* Of redis://HOST:PORT. "localhost" never leaves the host, and neither do 127.0.0.0/8 and ::1. */
static bool is_loopback(const char *address)
{
        const char *host = address + strlen("redis://");
        const char *end = strrchr(host, ':');
        size_t length = end ? (size_t)(end - host) : strlen(host);
        char text[STORE_ADDRESS_MAX + 1];
        struct in_addr number;

        (void)snprintf(text, sizeof(text), "%.*s", (int)length, host);
        return strcasecmp(text, "localhost") == 0 || streq(text, "[::1]") ||
               (inet_pton(AF_INET, text, &number) == 1 && ntohl(number.s_addr) >> 24 == IN_LOOPBACKNET);
}

bool settings_remark_share(const struct share_settings *share, char ret[static SETTINGS_REMARK_MAX])
{
        for (size_t i = 0; i < share->n_stores && share->password_file; i++) {
                const struct store_address *store = &share->stores[i];

                if (store->kind == STORE_PLAIN && !is_loopback(store->text)) {
                        (void)snprintf(ret, SETTINGS_REMARK_MAX,
                                       "the password of password_file in [share] is sent in clear to %s: "
                                       "write rediss://, for TLS, if the store speaks it",
                                       store->text);
                        return true;
                }
        }
        return false;
}
