/* Complain: from a result to words on stderr and an exit code. The daemon's messages say what, why and what
 * to do; hints are for what happens before a daemon could speak. */
#include "ctl/complain.h"

#include "lib/duration.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* By the slug of the failure. */
static const struct {
        const char *slug;
        const char *hint;
} hints[] = {
        { "no_daemon", "Is it running? See: systemctl status eqp-brokerd, or, for a broker of your own, "
                       "systemctl --user status "
                       "eqp-brokerd. Where it listens elsewhere, name the address with --address or "
                       "EQP_BROKER_ADDRESS." },
        { "socket_refused",
          "Users of the broker are usually in the group eqp-broker. See: id, and: ls -l on the "
          "socket. A new group counts from the next login on." },
        { "not_trusted", "Find its program: ss -lntp 'sport = :9377', and: systemctl status eqp-brokerd. If "
                         "it is the broker "
                         "all the same, name the address with --address or EQP_BROKER_ADDRESS." },
        { "timed_out", "The daemon is stopped or far too busy. See: systemctl status eqp-brokerd." },
        { "not_understood",
          "Does another program listen there? See: ss -lntxp. If eqp-brokerd does, are it and "
          "eqpctl of the same version?" },
};

void complain(const char *format, ...)
{
        va_list arguments;

        (void)fputs("eqpctl: ", stderr);
        va_start(arguments, format);
        (void)vfprintf(stderr, format, arguments);
        va_end(arguments);
        (void)fputc('\n', stderr);
}

int exit_code_of(int error)
{
        switch (error) {
        case 0:
                return EXIT_DONE;
        case -EINVAL:
                return EXIT_USAGE;
        case -EAGAIN:
                return EXIT_NO_TOKEN;
        case -EACCES:
                return EXIT_NOT_ALLOWED;
        case -ECONNREFUSED:
                return EXIT_NO_DAEMON;
        default:
                return EXIT_FAILED;
        }
}

int open_broker(struct eqp_broker **ret_broker, const char *address)
{
        int r;

        r = eqp_broker_open(ret_broker, address, "eqpctl");
        if (r == -EINVAL) {
                complain("%s is not the address of a broker: it is unix:/absolute/path or http://HOST:PORT, "
                         "where "
                         "HOST is 127.0.0.1, localhost or [::1].",
                         address ? "The value of --address" : "The value of EQP_BROKER_ADDRESS");
                return EXIT_USAGE;
        }
        if (r < 0) {
                complain("Out of memory.");
                return EXIT_FAILED;
        }

        return EXIT_DONE;
}

int complain_broker(const struct eqp_broker *broker, int error)
{
        unsigned retry_after_sec = eqp_broker_retry_after_sec(broker);
        const char *slug = eqp_broker_error_slug(broker);
        char wait[DURATION_TEXT_MAX];

        complain("%s", eqp_broker_error_message(broker));
        for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
                if (streq(hints[i].slug, slug)) {
                        (void)fprintf(stderr, "%s\n", hints[i].hint);
                }
        }
        if (retry_after_sec > 0) {
                (void)fprintf(stderr, "The broker asks to try again in %s.\n",
                              duration_format(retry_after_sec * USEC_PER_SEC, wait));
        }

        return exit_code_of(error);
}

int finish_output(void)
{
        if (fflush(stdout) == 0 && !ferror(stdout)) {
                return EXIT_DONE;
        }

        complain("The answer could not be written: %s.", strerror(errno));
        return EXIT_FAILED;
}
