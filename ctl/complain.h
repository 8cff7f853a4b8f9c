/* Complain: failures as people read them (stderr) and as scripts read them (exit code). */
#pragma once

#include "client/eqp-broker.h"
#include "lib/util.h"

/* The exit codes, which scripts rely on. */
enum {
        EXIT_DONE = 0,
        EXIT_FAILED = 1,
        EXIT_USAGE = 2,
        EXIT_NO_TOKEN = 3,
        EXIT_NOT_ALLOWED = 4,
        EXIT_NO_DAEMON = 5,
};

/* The exit code for a result of the library. */
int exit_code_of(int error);

/* Opens the broker for a verb. Says on stderr why not; returns EXIT_DONE or another exit code. */
int open_broker(struct eqp_broker **ret_broker, const char *address);

/* Says on stderr why the broker's last request failed and what to do; returns the exit code. */
int complain_broker(const struct eqp_broker *broker, int error);

/* "eqpctl: ..." and a newline on stderr. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Flushes stdout: an answer that did not arrive is no answer. EXIT_DONE, or EXIT_FAILED after saying why. */
int finish_output(void);

static inline void broker_freep(struct eqp_broker **broker)
{
        *broker = eqp_broker_free(*broker);
}
