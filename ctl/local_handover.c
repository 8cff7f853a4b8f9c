/* Local handover: signals are held, the secret is printed last, and a failure of that is undone. */
#include "ctl/local_handover.h"

#include "ctl/complain.h"
#include "ctl/held_signals.h"
#include "ctl/local_reload.h"

#include <stdio.h>
#include <stdio_ext.h>

void local_handover_begin(sigset_t *ret_held)
{
        (void)signal(SIGPIPE, SIG_IGN);
        held_signals_begin(ret_held);
}

bool local_handover_show(const struct local_secret *secret, const char *id)
{
        local_secret_print(secret, id);
        if (finish_output() == EXIT_DONE) {
                return true;
        }
        __fpurge(stdout); /* nor is it shown later */
        clearerr(stdout);
        return false;
}

void local_handover_take_back(const struct options *options, const char *path, const char *state,
                              sigset_t *held, const char *outcome)
{
        (void)fprintf(stderr, "%s is %s. The daemon is asked to go by that ...\n", path, state);
        held_signals_drop();
        held_signals_end(held);
        switch (local_reload(options)) {
        case LOCAL_RELOADED:
        case LOCAL_NO_DAEMON:
                complain("%s", outcome);
                break;
        default:
                complain("The daemon goes by that after: eqpctl reload");
                break;
        }
}
