/* The wishes of others: callers that need a token of some life, that report one, and operators. */
#include "daemon/base/clock.h"
#include "daemon/base/journal.h"
#include "daemon/keeper/environment.h"
#include "daemon/keeper/environment_ledger.h"
#include "daemon/keeper/environment_outcome.h"
#include "daemon/keeper/environment_share.h"
#include "daemon/keeper/environment_steps.h"

/* A copy of the machine was asked: it becomes the machine, unless what others sent stands against the wish.
 */
static struct refresh_step take_wish(struct environment *environment, const struct refresh *asked,
                                     const struct refresh_step *step, enum refresh_share share,
                                     uint64_t now_usec, enum refresh_verdict *verdict,
                                     struct refresh_obstacle *obstacle)
{
        if (environment_ledger_objects(environment, asked, share, now_usec, verdict, obstacle)) {
                return refresh_on_timer(&environment->view.refresh, now_usec);
        }
        environment->view.refresh = *asked;
        return *step;
}

/* Before an exchange that a wish leads to. True: keys that may have changed unseen were read, so the machine
 * is to be asked anew, at that time. */
static bool has_read_keys(struct environment *environment, const struct refresh *asked,
                          const struct refresh_step *step, enum refresh_share share, uint64_t *now_usec)
{
        enum refresh_verdict verdict = REFRESH_UNDER_WAY;
        struct refresh_obstacle obstacle = { 0 };

        if ((!step->exchange && !step->claim) ||
            environment_ledger_objects(environment, asked, share, *now_usec, &verdict, &obstacle) ||
            !key_files_look(environment->tools.keys)) {
                return false;
        }
        *now_usec = clock_now_usec(); /* no step back in time */
        return true;
}

enum refresh_verdict environment_demand(struct environment *environment, uint32_t min_ttl_sec,
                                        uint64_t now_usec, struct refresh_obstacle *ret_obstacle)
{
        struct refresh asked = environment->view.refresh;
        struct refresh_step step;
        enum refresh_verdict verdict = refresh_on_demand(&asked, min_ttl_sec, now_usec, &step, ret_obstacle);

        if (has_read_keys(environment, &asked, &step, REFRESH_SHARE_DEMAND, &now_usec)) {
                asked = environment->view.refresh;
                verdict = refresh_on_demand(&asked, min_ttl_sec, now_usec, &step, ret_obstacle);
        }
        step = take_wish(environment, &asked, &step, REFRESH_SHARE_DEMAND, now_usec, &verdict, ret_obstacle);
        environment_carry_out(environment, &step, now_usec);
        environment_tell_change(environment);
        return verdict;
}

static enum refresh_verdict weigh_report(const struct environment *environment, const char *ust,
                                         size_t length, uint64_t now_usec, struct refresh *ret_asked,
                                         struct refresh_step *ret_step,
                                         struct refresh_obstacle *ret_obstacle)
{
        const struct session *session = environment_session(environment, now_usec);
        bool current = session && session_has_token(session, ust, length);

        *ret_asked = environment->view.refresh;
        return refresh_on_report(ret_asked, current ? session->serial : 0, now_usec, ret_step, ret_obstacle);
}

enum refresh_verdict environment_report(struct environment *environment, const char *ust, size_t length,
                                        uint64_t now_usec, struct refresh_obstacle *ret_obstacle)
{
        bool found = environment->view.refresh.store.found;
        uint64_t reported_before = environment->view.refresh.reported_serial;
        struct refresh asked;
        struct refresh_step step;
        enum refresh_verdict verdict =
                weigh_report(environment, ust, length, now_usec, &asked, &step, ret_obstacle);

        if (has_read_keys(environment, &asked, &step, REFRESH_SHARE_REPORT, &now_usec)) {
                verdict = weigh_report(environment, ust, length, now_usec, &asked, &step, ret_obstacle);
        }
        step = take_wish(environment, &asked, &step, REFRESH_SHARE_REPORT, now_usec, &verdict, ret_obstacle);
        if (environment->view.refresh.reported_serial != reported_before) {
                environment_share_reported(environment, found, ust, length);
                journal_say(
                        &(struct journal_record){ .priority = LOG_NOTICE,
                                                  .id = EVENT_TOKEN_REPORTED,
                                                  .environment = environment->view.name },
                        "a caller reports that the upstream refused the current token: getting another one");
        }
        environment_carry_out(environment, &step, now_usec);
        environment_tell_change(environment);
        return verdict;
}

enum refresh_verdict environment_operator_refresh(struct environment *environment, bool new_account,
                                                  uint64_t now_usec, struct refresh_obstacle *ret_obstacle)
{
        struct refresh_step step;

        if (key_files_look(environment->tools.keys)) {
                now_usec = clock_now_usec(); /* no step back in time */
        }
        struct refresh asked = environment->view.refresh;
        enum refresh_verdict verdict =
                refresh_on_operator(&asked, new_account, now_usec, &step, ret_obstacle);
        step = take_wish(environment, &asked, &step, REFRESH_SHARE_OPERATOR, now_usec, &verdict,
                         ret_obstacle);
        if (new_account && verdict == REFRESH_UNDER_WAY) {
                environment_outcome_open_account(environment, now_usec);
        }
        environment_carry_out(environment, &step, now_usec);
        environment_tell_change(environment);
        return verdict;
}
