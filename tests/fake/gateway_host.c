/* The frontend's HTTP side with its gateway, and a stand-in for the keeper that does what it is told: for
 * tests that are the forwarder themselves.
 *
 *     gateway_host UNIX_FD TCP_FD PORT LANE_FD...
 *
 * Listens at the sockets that it was given. Commands come by stdin, a line each; each is answered by a line
 * on stdout, "ok" or what went wrong. The gateway's questions to the keeper come as lines that begin with
 * "!".
 *
 *     settings FILE     these are in force
 *     names-late        settings come without the numbers of names from now on
 *     names             these have come
 *     token TEXT SEC    a new session of the sandbox's, which lives so long
 *     no-token          there is none; one is on its way
 *     account MAGE_ID   the sandbox is this account's from now on; there is no token of it yet
 *     report VERDICT    what reports are answered from now on: a number of enum refresh_verdict
 *     lane ID           the next of the descriptors is this lane
 *     connections       how many there are
 *     drain             the end comes; "!drained" is said when nothing is on its way any more
 *     drain-http        the same of all requests, in a few seconds */
#include "daemon/base/clock.h"
#include "daemon/base/journal.h"
#include "daemon/base/process.h"
#include "daemon/frontend/api/api.h"
#include "daemon/frontend/gateway/gateway.h"
#include "daemon/frontend/http/http_server.h"
#include "daemon/frontend/http/listener.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <linux/netlink.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_MAX_SIZE 4096

struct keeper {
        struct known *known;
        sd_event_source *due;
        uint64_t reported; /* number of a report to be answered; 0: none */
        enum refresh_verdict verdict;
        uint64_t last_serial;
        struct environment_view view;
        struct session *session;
};

static struct host {
        sd_event *event;
        struct known known;
        struct keeper keeper;
        struct sides sides;
        struct api api;
        struct gateway *gateway;
        struct http_server *server;
        struct peer_finder *finder;
        struct listener *listeners[2];
        char **lanes;
        uint64_t lane_serial;
        char line[LINE_MAX_SIZE];
        size_t length;
        bool names_late;
} host;

static void must(bool good, const char *what)
{
        if (!good) {
                (void)fprintf(stderr, "gateway_host: %s\n", what);
                _exit(1);
        }
}

static void say(const char *text)
{
        (void)printf("%s\n", text);
        (void)fflush(stdout);
}

/* ---- the keeper ---- */

static int on_due(sd_event_source *source, void *userdata)
{
        struct keeper *keeper = userdata;
        const struct keeper_outcome outcome = { .number = keeper->reported, .verdict = keeper->verdict };

        questions_answer(&keeper->known->questions, &outcome);
        return 0;
}

static void on_report(struct keeper *keeper, uint64_t number, const char *environment, const char *ust,
                      size_t length)
{
        (void)printf("!report %s %.*s\n", environment, (int)length, ust);
        (void)fflush(stdout);
        keeper->reported = number;
        must(sd_event_source_set_enabled(keeper->due, SD_EVENT_ONESHOT) >= 0, "no turn");
}

static void on_demand(struct keeper *keeper, uint64_t number, const char *environment, uint32_t min_ttl_sec)
{
}

static void on_refresh(struct keeper *keeper, uint64_t number, const char *environment, bool new_account)
{
}

static void on_number(struct keeper *keeper, uint64_t number)
{
}

static void on_groups(struct keeper *keeper, uid_t uid)
{
}

static void on_names(struct keeper *keeper)
{
}

static void on_unit(struct keeper *keeper, uint64_t cgroup)
{
}

static void on_lane_dead(struct keeper *keeper, uint32_t id, uint64_t serial, bool broken)
{
        (void)printf("!dead %u %llu%s\n", id, (unsigned long long)serial, broken ? " broken" : "");
        (void)fflush(stdout);
}

static void on_carrying(struct keeper *keeper, uint64_t now_usec)
{
}

static const struct keeper_calls calls = {
        .demand = on_demand,
        .report = on_report,
        .refresh = on_refresh,
        .alive = on_number,
        .reload = on_number,
        .groups = on_groups,
        .names = on_names,
        .unit = on_unit,
        .lane_dead = on_lane_dead,
        .carrying = on_carrying,
};

static void tell(struct keeper *keeper)
{
        keeper->view.n_news++;
        (void)known_take_environment(keeper->known, &keeper->view, keeper->session);
}

static void take_token(struct keeper *keeper, const char *ust, unsigned lifetime_sec)
{
        struct grant *grant = secret_alloc(sizeof(*grant));

        must(grant != NULL, "no memory");
        grant->lifetime_sec = lifetime_sec;
        (void)snprintf(grant->mage_id, sizeof(grant->mage_id), "%s", keeper->view.account);
        (void)snprintf(grant->ust, sizeof(grant->ust), "%s", ust);
        keeper->session = session_unref(keeper->session);
        must(session_new(&keeper->session, grant, ++keeper->last_serial, clock_now_usec(), "main") >= 0,
             "no session");
        (void)secret_free(grant);
        keeper->view.refresh.has_token = true;
        keeper->view.refresh.in_flight = false;
        keeper->view.refresh.expires_usec = keeper->session->expires_usec;
        keeper->view.n_answered++;
        tell(keeper);
}

static void take_no_token(struct keeper *keeper)
{
        keeper->session = session_unref(keeper->session);
        keeper->view.refresh.has_token = false;
        keeper->view.refresh.in_flight = true;
        tell(keeper);
}

/* ---- settings ---- */

static void take_settings(const char *path)
{
        static char text[64 * 1024];
        char message[SETTINGS_ERROR_MAX] = "";
        struct settings *settings = NULL;
        struct access_settings *access = NULL;
        FILE *file = fopen(path, "r");

        must(file != NULL, "no file of settings");
        size_t length = fread(text, 1, sizeof(text), file);
        (void)fclose(file);
        must(settings_new(&settings) >= 0, "no settings");
        if (settings_read(settings, path, text, length, message) < 0 ||
            settings_finish(settings, message) < 0) {
                say(message);
                (void)settings_free(settings);
                return;
        }
        must(access_settings_new(&access, settings, /* own_uid= */ 0) >= 0, "no rules");
        (void)settings_free(settings);
        http_server_forget_environments(host.server);
        api_forget_answers(&host.api);
        known_take_settings(&host.known, access);
        uint64_t names_usec = host.names_late ? 0 : USEC_NEVER;
        known_take_names(&host.known, names_usec, names_usec);
        tell(&host.keeper);
        gateway_take_settings(host.gateway);
        const struct http_limits limits = admission_limits(access);
        http_server_set_limits(host.server, &limits);
        say("ok");
}

/* ---- commands ---- */

static void on_drained(void *userdata)
{
        say("!drained");
}

static void take_lane(unsigned id)
{
        must(*host.lanes != NULL, "no more lanes");
        gateway_add_lane(host.gateway, id, ++host.lane_serial, atoi(*host.lanes++));
        say("ok");
}

static void obey(char *line)
{
        char *argument = strchr(line, ' ');

        if (argument) {
                *argument++ = '\0';
        } else {
                argument = line + strlen(line);
        }
        if (streq(line, "settings")) {
                take_settings(argument);
        } else if (streq(line, "token")) {
                char *life = strchr(argument, ' ');
                must(life != NULL, "a token has a life");
                *life++ = '\0';
                take_token(&host.keeper, argument, (unsigned)atoi(life));
                say("ok");
        } else if (streq(line, "no-token")) {
                take_no_token(&host.keeper);
                say("ok");
        } else if (streq(line, "account")) {
                (void)snprintf(host.keeper.view.account, sizeof(host.keeper.view.account), "%s", argument);
                take_no_token(&host.keeper);
                say("ok");
        } else if (streq(line, "report")) {
                host.keeper.verdict = (enum refresh_verdict)atoi(argument);
                say("ok");
        } else if (streq(line, "names-late")) {
                host.names_late = true;
                say("ok");
        } else if (streq(line, "names")) {
                known_take_names(&host.known, USEC_NEVER, USEC_NEVER);
                say("ok");
        } else if (streq(line, "lane")) {
                take_lane((unsigned)atoi(argument));
        } else if (streq(line, "connections")) {
                (void)printf("%u\n", http_server_connections(host.server));
                (void)fflush(stdout);
        } else if (streq(line, "drain")) {
                gateway_drain(host.gateway, 30 * USEC_PER_SEC, on_drained, NULL);
                say("ok");
        } else if (streq(line, "drain-http")) {
                must(http_server_drain(host.server, on_drained, NULL) >= 0, "no end");
                say("ok");
        } else {
                say("what?");
        }
}

static int on_input(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        ssize_t n = read(fd, host.line + host.length, sizeof(host.line) - host.length);

        if (n < 0) {
                return 0; /* it failed by intent, see tests/faults */
        }
        if (n == 0) {
                return sd_event_exit(host.event, 0);
        }
        host.length += (size_t)n;
        for (char *end; (end = memchr(host.line, '\n', host.length));) {
                *end = '\0';
                obey(host.line);
                host.length -= (size_t)(end + 1 - host.line);
                memmove(host.line, end + 1, host.length);
        }
        return 0;
}

/* ---- life ---- */

static void listen_at(size_t i, int fd, bool tcp, unsigned port)
{
        struct listen_place place = { .tcp = tcp, .port = (uint16_t)port };

        if (tcp) {
                (void)snprintf(place.address, sizeof(place.address), "127.0.0.1");
        }
        must(listener_new(&host.listeners[i], host.event, fd, &place, /* passed= */ false, "test",
                          host.server, host.finder) >= 0,
             "no listener");
}

static void build(void)
{
        const struct http_limits limits = { 512, 512 };

        must(sd_event_default(&host.event) >= 0, "no loop");
        host.keeper.known = &host.known;
        host.keeper.verdict = REFRESH_UNDER_WAY;
        host.keeper.view = (struct environment_view){ .name = "sandbox",
                                                      .base_url = "https://up.example",
                                                      .account = "MAG123456789",
                                                      .exchange_timeout_usec = 3 * USEC_PER_SEC };
        refresh_init(&host.keeper.view.refresh);
        host.keeper.view.refresh.keyring.n = 1;
        must(sd_event_add_defer(host.event, &host.keeper.due, on_due, &host.keeper) >= 0, "no turn");
        must(sd_event_source_set_enabled(host.keeper.due, SD_EVENT_OFF) >= 0, "no turn");
        host.sides = (struct sides){ .ask = &calls, .keeper = &host.keeper };
        known_init(&host.known, &host.sides);
        host.api.known = &host.known;
        must(audit_new(&host.api.audit) >= 0 && gateway_new(&host.gateway, host.event, &host.api) >= 0,
             "no gateway");
        const struct http_handler handler = { .on_request = api_on_request,
                                              .is_early = gateway_is_early,
                                              .userdata = &host.api };
        must(http_server_new(&host.server, host.event, &limits, &handler) >= 0, "no server");
        host.api.server = host.server;
        must(peer_finder_new(&host.finder, socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                                                  NETLINK_SOCK_DIAG)) >= 0,
             "no finder");
}

static void clear(void)
{
        for (size_t i = 0; i < ARRAY_SIZE(host.listeners); i++) {
                host.listeners[i] = listener_free(host.listeners[i]);
        }
        host.server = http_server_free(host.server);
        host.gateway = gateway_free(host.gateway);
        host.finder = peer_finder_free(host.finder);
        api_forget_answers(&host.api);
        host.keeper.session = session_unref(host.keeper.session);
        known_clear(&host.known);
        host.api.audit = audit_free(host.api.audit);
        sd_event_source_disable_unref(host.keeper.due);
        host.event = sd_event_unref(host.event);
}

int main(int argc, char **argv)
{
        sd_event_source *input = NULL;

        must(argc >= 4, "UNIX_FD TCP_FD PORT LANE_FD...");
        journal_open(LOG_DEBUG, JOURNAL_TEXT, /* plain= */ true);
        process_harden();
        host.lanes = argv + 4;
        build();
        listen_at(0, atoi(argv[1]), /* tcp= */ false, 0);
        listen_at(1, atoi(argv[2]), /* tcp= */ true, (unsigned)atoi(argv[3]));
        must(sd_event_add_io(host.event, &input, STDIN_FILENO, EPOLLIN, on_input, NULL) >= 0, "no input");
        must(sd_event_loop(host.event) >= 0, "the loop broke");
        sd_event_source_disable_unref(input);
        clear();
        return 0;
}
