/* eqp-simulator: a local stand-in for the EQP API. This file is its table of contents. */
#include "lib/util.h"
#include "simulator/options.h"
#include "simulator/server.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>

/* Thousands of clients at once need as many descriptors. */
static void raise_descriptor_limit(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
                return;
        }
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int exit_code(int error)
{
        switch (error) {
        case -EADDRINUSE:
        case -EADDRNOTAVAIL:
                return EX_UNAVAILABLE;
        case -EACCES:
        case -EPERM:
                return EX_NOPERM;
        case -EINVAL:
        case -EBADMSG:
        case -ENOENT:
        case -ENOTDIR:
                return EX_CONFIG;
        default:
                return EX_SOFTWARE;
        }
}

static int complain(int error)
{
        (void)fprintf(stderr, "eqp-simulator: %s\n", strerror(-error));
        return exit_code(error);
}

int main(int argc, char **argv)
{
        _cleanup_(server_freep) struct server *server = NULL;
        struct options options;
        int r;

        options_parse(&options, argc, argv);
        raise_descriptor_limit();

        r = server_new(&server, &options);
        if (r < 0) {
                return exit_code(r); /* it has said why */
        }

        r = server_announce(server);
        if (r < 0) {
                return complain(r);
        }
        (void)sd_notify(/* unset_environment= */ 0, "READY=1"); /* as a unit with Type=notify */
        r = server_run(server);
        return r < 0 ? complain(r) : EXIT_SUCCESS;
}
