/* The log about credentials. Of those that were given the latest is remembered; where more units than there
 * is room for ask in turn, lines are repeated. Of refusals every one is said, within a budget: a unit that
 * is started again and again must not fill the log. */
#include "daemon/frontend/credentials/credential_log.h"

#include "daemon/base/journal.h"
#include "lib/util.h"

#include <stdio.h>

#define PRICE_USEC USEC_PER_SEC
#define BURST      120

static bool was_said(const struct credential_log *log, const char *unit, const char *environment,
                     uint64_t serial)
{
        for (size_t i = 0; i < ARRAY_SIZE(log->given); i++) {
                if (log->given[i].serial == serial && streq(log->given[i].unit, unit) &&
                    streq(log->given[i].environment, environment)) {
                        return true;
                }
        }
        return false;
}

void credential_log_given(struct credential_log *log, const struct credential_peer *peer,
                          const char *environment, uint64_t serial, uint64_t now_usec)
{
        char kept_back[LINE_BUDGET_TEXT_MAX];

        if (was_said(log, peer->unit, environment, serial) ||
            !line_budget_spend(&log->budget, PRICE_USEC, BURST, now_usec)) {
                return;
        }
        typeof(log->given[0]) *slot = &log->given[log->next];
        log->next = (log->next + 1) % ARRAY_SIZE(log->given);
        slot->serial = serial;
        (void)snprintf(slot->unit, sizeof(slot->unit), "%s", peer->unit);
        (void)snprintf(slot->environment, sizeof(slot->environment), "%s", environment);
        journal_say(&(struct journal_record){ .priority = LOG_INFO,
                                              .id = EVENT_CREDENTIAL_GIVEN,
                                              .environment = environment,
                                              .unit = peer->unit },
                    "token given to unit %s as credential '%s'%s", peer->unit, peer->credential,
                    line_budget_kept_back(&log->budget, kept_back));
}

void credential_log_refused(struct credential_log *log, const struct credential_peer *peer,
                            const char *environment, const char *why, uint64_t now_usec)
{
        char kept_back[LINE_BUDGET_TEXT_MAX];

        if (line_budget_spend(&log->budget, PRICE_USEC, BURST, now_usec)) {
                journal_say(&(struct journal_record){ .priority = LOG_WARNING,
                                                      .id = EVENT_CREDENTIAL_REFUSED,
                                                      .environment = environment,
                                                      .unit = peer->unit },
                            "no token for unit %s as credential '%s': %s%s", peer->unit, peer->credential,
                            why, line_budget_kept_back(&log->budget, kept_back));
        }
}

void credential_log_stranger(struct credential_log *log, uid_t uid, const char *why, uint64_t now_usec)
{
        char kept_back[LINE_BUDGET_TEXT_MAX], number[16];

        (void)snprintf(number, sizeof(number), "%u", uid);
        if (line_budget_spend(&log->budget, PRICE_USEC, BURST, now_usec)) {
                journal_say(&(struct journal_record){ .priority = LOG_WARNING,
                                                      .id = EVENT_CREDENTIAL_REFUSED,
                                                      .uid = number },
                            "no credential for a process of uid %s: %s%s", number, why,
                            line_budget_kept_back(&log->budget, kept_back));
        }
}
