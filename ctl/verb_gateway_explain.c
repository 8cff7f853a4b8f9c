/* Verb gateway explain: eqp-brokerd reads the configuration and decides, as it alone may read all of the
 * files and knows the users of this host. No daemon need run. */
#include "ctl/complain.h"
#include "ctl/program.h"
#include "ctl/verbs.h"
#include "lib/access_rule.h"

#include <stdio.h>

#define EXIT_REFUSED 65 /* of eqp-brokerd --explain */

static int check_who(const char *text)
{
        struct access_rule who;
        const char *why = NULL;

        if (access_rule_parse(text, &who, &why) == 0 && who.kind != ACCESS_RULE_UNIT) {
                return EXIT_DONE;
        }
        complain("'%s' is not a caller: write user:NAME, uid:NUMBER, group:NAME, gid:NUMBER, any or "
                 "local:NAME.",
                 text);
        return EXIT_USAGE;
}

int verb_gateway_explain(const struct options *options)
{
        const char *const *request = options->request;
        const char *arguments[9] = { "--explain", options->environment };
        size_t n = 2;
        _cleanup_(program_result_clear) struct program_result result = { 0 };
        int r;

        if (check_who(request[0]) != EXIT_DONE) {
                return EXIT_USAGE;
        }
        if (request[2][0] != '/') {
                complain("'%s' is no path: write it as /rest/v1/reports, from its first slash on.",
                         request[2]);
                return EXIT_USAGE;
        }
        if (options->account) {
                arguments[n++] = "--account";
                arguments[n++] = options->account;
        }
        arguments[n++] = "--"; /* nothing behind it is an option */
        memcpy(&arguments[n], request, sizeof(options->request));
        r = program_run(arguments, /* input= */ NULL, 0, PROGRAM_LIMIT_USEC, &result);
        if (r < 0) {
                complain("%s cannot be run: %s", program_path(), program_error(r));
                return EXIT_FAILED;
        }
        if (result.exit_code != 0 && result.exit_code != EXIT_REFUSED) {
                complain("%s",
                         result.words[0] != '\0' ? result.words : "eqp-brokerd --explain said nothing.");
                return EXIT_FAILED;
        }
        (void)fputs(result.output, stdout);
        if (result.words[0] != '\0') {
                (void)fprintf(stderr, "%s\n", result.words);
        }
        return result.exit_code == 0 ? EXIT_DONE : EXIT_NOT_ALLOWED;
}
