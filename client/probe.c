/* Probe: calls the library as its arguments say and prints what came of it, a line per fact; for the tests,
 * which play the daemon's part. Not installed.
 *
 *         probe CLIENT-NAME token ENVIRONMENT MIN-TTL WAIT
 *         probe CLIENT-NAME next ENVIRONMENT WAIT     one token, then another
 *         probe CLIENT-NAME rejected-next ENVIRONMENT UST WAIT
 *         probe CLIENT-NAME rejected ENVIRONMENT UST
 *         probe CLIENT-NAME refresh | refresh-new-account ENVIRONMENT
 *         probe CLIENT-NAME reload | status | ready | live | twice */
#include "client/eqp-broker.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

static void print_token(const struct eqp_broker_token *token)
{
        if (!token) {
                return;
        }

        printf("ust %s\nmage_id %s\nenvironment %s\nbase_url %s\nexpires_in %u\nexpires_at %s\n",
               eqp_broker_token_ust(token), eqp_broker_token_mage_id(token),
               eqp_broker_token_environment(token), eqp_broker_token_base_url(token),
               eqp_broker_token_expires_in_sec(token), eqp_broker_token_expires_at(token));
}

static int probe_rejected(struct eqp_broker *broker, const char *environment, const char *ust)
{
        struct eqp_broker_token *token = NULL;
        bool refreshed = false;
        int r;

        r = eqp_broker_report_rejected(broker, environment, ust, &refreshed, &token);
        if (r >= 0) {
                printf("refreshed %s\n", refreshed ? "yes" : "no");
        }
        print_token(token);
        token = eqp_broker_token_free(token);
        return r;
}

static int probe_refresh(struct eqp_broker *broker, const char *environment, bool new_account)
{
        _cleanup_free_ char *json = NULL;
        bool refreshed = false;
        int r;

        r = new_account ? eqp_broker_refresh_new_account(broker, environment, &refreshed, &json)
                        : eqp_broker_refresh(broker, environment, &refreshed, &json);
        if (r < 0) {
                return r;
        }
        printf("refreshed %s\njson %s\n", refreshed ? "yes" : "no", json);
        return 0;
}

static int probe_reload(struct eqp_broker *broker)
{
        _cleanup_free_ char *json = NULL;
        int r;

        r = eqp_broker_reload(broker, &json);
        if (r < 0) {
                return r;
        }
        printf("json %s\n", json);
        return 0;
}

static int probe_status(struct eqp_broker *broker)
{
        _cleanup_free_ char *json = NULL;
        int r;

        r = eqp_broker_get_status(broker, &json);
        if (r < 0) {
                return r;
        }
        printf("json %s\n", json);
        return 0;
}

static int probe_token(struct eqp_broker *broker, char **arguments)
{
        struct eqp_broker_token *token = NULL;
        int r;

        r = eqp_broker_get_token(broker, arguments[0], (unsigned)strtoul(arguments[1], NULL, 10),
                                 (int)strtol(arguments[2], NULL, 10), &token);
        print_token(token);
        token = eqp_broker_token_free(token);
        return r;
}

/* previous: released here. */
static int probe_next(struct eqp_broker *broker, const char *environment, struct eqp_broker_token *previous,
                      const char *wait)
{
        struct eqp_broker_token *next = NULL;
        int r;

        r = eqp_broker_get_next_token(broker, environment, previous, (int)strtol(wait, NULL, 10),
                                      STDIN_FILENO, &next);
        if (r >= 0) {
                printf("next %s\n", next ? eqp_broker_token_ust(next) : "");
        }
        previous = eqp_broker_token_free(previous);
        next = eqp_broker_token_free(next);
        return r;
}

static int probe_next_after_one(struct eqp_broker *broker, char **arguments)
{
        struct eqp_broker_token *token = NULL;
        int r;

        r = eqp_broker_get_next_token(broker, arguments[0], NULL, 0, -1, &token);
        print_token(token);
        return r < 0 ? r : probe_next(broker, arguments[0], token, arguments[1]);
}

static int probe_next_after_report(struct eqp_broker *broker, char **arguments)
{
        struct eqp_broker_token *token = NULL;
        int r;

        r = eqp_broker_report_rejected(broker, arguments[0], arguments[1], NULL, &token);
        return r < 0 ? r : probe_next(broker, arguments[0], token, arguments[2]);
}

static int probe(struct eqp_broker *broker, int argc, char **argv)
{
        const char *call = argv[2];
        int r;

        if (streq(call, "token") && argc == 6) {
                return probe_token(broker, argv + 3);
        }
        if (streq(call, "next") && argc == 5) {
                return probe_next_after_one(broker, argv + 3);
        }
        if (streq(call, "rejected-next") && argc == 6) {
                return probe_next_after_report(broker, argv + 3);
        }
        if (streq(call, "rejected") && argc == 5) {
                return probe_rejected(broker, argv[3], argv[4]);
        }
        if (streq(call, "refresh") && argc == 4) {
                return probe_refresh(broker, argv[3], /* new_account= */ false);
        }
        if (streq(call, "refresh-new-account") && argc == 4) {
                return probe_refresh(broker, argv[3], /* new_account= */ true);
        }
        if (streq(call, "reload")) {
                return probe_reload(broker);
        }
        if (streq(call, "status")) {
                return probe_status(broker);
        }
        if (streq(call, "ready")) {
                return eqp_broker_ready(broker);
        }
        if (streq(call, "live")) {
                return eqp_broker_live(broker);
        }
        if (streq(call, "twice")) {
                r = eqp_broker_live(broker);
                return r < 0 ? r : eqp_broker_live(broker);
        }

        return -ENOSYS;
}

int main(int argc, char **argv)
{
        struct eqp_broker *broker = NULL;
        int r;

        if (argc < 3) {
                return 2;
        }

        r = eqp_broker_open(&broker, NULL, argv[1]);
        if (r < 0) {
                printf("open %s\n", strerrorname_np(-r));
                return 1;
        }

        r = probe(broker, argc, argv);
        printf("result %s\nmessage %s\nslug %s\nretry_after %u\naddress %s\n",
               r < 0 ? strerrorname_np(-r) : "0", eqp_broker_error_message(broker),
               eqp_broker_error_slug(broker), eqp_broker_retry_after_sec(broker),
               eqp_broker_address(broker));
        broker = eqp_broker_free(broker);
        return 0;
}
