/* Token: for the verbs that hand one on. */
#include "ctl/token.h"

#include "ctl/complain.h"
#include "ctl/unknown_environment.h"

int token_ask(struct eqp_broker_token **ret_token, const struct options *options)
{
        _cleanup_(broker_freep) struct eqp_broker *broker = NULL;
        int code, r;

        code = open_broker(&broker, options->address);
        if (code != EXIT_DONE) {
                return code;
        }

        r = eqp_broker_get_token(broker, options->environment, options->min_ttl_sec, options->wait_sec,
                                 ret_token);
        return r < 0 ? complain_about_environment(broker, r, options->environment) : EXIT_DONE;
}
