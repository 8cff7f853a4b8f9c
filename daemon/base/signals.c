/* The signals that ask for something, as events of the loop. */
#include "daemon/base/signals.h"

#include "lib/util.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        const struct signals *signals = userdata;

        signals->handlers.on_stop(signals->handlers.userdata);
        return 0;
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        const struct signals *signals = userdata;

        signals->handlers.on_reload(signals->handlers.userdata);
        return 0;
}

/* As the first process of a container, we have children that nobody here started: they are taken note of,
 * too, or they would stay as zombies. */
static int on_child(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        const struct signals *signals = userdata;
        int status = 0;
        pid_t pid;

        while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
                signals->handlers.on_child(pid, status, signals->handlers.userdata);
        }
        return 0;
}

int signals_hold(bool reload_too)
{
        sigset_t held;

        (void)sigemptyset(&held);
        (void)sigaddset(&held, SIGTERM);
        (void)sigaddset(&held, SIGINT);
        if (reload_too) {
                (void)sigaddset(&held, SIGHUP);
                (void)sigaddset(&held, SIGCHLD);
        }
        return sigprocmask(SIG_BLOCK, &held, NULL) < 0 ? -errno : 0;
}

int signals_init(struct signals *signals, sd_event *event, const struct signal_handlers *handlers)
{
        const struct {
                int signal;
                sd_event_signal_handler_t handler;
        } rows[] = {
                { SIGTERM, on_stop }, { SIGINT, on_stop }, { SIGHUP, on_reload }, { SIGCHLD, on_child }
        };

        signals->handlers = *handlers;
        int r = signals_hold(/* reload_too= */ true);
        if (r < 0) {
                return r;
        }
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                r = sd_event_add_signal(event, &signals->sources[i], rows[i].signal, rows[i].handler,
                                        signals);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

void signals_clear(struct signals *signals)
{
        for (size_t i = 0; i < ARRAY_SIZE(signals->sources); i++) {
                signals->sources[i] = sd_event_source_disable_unref(signals->sources[i]);
        }
}
