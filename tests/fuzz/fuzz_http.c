/* Any bytes on a loopback TCP connection, sent to the whole HTTP side of the daemon, with a gateway: it
 * survives them, gives the token to none but well-formed requests that name themselves, never starts an
 * exchange for a request that was refused, and passes on no such one. */
#include "daemon/base/clock.h"
#include "daemon/base/journal.h"
#include "daemon/frontend/api/api.h"
#include "daemon/frontend/callers/audit.h"
#include "daemon/frontend/gateway/gateway.h"
#include "daemon/frontend/http/http_server.h"
#include "lib/util.h"
#include "tests/fake/forwarder.h"
#include "tests/fake/keeper.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURNS_MAX 10000 /* of the loop, per input; a busy loop would be a fault */

static struct world {
        sd_event *event;
        struct known known;
        struct keeper *keeper;
        struct gateway *gateway;
        struct fake_forwarder *forwarder;
        struct http_server *server;
        struct api api;
} world;

static void turn_until_quiet(void)
{
        for (int i = 0; sd_event_run(world.event, 0) > 0 || fake_forwarder_turn(world.forwarder); i++) {
                must(i < TURNS_MAX);
        }
}

static void on_lane_dead(uint32_t id, void *userdata)
{
        fake_forwarder_lane_dead(world.forwarder, id);
}

static void build_world(void)
{
        const struct http_limits limits = { .max_connections = 64,
                                            .max_connections_per_user = 64,
                                            .passes_on = true };
        const struct http_handler handler = { .on_request = api_on_request,
                                              .is_early = gateway_is_early,
                                              .userdata = &world.api };

        journal_open(-1, JOURNAL_AUTO, /* plain= */ false); /* nothing is said */
        must(sd_event_new(&world.event) >= 0);
        world.keeper = fake_keeper_new(world.event, &world.known);
        must(audit_new(&world.api.audit) >= 0);
        world.api.known = &world.known;
        must(gateway_new(&world.gateway, world.event, &world.api) >= 0);
        must(http_server_new(&world.server, world.event, &limits, &handler) >= 0);
        world.forwarder = fake_forwarder_new(world.gateway, FAKE_KEEPER_TOKEN);
        fake_keeper_watch_lanes(world.keeper, on_lane_dead, NULL);
        fake_keeper_configure(world.keeper, "[environment sandbox]\ngateway = yes\n[gateway sandbox]\n"
                                            "deny = any * /rest/v1/users/*/keys/**\n"
                                            "allow = any GET,POST,PUT /rest/v1/**\nbody_max = 64KiB\n");
        world.api.server = world.server;
        world.api.started_usec = clock_now_usec();
        turn_until_quiet();
}

/* As the frontend does where it is told of a token. */
static void let_old_answers_go(void)
{
        token_answers_keep(&world.api.answers[0], world.known.environments[0]->session);
}

/* Reads what has come. Returns whether the other end is still open. */
static bool read_reply(int fd, char *reply, size_t size, size_t *length)
{
        for (;;) {
                char rest[4096];
                ssize_t n = recv(fd, rest, sizeof(rest), MSG_DONTWAIT);
                if (n <= 0) {
                        return n < 0 && (errno == EAGAIN || errno == EINTR);
                }
                size_t take = MIN_OF((size_t)n, size - 1 - *length);
                memcpy(reply + *length, rest, take);
                *length += take;
                reply[*length] = '\0';
        }
}

/* Headers that the daemon must have seen before it may give the token away. */
static bool names_itself(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = malloc(size + 1);

        must(text);
        for (size_t i = 0; i < size; i++) {
                text[i] = data[i] ? (char)data[i] : ' ';
        }
        text[size] = '\0';
        return (strcasestr(text, "EQP-Client:") || strcasestr(text, "Authorization:")) &&
               strcasestr(text, "Host:") &&
               (strcasestr(text, "127.0.0.1:9377") || strcasestr(text, "localhost:9377") ||
                strstr(text, "[::1]:9377"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static char reply[1 << 16];
        struct listen_place place = { .tcp = true, .port = 9377, .address = "127.0.0.1" };
        struct peer peer = { .known = true, .tcp = true, .uid = 0 };
        size_t length = 0, sent = 0;
        int ends[2];

        if (!world.event) {
                build_world();
        }
        /* Each length has its story, so that an input always has the same one. */
        fake_keeper_begin(world.keeper, (unsigned)size % FAKE_KEEPER_STORIES);
        let_old_answers_go();
        bool leaves_early = size / FAKE_KEEPER_STORIES % 2;
        unsigned n_exchanges = fake_keeper_n_exchanges(world.keeper),
                 n_passed = fake_forwarder_n_requests(world.forwarder);
        reply[0] = '\0';
        must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
        http_server_add(world.server, ends[0], &peer, &place);
        while (sent < size) {
                ssize_t n = send(ends[1], data + sent, size - sent, MSG_NOSIGNAL);
                if (n < 0 && errno != EAGAIN) {
                        break; /* the daemon has had enough */
                }
                sent += n > 0 ? (size_t)n : 0;
                turn_until_quiet();
                if (!read_reply(ends[1], reply, sizeof(reply), &length)) {
                        break;
                }
        }
        if (!leaves_early) {
                fake_keeper_go_on(world.keeper);
                let_old_answers_go();
                turn_until_quiet();
        }
        (void)shutdown(ends[1], SHUT_WR);
        turn_until_quiet();
        (void)read_reply(ends[1], reply, sizeof(reply), &length);
        (void)close(ends[1]);
        turn_until_quiet();
        fake_keeper_go_on(world.keeper); /* news for a client that has gone */
        let_old_answers_go();
        turn_until_quiet();
        must(!strstr(reply, FAKE_KEEPER_TOKEN) || names_itself(data, size));
        must(fake_keeper_n_exchanges(world.keeper) == n_exchanges || names_itself(data, size));
        must(fake_forwarder_n_requests(world.forwarder) == n_passed || names_itself(data, size));
        return 0;
}
