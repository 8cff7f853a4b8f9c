/* A store that says whatever it is told to. */
#include "tests/unit/store_server.h"

#include "lib/util.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void hang_up(struct store_server *server)
{
        server->serving = sd_event_source_disable_unref(server->serving);
        server->sending = sd_event_source_disable_unref(server->sending);
        if (server->peer >= 0) {
                (void)close(server->peer);
        }
        server->peer = -1;
}

static int send_piece(sd_event_source *source, void *userdata)
{
        struct store_server *server = userdata;
        const char *rest = server->answers[server->n_requests - 1] + server->n_sent;
        size_t size = strlen(rest);

        size = server->piece > 0 ? MIN_OF(size, server->piece) : size;
        ssize_t n = size > 0 ? send(server->peer, rest, size, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
        if (n < 0) { /* the peer has heard enough, or is slow */
                n = 0;
        }
        server->n_sent += (size_t)n;
        if (rest[n] == '\0') {
                (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
                if (server->closes) {
                        hang_up(server);
                }
        }
        return 0;
}

static size_t count(const char *text, const char *word)
{
        size_t n = 0;

        for (const char *at = strstr(text, word); at; at = strstr(at + 1, word)) {
                n++;
        }
        return n;
}

static int serve(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        static const char exec[] = "EXEC\r\n";
        struct store_server *server = userdata;
        ssize_t n = recv(fd, server->request + server->n_read, sizeof(server->request) - server->n_read - 1,
                         MSG_DONTWAIT);

        if (n <= 0) {
                hang_up(server);
                return 0;
        }
        server->n_read += (size_t)n;
        server->request[server->n_read] = '\0';
        if (!memmem(server->request, server->n_read, exec, strlen(exec))) { /* values may have any bytes */
                return 0;
        }
        server->n_logins += count(server->request, "AUTH\r\n");
        server->n_read = server->n_sent = 0;
        server->n_requests++;
        assert_true(server->n_requests <= ARRAY_SIZE(server->answers));
        if (server->answers[server->n_requests - 1]) {
                assert_true(sd_event_source_set_enabled(server->sending, SD_EVENT_ON) >= 0);
        }
        return 0;
}

static int on_arrival(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        struct store_server *server = userdata;
        sd_event *event = sd_event_source_get_event(source);

        hang_up(server);
        server->n_connections++;
        server->n_requests = server->n_read = 0;
        server->peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        assert_true(server->peer >= 0);
        assert_true(sd_event_add_io(event, &server->serving, server->peer, EPOLLIN, serve, server) >= 0);
        assert_true(sd_event_add_defer(event, &server->sending, send_piece, server) >= 0);
        assert_true(sd_event_source_set_enabled(server->sending, SD_EVENT_OFF) >= 0);
        return 0;
}

void store_server_listen(struct store_server *server, sd_event *event, const char *first, const char *second,
                         struct store_address *ret)
{
        static unsigned number;
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        char text[128], why[128];

        *server = (struct store_server){ .answers = { first, second }, .peer = -1 };
        (void)snprintf(server->path, sizeof(server->path), "/tmp/eqp-store-%d-%u.sock", (int)getpid(),
                       number++);
        memcpy(address.sun_path, server->path, sizeof(server->path));
        server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(listen(server->listener, 5), 0);
        (void)snprintf(text, sizeof(text), "unix:%s", server->path);
        assert_int_equal(store_address_parse(text, ret, why, sizeof(why)), 0);
        assert_true(sd_event_add_io(event, &server->listening, server->listener, EPOLLIN, on_arrival,
                                    server) >= 0);
}

void store_server_end(struct store_server *server)
{
        hang_up(server);
        sd_event_source_disable_unref(server->listening);
        (void)close(server->listener);
        (void)unlink(server->path);
}
