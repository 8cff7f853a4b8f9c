/* Those who ask for a credential while no frontend can answer them are let go without a byte. To the manager
 * that is a credential, of no length: the unit starts, and finds an empty file. A refusal that keeps it from
 * starting is more than 1 MiB, see daemon/frontend/credentials/credential_request: too much to have under
 * way here. */
#include "daemon/keeper/credential_refusal.h"

#include "daemon/base/journal.h"
#include "lib/util.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define BATCH 16

static int on_connections(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        int n = 0;

        /* Code of an attacker in a frontend may have made it wait. */
        (void)fcntl(fd, F_SETFL, O_NONBLOCK);
        while (n < BATCH) {
                _cleanup_close_ int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
                if (client < 0) {
                        break;
                }
                n++;
        }
        if (n > 0) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR, .id = EVENT_CREDENTIAL_REFUSED },
                            "%d asked for a credential and got an empty one, as the frontend keeps ending",
                            n);
        }
        return 0;
}

void credential_refusal_init(struct credential_refusal *refusal, sd_event *event)
{
        refusal->event = event;
}

void credential_refusal_set(struct credential_refusal *refusal, int fd)
{
        refusal->io = sd_event_source_disable_unref(refusal->io);
        if (fd >= 0 &&
            sd_event_add_io(refusal->event, &refusal->io, fd, EPOLLIN, on_connections, refusal) < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR },
                            "out of memory: units that ask for a credential wait");
        }
}
