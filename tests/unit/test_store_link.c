/* A connection to a store, against a server in the same loop: it echoes, closes, is silent, is not there. */
#include "daemon/keeper/store_link.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LONG_SIZE ((size_t)200000) /* more than a socket takes at once */

enum habit { ECHOES, CLOSES, IS_SILENT };

struct trial {
        sd_event *event;
        struct curl_loop *loop;
        struct store_link *link;
        enum habit habit;
        int listener, peer;
        sd_event_source *listening, *serving;
        char path[64];
        struct store_address address;
        bool opened;
        const char *send;
        size_t n_send, n_received;
        bool same;
        int fault; /* -1: none */
        char why[STORE_LINK_WHY_MAX];
};

/* ---- the server ---- */

static int serve(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        char bytes[5000];
        ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

        if (n > 0) {
                assert_int_equal(send(fd, bytes, (size_t)n, 0), n);
        } else {
                (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
        }
        return 0;
}

static int on_arrival(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        struct trial *trial = userdata;

        trial->peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        assert_true(trial->peer >= 0);
        if (trial->habit == CLOSES) {
                (void)close(trial->peer);
                trial->peer = -1;
        } else if (trial->habit == ECHOES) {
                assert_true(sd_event_add_io(trial->event, &trial->serving, trial->peer, EPOLLIN, serve,
                                            trial) >= 0);
        }
        return 0;
}

static void listen_at(struct trial *trial, bool is_unix)
{
        char text[128], why[128];

        if (is_unix) {
                struct sockaddr_un address = { .sun_family = AF_UNIX };

                (void)snprintf(trial->path, sizeof(trial->path), "/tmp/eqp-link-%d.sock", (int)getpid());
                memcpy(address.sun_path, trial->path, sizeof(trial->path));
                trial->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
                assert_int_equal(bind(trial->listener, (struct sockaddr *)&address, sizeof(address)), 0);
                (void)snprintf(text, sizeof(text), "unix:%s", trial->path);
        } else {
                struct sockaddr_in address = { .sin_family = AF_INET,
                                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
                socklen_t size = sizeof(address);

                trial->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                assert_int_equal(bind(trial->listener, (struct sockaddr *)&address, sizeof(address)), 0);
                assert_int_equal(getsockname(trial->listener, (struct sockaddr *)&address, &size), 0);
                (void)snprintf(text, sizeof(text), "redis://127.0.0.1:%u",
                               (unsigned)ntohs(address.sin_port));
        }
        assert_int_equal(listen(trial->listener, 5), 0);
        assert_int_equal(store_address_parse(text, &trial->address, why, sizeof(why)), 0);
        assert_true(sd_event_add_io(trial->event, &trial->listening, trial->listener, EPOLLIN, on_arrival,
                                    trial) >= 0);
}

/* ---- the user ---- */

static void on_open(void *userdata)
{
        struct trial *trial = userdata;

        trial->opened = true;
        store_link_send(trial->link, trial->send, trial->n_send);
}

static bool on_bytes(const void *bytes, size_t size, void *userdata)
{
        struct trial *trial = userdata;

        assert_true(trial->n_received + size <= trial->n_send);
        trial->same = trial->same && memcmp(trial->send + trial->n_received, bytes, size) == 0;
        trial->n_received += size;
        if (trial->n_received == trial->n_send) {
                trial->link = store_link_free(trial->link);
                (void)sd_event_exit(trial->event, 0);
                return false;
        }
        return true;
}

static void on_fault(enum store_link_fault fault, const char *why, void *userdata)
{
        struct trial *trial = userdata;

        trial->fault = (int)fault;
        (void)snprintf(trial->why, sizeof(trial->why), "%s", why);
        trial->link = store_link_free(trial->link);
        (void)sd_event_exit(trial->event, 0);
}

static struct trial begin(enum habit habit)
{
        struct trial trial = { .habit = habit, .listener = -1, .peer = -1, .same = true, .fault = -1 };

        assert_true(sd_event_new(&trial.event) >= 0);
        assert_int_equal(curl_loop_new(&trial.loop, trial.event), 0);
        return trial;
}

static void run(struct trial *trial, uint64_t timeout_usec)
{
        const struct store_link_user user = { on_open, on_bytes, on_fault, trial };

        assert_int_equal(store_link_open(&trial->link, trial->event, trial->loop, &trial->address, NULL,
                                         timeout_usec, &user),
                         0);
        assert_true(sd_event_loop(trial->event) >= 0);
}

static void end(struct trial *trial)
{
        sd_event_source_disable_unref(trial->listening);
        sd_event_source_disable_unref(trial->serving);
        trial->link = store_link_free(trial->link);
        trial->loop = curl_loop_free(trial->loop);
        sd_event_unref(trial->event);
        if (trial->listener >= 0) {
                (void)close(trial->listener);
        }
        if (trial->peer >= 0) {
                (void)close(trial->peer);
        }
        if (trial->path[0]) {
                (void)unlink(trial->path);
        }
}

static void bytes_go_to_and_fro(void **state)
{
        _cleanup_free_ char *text = malloc(LONG_SIZE);

        assert_non_null(text);
        for (size_t i = 0; i < LONG_SIZE; i++) {
                text[i] = (char)(i * 7 % 251);
        }
        for (int is_unix = 0; is_unix < 2; is_unix++) {
                struct trial trial = begin(ECHOES);

                listen_at(&trial, is_unix);
                trial.send = text;
                trial.n_send = is_unix ? 5 : LONG_SIZE;
                run(&trial, 60 * USEC_PER_SEC);
                assert_true(trial.opened && trial.same);
                assert_int_equal(trial.fault, -1);
                assert_int_equal(trial.n_received, trial.n_send);
                end(&trial);
        }
}

static void it_closes(void **state)
{
        struct trial trial = begin(CLOSES);

        listen_at(&trial, /* is_unix= */ false);
        trial.send = "PING\r\n";
        trial.n_send = 6;
        run(&trial, 60 * USEC_PER_SEC);
        assert_int_equal(trial.fault, STORE_LINK_CLOSED);
        end(&trial);
}

static void it_is_silent(void **state)
{
        struct trial trial = begin(IS_SILENT);

        listen_at(&trial, /* is_unix= */ true);
        trial.send = "PING\r\n";
        trial.n_send = 6;
        run(&trial, USEC_PER_SEC / 5);
        assert_true(trial.opened);
        assert_int_equal(trial.fault, STORE_LINK_SILENT);
        assert_string_equal(trial.why, "it did not answer in time");
        end(&trial);
}

static void nobody_is_there(void **state)
{
        struct trial trial = begin(ECHOES);
        char why[128];

        assert_int_equal(store_address_parse("unix:/nowhere/at.all", &trial.address, why, sizeof(why)), 0);
        run(&trial, 60 * USEC_PER_SEC);
        assert_false(trial.opened);
        assert_int_equal(trial.fault, STORE_LINK_UNREACHABLE);
        assert_true(trial.why[0] != '\0');
        end(&trial);
}

/* While it connects, while it waits: nothing is called any more, and nothing is left. */
static void it_is_let_go(void **state)
{
        struct trial trial = begin(IS_SILENT);
        const struct store_link_user user = { on_open, on_bytes, on_fault, &trial };

        listen_at(&trial, /* is_unix= */ true);
        trial.send = "PING\r\n";
        trial.n_send = 6;
        for (int i = 0; i < 2; i++) {
                assert_int_equal(store_link_open(&trial.link, trial.event, trial.loop, &trial.address, NULL,
                                                 60 * USEC_PER_SEC, &user),
                                 0);
                while (i > 0 && !trial.opened) {
                        assert_true(sd_event_run(trial.event, UINT64_MAX) >= 0);
                }
                trial.link = store_link_free(trial.link);
        }
        assert_true(sd_event_run(trial.event, 0) >= 0);
        assert_int_equal(trial.fault, -1);
        end(&trial);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(bytes_go_to_and_fro), cmocka_unit_test(it_closes),
                cmocka_unit_test(it_is_silent),        cmocka_unit_test(nobody_is_there),
                cmocka_unit_test(it_is_let_go),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
