/* Local reload: a request to the daemon, and what it means for a file that was just written. */
#include "ctl/local_reload.h"

#include "ctl/complain.h"
#include "ctl/daemon_status.h"
#include "ctl/fields.h"

#include <errno.h>

enum local_reload local_reload(const struct options *options)
{
        _cleanup_(broker_freep) struct eqp_broker *broker = NULL;
        int r;

        if (open_broker(&broker, options->address) != EXIT_DONE) {
                return LOCAL_NOT_ASKED;
        }
        r = eqp_broker_reload(broker, NULL);
        if (r == 0) {
                return LOCAL_RELOADED;
        }
        if (r == -ECONNREFUSED && streq(eqp_broker_error_slug(broker), "no_daemon")) {
                return LOCAL_NO_DAEMON;
        }
        (void)complain_broker(broker, r);
        return streq(eqp_broker_error_slug(broker), "reload_failed") ? LOCAL_REJECTED : LOCAL_NOT_ASKED;
}

bool local_port_is_held(const struct options *options)
{
        _cleanup_(broker_freep) struct eqp_broker *broker = NULL;
        _cleanup_(json_putp) struct json_object *status = NULL;

        return eqp_broker_open(&broker, options->address, "eqpctl") == 0 &&
               daemon_status_get(broker, &status) == 0 && field_truth(status, "port_held");
}
