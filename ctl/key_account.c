/* Key account. One environment stands for one account: a key of another is told of before it is written, and
 * comes into use where the daemon is told to forget the account from before. */
#include "ctl/key_account.h"

#include "ctl/complain.h"
#include "ctl/daemon_status.h"
#include "ctl/fields.h"
#include "ctl/text.h"
#include "ctl/unknown_environment.h"

#include <stdio.h>

#define ACCOUNT_SHOWN_MAX 128

/* Whose tokens the daemon serves, with a token in hand or without; "": not known, or it cannot be asked. */
static void ask_for_account(const char *environment, const char *address, char *ret_account, size_t size)
{
        _cleanup_(broker_freep) struct eqp_broker *broker = NULL;
        _cleanup_(json_putp) struct json_object *status = NULL;
        struct json_object *row;

        ret_account[0] = '\0';
        if (eqp_broker_open(&broker, address, "eqpctl") < 0 || daemon_status_get(broker, &status) < 0) {
                return;
        }
        row = daemon_status_environment(status, environment);
        text_clean(ret_account, size, field_text(row, "account"), /* unicode= */ false);
        if (ret_account[0] == '\0') { /* a daemon of another version tells the token's */
                text_clean(ret_account, size, field_text(field_object(row, "token"), "mage_id"),
                           /* unicode= */ false);
        }
}

bool key_account_fits(const char *account, const char *environment, const struct settings *settings,
                      bool ask_daemon, const char *address)
{
        const struct environment_settings *set =
                settings ? settings_environment(settings, environment) : NULL;
        char served[ACCOUNT_SHOWN_MAX] = "";

        if (set && set->account) {
                if (streq(set->account, account)) {
                        return true;
                }
                complain(
                        "This key is of the account %s, but the configuration has account = %s for %s, and "
                        "no "
                        "other is served: nothing was written. Use a key of %s, or change the configuration "
                        "first. (--untested writes it all the same.)",
                        account, set->account, environment, set->account);
                return false;
        }

        if (ask_daemon) {
                ask_for_account(environment, address, served, sizeof(served));
        }
        if (served[0] == '\0' || streq(served, account)) {
                return true;
        }
        complain("This key is of the account %s, but the daemon serves tokens of %s for %s, and never "
                 "changes "
                 "the account by itself: nothing was written. If %s is to have another account from now on, "
                 "use "
                 "--new-account. (--untested writes it all the same.)",
                 account, served, environment, environment);
        return false;
}

/* The daemon has made the attempt. */
static int tell_attempt(struct json_object *report, bool refreshed, const char *account,
                        const char *environment)
{
        char text[1024], now[ACCOUNT_SHOWN_MAX];
        const char *label = field_text(report, "key");

        text_clean(now, sizeof(now), field_text(report, "mage_id"), /* unicode= */ false);
        if (!refreshed) {
                text_clean(text, sizeof(text), field_text(report, "message"), /* unicode= */ true);
                complain("The daemon was asked to take another account for %s, and got no token: %s",
                         environment, text);
                return EXIT_FAILED;
        }
        if (account[0] != '\0' && now[0] != '\0' && !streq(account, now)) {
                text_clean(text, sizeof(text), label, /* unicode= */ true);
                complain("The account of %s is still %s, by its key %s%s%s, and this key is of %s. Replace "
                         "or "
                         "remove the keys of %s first. See: eqpctl key check %s",
                         environment, now, environment, text[0] != '\0' ? "." : "", text, account, now,
                         environment);
                return EXIT_FAILED;
        }

        (void)printf("The account of %s is now %s.\n", environment, now[0] != '\0' ? now : "the key's");
        return EXIT_DONE;
}

int key_account_renew(const char *account, const char *environment, const char *address)
{
        _cleanup_(broker_freep) struct eqp_broker *broker = NULL;
        _cleanup_(json_putp) struct json_object *report = NULL;
        _cleanup_free_ char *json = NULL;
        bool refreshed = false;
        int code, r;

        code = open_broker(&broker, address);
        if (code != EXIT_DONE) {
                return code;
        }

        r = eqp_broker_refresh_new_account(broker, environment, &refreshed, &json);
        if (r < 0) {
                return complain_about_environment(broker, r, environment);
        }

        report = json_tokener_parse(json);
        return tell_attempt(report, refreshed, account, environment);
}
