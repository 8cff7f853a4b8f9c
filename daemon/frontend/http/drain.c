/* The end of the HTTP side. */
#include "daemon/frontend/http/drain.h"

#include "daemon/base/clock.h"
#include "daemon/frontend/http/http_server.h"
#include "lib/util.h"

#include <time.h>

/* Of requests that wait: their answers need a moment, too. */
#define LAST_WAIT_USEC (4 * USEC_PER_SEC)

static void finish(struct drain *drain)
{
        void (*done)(void *) = drain->done;

        drain->limit = sd_event_source_disable_unref(drain->limit);
        drain->done = NULL;
        if (done) {
                done(drain->userdata);
        }
}

static int on_limit(sd_event_source *source, uint64_t usec, void *userdata)
{
        finish(userdata);
        return 0;
}

int drain_begin(struct drain *drain, sd_event *event, struct connections *connections,
                void (*done)(void *userdata), void *userdata)
{
        uint64_t now_usec = clock_now_usec();
        int r = sd_event_add_time_relative(event, &drain->limit, CLOCK_MONOTONIC, DRAIN_LIMIT_USEC, 1,
                                           on_limit, drain);

        if (r < 0) {
                return r;
        }
        drain->begun = true;
        drain->wait_no_longer_usec = usec_add(now_usec, LAST_WAIT_USEC);
        drain->done = done;
        drain->userdata = userdata;
        for (struct connection *connection = connections->first; connection; connection = connection->next) {
                if (connection->state == CONNECTION_WAITING) {
                        request_wait(&connection->request, connection->request.wait_until_usec);
                } else if (connection_between_requests(connection)) {
                        connections_expect(connections, connection, CONNECTION_IDLE,
                                           usec_add(connection->quiet_since_usec, DRAIN_QUIET_USEC));
                } else if (connection->state == CONNECTION_RECEIVING ||
                           connection->state == CONNECTION_SENDING) {
                        connections_expect(connections, connection, connection->state,
                                           drain_transfer_until(drain, connection->deadline_usec, now_usec));
                }
        }
        drain_look(drain, connections);
        return 0;
}

void drain_look(struct drain *drain, const struct connections *connections)
{
        if (drain->begun && connections->n == 0) {
                finish(drain);
        }
}

void drain_clear(struct drain *drain)
{
        drain->done = NULL;
        drain->limit = sd_event_source_disable_unref(drain->limit);
}

uint64_t drain_wait_until(const struct drain *drain, uint64_t until_usec)
{
        return drain->begun ? MIN_OF(until_usec, drain->wait_no_longer_usec) : until_usec;
}

uint64_t drain_transfer_until(const struct drain *drain, uint64_t until_usec, uint64_t now_usec)
{
        return drain->begun ? MIN_OF(until_usec, usec_add(now_usec, DRAIN_TRANSFER_USEC)) : until_usec;
}
