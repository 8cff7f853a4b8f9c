/* Any bytes on a loopback TCP connection, sent to the whole HTTP side of the daemon: it survives them, gives
 * the token to none but well-formed requests that name themselves, and never starts an exchange for a
 * request that was refused. */
#include "daemon/base/clock.h"
#include "daemon/base/journal.h"
#include "daemon/frontend/api/api.h"
#include "daemon/frontend/callers/audit.h"
#include "daemon/frontend/http/http_server.h"
#include "daemon/keeper/group_lookup.h"
#include "daemon/keeper/reload.h"
#include "lib/util.h"
#include "tests/fake/upstream.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURNS_MAX 10000 /* of the loop, per input; a busy loop would be a fault */

static struct world {
        sd_event *event;
        struct settings *settings;
        struct upstream *upstream;
        struct http_server *server;
        struct service service;
        struct reload reload;
        struct api api;
} world;

static void ignore_change(void *userdata)
{
}

static bool known(const char *environment, void *userdata)
{
        return true;
}

static int refuse_reload(struct settings *settings, char *reterr_message, void *userdata)
{
        reterr_message[0] = '?';
        reterr_message[1] = '\0';
        return -ECANCELED;
}

static void turn_until_quiet(void)
{
        for (int i = 0; sd_event_run(world.event, 0) > 0; i++) {
                must(i < TURNS_MAX);
        }
}

static void build_world(void)
{
        char message[SETTINGS_ERROR_MAX];
        const struct http_limits limits = { 64, 64 };
        const struct http_handler handler = { .on_request = api_on_request, .userdata = &world.api };

        const struct environment_watcher nobody = { .on_change = ignore_change };

        journal_open(-1, JOURNAL_AUTO, /* plain= */ false); /* nothing is said */
        must(sd_event_new(&world.event) >= 0);
        must(settings_new(&world.settings) >= 0);
        must(settings_finish(world.settings, message) >= 0);
        must(upstream_new(&world.upstream, world.event, world.settings, known, ignore_change, NULL) >= 0);
        must(http_server_new(&world.server, world.event, &limits, &handler) >= 0);
        must(audit_new(&world.api.audit) >= 0);
        must(user_groups_new(&world.api.user_groups, world.event) >= 0);
        const struct reload_work reloading = { "/dev/null", &world.service, refuse_reload, NULL };
        must(reload_init(&world.reload, world.event, &reloading) >= 0);
        world.api.reload = &world.reload;
        world.api.settings = world.settings;
        world.api.rights_generation = 1;
        world.api.upstream = world.upstream;
        world.api.server = world.server;
        world.api.started_usec = clock_now_usec();
        world.api.n_environments = world.settings->n_environments;
        for (size_t i = 0; i < world.settings->n_environments; i++) {
                must(environment_new(&world.api.environments[i], world.event, world.upstream,
                                     &world.settings->environments[i], &nobody) >= 0);
                environment_keys_changed(world.api.environments[i]);
        }
        turn_until_quiet();
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

/* What the daemon must have seen before it may give the token away. */
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

/* Is an exchange about to start anyway, because an earlier input asked for one in vain (there is a floor
 * between two)? */
static bool exchange_is_due(void)
{
        uint64_t soon = clock_now_usec() + 2 * USEC_PER_SEC;

        for (size_t i = 0; i < world.api.n_environments; i++) {
                if (refresh_next_usec(&world.api.environments[i]->refresh) <= soon) {
                        return true;
                }
        }
        return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static char reply[1 << 16];
        struct guard_place place = { .tcp = true, .port = 9377, .address = "127.0.0.1" };
        struct peer peer = { .known = true, .tcp = true, .uid = 0 };
        size_t length = 0, sent = 0;
        int ends[2];

        if (!world.event) {
                build_world();
        }
        bool is_due = exchange_is_due();
        unsigned n_exchanges = fake_upstream_n_exchanges;
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
        (void)shutdown(ends[1], SHUT_WR);
        turn_until_quiet();
        (void)read_reply(ends[1], reply, sizeof(reply), &length);
        (void)close(ends[1]);
        turn_until_quiet();
        must(!strstr(reply, FAKE_UPSTREAM_TOKEN) || names_itself(data, size));
        must(fake_upstream_n_exchanges == n_exchanges || is_due || names_itself(data, size));
        return 0;
}
