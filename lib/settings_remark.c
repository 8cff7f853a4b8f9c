/* Remarks on settings. So far there is one: a lifetime that is too short for the hourly budget of exchanges.
 * Such tokens are renewed as often as the budget allows, which is later than it should be, or too late. */
#include "lib/settings_remark.h"

#include "lib/duration.h"
#include "lib/util.h"

#include <assert.h>
#include <stdio.h>

#define GAP_SEC (3600 / LIFETIME_RENEWALS_PER_HOUR + 1) /* between two renewals, rounded up */

static_assert(3600 * 10 <= LIFETIME_RENEWALS_PER_HOUR * 7 * LIFETIME_BORNE_SEC &&
                      3600 * 10 > LIFETIME_RENEWALS_PER_HOUR * 7 * (LIFETIME_BORNE_SEC - 1),
              "the shortest life of which 70 % are no less than the gap");

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
                LIFETIME_RENEWALS_PER_HOUR, GAP_SEC,
                environment->lifetime_sec < GAP_SEC
                        ? "there will be no token for a part of the time"
                        : "tokens are renewed late in their lives, with little time left for trouble",
                LIFETIME_BORNE_SEC);
        return true;
}
