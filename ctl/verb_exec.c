/* Verb exec: gets a token and becomes the command. It takes this process's place, so that its exit code,
 * signals and terminal are its own; nothing stays around that holds the token. */
#include "ctl/complain.h"
#include "ctl/token.h"
#include "ctl/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* As shells have it. */
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND      127

/* The token as the command finds it. EXIT_DONE, or another exit code after saying why. */
static int put_token_into_environment(const struct options *options)
{
        _cleanup_(token_freep) struct eqp_broker_token *token = NULL;
        int code;

        code = token_ask(&token, options);
        if (code != EXIT_DONE) {
                return code;
        }

        if (setenv("EQP_TOKEN", eqp_broker_token_ust(token), /* overwrite= */ 1) < 0 ||
            setenv("EQP_MAGE_ID", eqp_broker_token_mage_id(token), 1) < 0 ||
            setenv("EQP_BASE_URL", eqp_broker_token_base_url(token), 1) < 0) {
                complain("Out of memory.");
                code = EXIT_FAILED;
        }

        return code;
}

int verb_exec(const struct options *options)
{
        int code, error;

        code = put_token_into_environment(options);
        if (code != EXIT_DONE) {
                return code;
        }

        (void)execvp(options->command[0], options->command);
        error = errno;
        complain("%s cannot be run: %s.", options->command[0], strerror(error));
        return error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}
