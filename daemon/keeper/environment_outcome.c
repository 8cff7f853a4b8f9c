/* The outcome of an exchange. */
#include "daemon/keeper/environment_outcome.h"

#include "daemon/keeper/environment_ledger.h"
#include "daemon/keeper/environment_log.h"
#include "daemon/keeper/environment_memory.h"
#include "lib/settings_remark.h"
#include "lib/util.h"

#include <stdio.h>
#include <sys/random.h>

/* So long a new key may have its say after an operator wanted the account to be forgotten. */
#define ACCOUNT_OPEN_USEC USEC_PER_HOUR

static uint32_t random_bits(void)
{
        uint32_t bits = 0;
        /* Never blocks once the system is up, and jitter is no secret: without randomness it is none. */
        (void)!getrandom(&bits, sizeof(bits), GRND_NONBLOCK);
        return bits;
}

static void note_trouble(struct environment *environment, const struct exchange_report *report,
                         const char *label, uint64_t now_usec)
{
        struct environment_trouble *trouble = &environment->view.trouble;

        *trouble =
                (struct environment_trouble){ .any = true, .outcome = report->outcome, .at_usec = now_usec };
        (void)snprintf(trouble->key_label, sizeof(trouble->key_label), "%s", label);
        (void)snprintf(trouble->why, sizeof(trouble->why), "%s", report->why);
        trouble->kind = report->kind;
        trouble->unsent = report->unsent;
        if (report->outcome == EXCHANGE_OTHER_ACCOUNT) {
                (void)snprintf(trouble->account, sizeof(trouble->account), "%s", report->grant->mage_id);
                (void)snprintf(trouble->account_in_use, sizeof(trouble->account_in_use), "%s",
                               environment_account(environment));
        }
        if (report->status == 0 || report->grant) {
                return;
        }
        struct environment_odd_answer *odd = &environment->view.odd_answer;
        *odd = (struct environment_odd_answer){ .any = true, .at_usec = now_usec, .status = report->status };
        (void)snprintf(odd->content_type, sizeof(odd->content_type), "%s", report->content_type);
        (void)snprintf(odd->header_names, sizeof(odd->header_names), "%s", report->header_names);
        (void)snprintf(odd->redirect_host, sizeof(odd->redirect_host), "%s", report->redirect_host);
        odd->kind = report->kind;
        odd->excerpt = report->excerpt;
}

const char *environment_account(const struct environment *environment)
{
        return environment->settings->account ? environment->settings->account : environment->account;
}

/* A token that cannot be used is as good as none. */
static void judge_grant(struct environment *environment, struct exchange_report *report,
                        struct session **ret, const char *label)
{
        const char *account = environment_account(environment);
        const struct refresh *refresh = &environment->view.refresh;

        if (*account && !streq(account, report->grant->mage_id)) {
                report->outcome = EXCHANGE_OTHER_ACCOUNT;
                (void)snprintf(report->why, sizeof(report->why),
                               "the access key is of another account than this environment");
        } else if (session_new(ret, report->grant, environment->last_serial + 1, refresh->sent_usec, label) <
                   0) {
                report->outcome = EXCHANGE_UNAVAILABLE;
                (void)snprintf(report->why, sizeof(report->why), "out of memory for the token");
        }
}

void environment_outcome_open_account(struct environment *environment, uint64_t now_usec)
{
        if (environment->account[0]) {
                memcpy(environment->old_account, environment->account, sizeof(environment->old_account));
                environment->account[0] = '\0';
        }
        environment->open_usec = now_usec + ACCOUNT_OPEN_USEC;
}

/* Whose token it is decides whose tokens are served from now on; but for the account that is to be
 * forgotten, as long as a new key may still have its say. */
static void pin_account(struct environment *environment, const char *mage_id, uint64_t now_usec)
{
        bool old = streq(environment->old_account, mage_id);

        if (environment->old_account[0] && old && now_usec < environment->open_usec) {
                return;
        }
        if (environment->old_account[0] && !old) {
                environment_log_account(&environment->view, environment->old_account, mage_id);
        }
        environment->old_account[0] = '\0';
        (void)snprintf(environment->account, sizeof(environment->account), "%s", mage_id);
}

static void adopt(struct environment *environment, struct session *session, uint64_t key_serial,
                  uint64_t now_usec)
{
        environment->last_serial = session->serial;
        environment->view.last_refresh_usec = now_usec;
        environment->view.n_failures_in_row = 0;
        (void)session_unref(environment->session);
        environment->session = session;
        if (!environment_key_digest(environment, key_serial, environment->session_key_digest)) {
                memset(environment->session_key_digest, 0, sizeof(environment->session_key_digest));
        }
        pin_account(environment, session->mage_id, now_usec);
}

/* Once for each lifetime: a token that lives for half a minute is followed by many of its kind. */
static void warn_of_short_life(struct environment *environment, const char *label)
{
        uint32_t lifetime_sec = environment->session->lifetime_sec;
        char remark[SETTINGS_REMARK_MAX];

        if (!settings_remark_granted(lifetime_sec, environment->asked_lifetime_sec, remark)) {
                environment->warned_lifetime_sec = 0;
        } else if (environment->warned_lifetime_sec != lifetime_sec) {
                environment->warned_lifetime_sec = lifetime_sec;
                environment_log_short(&environment->view, label, remark);
        }
}

/* Keys whose standing the outcome changed, other than by their own answer. */
static void tell_outdone(const struct environment *environment, const struct keyring *before)
{
        const struct keyring *keyring = &environment->view.refresh.keyring;

        for (size_t i = 0; i < keyring->n; i++) {
                const struct key_state *key = &keyring->keys[i];
                const struct key_state *old = keyring_find(before, key->serial);
                if (key->known.cause == KEY_OUTDONE && old && old->known.cause != KEY_OUTDONE) {
                        environment_log_outdone(&environment->view, key->label);
                }
        }
}

/* Has it been told already? An outage of hours is told at its beginning, and then now and then; a trial that
 * says nothing, and a key that is still refused, once. */
static bool is_repeated(const struct environment_view *view, const struct key_state *before, bool trial)
{
        const struct key_state *key = before ? keyring_find(&view->refresh.keyring, before->serial) : NULL;

        if (trial) {
                return before && (before->known.standing == KEY_REFUSED || (key && key->n_trials > 1));
        }
        return view->n_failures_in_row > 1 && view->n_failures_in_row % 10 != 0;
}

static void note_failure(struct environment *environment, struct exchange_report *report,
                         const struct key_state *key, const char *label, bool trial, uint64_t now_usec)
{
        environment->view.n_failures_in_row += !trial;
        if (report->outcome == EXCHANGE_GRANTED) {
                report->outcome = EXCHANGE_UNAVAILABLE;
                (void)snprintf(report->why, sizeof(report->why),
                               "the token's lifetime was over when it arrived");
        }
        note_trouble(environment, report, label, now_usec);
        struct failed_exchange failed = { .key_serial = key ? key->serial : 0,
                                          .label = label,
                                          .outcome = report->outcome,
                                          .trial = trial,
                                          .repeated = is_repeated(&environment->view, key, trial) };
        environment_log_failure(&environment->view, environment->session, &failed, now_usec);
}

struct refresh_step environment_outcome_take(struct environment *environment,
                                             const struct exchange_report *report, uint64_t now_usec)
{
        struct refresh *refresh = &environment->view.refresh;
        const struct keyring before = refresh->keyring;
        enum refresh_reason reason = refresh->in_flight_reason;
        bool trial = refresh->in_flight_share == REFRESH_SHARE_TRIAL;
        uint64_t key_serial = refresh->in_flight_key;
        const struct key_state *key = keyring_find(&before, key_serial);
        _cleanup_(session_unrefp) struct session *session = NULL;
        struct exchange_report judged = *report;
        char label[KEY_LABEL_MAX + 1];

        (void)snprintf(label, sizeof(label), "%s", key ? key->label : "");
        if (judged.outcome == EXCHANGE_GRANTED) {
                judge_grant(environment, &judged, &session, label);
        }
        environment->view.n_outcomes[judged.outcome]++;
        environment->view.n_answered += !(trial && environment->session); /* nobody waits for a trial */
        struct refresh_outcome outcome = { .outcome = judged.outcome,
                                           .lifetime_sec = session ? judged.grant->lifetime_sec : 0,
                                           .token_serial = session ? session->serial : 0,
                                           .retry_after_sec = judged.retry_after_sec,
                                           .retry_after_for_key = judged.retry_after_for_key,
                                           .unsent = judged.unsent,
                                           .new_account =
                                                   session && environment->session &&
                                                   !streq(session->mage_id, environment->session->mage_id) };
        uint64_t sent_usec = refresh->sent_usec;
        struct refresh_step step = refresh_on_outcome(refresh, &outcome, now_usec, random_bits());
        environment_ledger_tell(environment, &outcome, key_serial, sent_usec, now_usec);
        if (environment->asked_lifetime_sec != environment->settings->lifetime_sec) {
                refresh_on_lifetime(refresh); /* a reload came in between */
        }
        if (step.adopted && session) {
                adopt(environment, take_ptr(session), key_serial, now_usec);
        }
        if (step.adopted || step.spared) {
                if (key && key->known.standing != KEY_GOOD) {
                        environment_log_proven(&environment->view, label);
                }
                if (step.adopted) {
                        environment_log_granted(&environment->view, environment->session, label, reason,
                                                now_usec);
                        warn_of_short_life(environment, label);
                }
                tell_outdone(environment, &before);
                return step;
        }
        note_failure(environment, &judged, key, label, trial, now_usec);
        return step;
}

struct refresh_step environment_outcome_take_claim(struct environment *environment,
                                                   const struct refresh_claim *claim, struct session *found,
                                                   uint64_t key_serial, uint64_t now_usec)
{
        struct refresh *refresh = &environment->view.refresh;
        _cleanup_(session_unrefp) struct session *session = found;
        struct refresh_step step = refresh_on_claim(refresh, claim, now_usec, random_bits());

        if (!step.adopted || !session) {
                return step;
        }
        adopt(environment, take_ptr(session), key_serial, now_usec);
        environment->view.n_answered++;
        environment->view.share.n_adopted++;
        environment_log_adopted(&environment->view, environment->session, now_usec);
        return step;
}
