/* The rules of a token's last chance: one attempt lies in the last tenth of its life. */
#include "lib/util.h"
#include "tests/scenario/reference_rules.h"

struct rule_chance rule_last_chance(const struct reference *reference)
{
        uint64_t life = reference->life_usec, expires = reference->sent_usec + life;
        uint64_t tenth = expires - life / 10;

        if (!reference->has_token || life < 600 * USEC_PER_SEC) {
                return (struct rule_chance){ USEC_NEVER, USEC_NEVER };
        }
        uint64_t from = tenth, by = tenth + life / 100;
        if (reference->found && reference->found_usec >= tenth) {
                from = reference->found_usec;
                by = from + MIN_OF((expires - from) / 2, life / 100);
        }
        return (struct rule_chance){ from, by };
}

bool reference_found_late(const struct reference *reference)
{
        uint64_t tenths = reference->life_usec >= 600 * USEC_PER_SEC ? 8 : 6;

        return reference->found &&
               reference->found_usec >= reference->sent_usec + reference->life_usec / 10 * tenths;
}

bool rule_served_since(const struct reference *reference, uint64_t usec)
{
        for (size_t i = reference->n; i-- > 0;) {
                const struct reference_exchange *exchange = &reference->exchanges[i];
                if (exchange->fate == FATE_FOUND) {
                        continue;
                }
                if (exchange->fate != FATE_ANEW && exchange->sent_usec < usec) {
                        return false;
                }
                if (exchange->fate == FATE_ANEW) {
                        return false; /* the next machine does not know, and may do it again */
                }
                if (exchange->share == REFRESH_SHARE_NEED && exchange->fate != FATE_HELD) {
                        return true;
                }
        }
        return false;
}

/* A last chance that was put off goes on when the token has ended. */
bool rule_chance_possible(const struct reference *reference, uint64_t now_usec)
{
        return reference->life_usec >= 600 * USEC_PER_SEC && !reference->chance_taken &&
               reference->sent_usec + reference->life_usec - reference->life_usec / 10 <= now_usec;
}
