/* The client library when there is no memory: whatever it asks for and does not get, the caller is told just
 * that, and nothing is left behind. A thread plays the daemon. */
#include "client/eqp-broker.h"
#include "lib/util.h"
#include "tests/unit/no_memory.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char body[] =
        "{\"mage_id\":\"MAG000111222\",\"ust\":\"made-up-token\",\"expires_in\":300,"
        "\"expires_at\":\"2026-11-23T05:02:11Z\",\"environment\":\"sandbox\",\"base_url\":\"https://"
        "a.example\","
        "\"refreshed\":true,\"outcome\":\"granted\",\"message\":\"made up\",\"environments\":[]}";

static struct {
        char directory[32], address[64];
        struct sockaddr_un name;
        int fd;
        pthread_t thread;
} server;

/* ---- the daemon ---- */

/* Every request gets the one answer, which is good for all of them; then the caller closes. */
static void answer(int fd)
{
        char text[1024];
        int n = snprintf(text, sizeof(text),
                         "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
                         "Content-Length: %zu\r\n\r\n%s",
                         strlen(body), body);
        char request[1024];

        if (read(fd, request, sizeof(request)) <= 0 || write(fd, text, (size_t)n) != n) {
                return;
        }
        while (read(fd, request, sizeof(request)) > 0) {
        }
}

static void *serve(void *unused)
{
        int fd;

        while ((fd = accept(server.fd, NULL, NULL)) >= 0) {
                answer(fd);
                (void)close(fd);
        }
        return NULL;
}

static int begin(void **state)
{
        (void)snprintf(server.directory, sizeof(server.directory), "/tmp/eqp-XXXXXX");
        assert_non_null(mkdtemp(server.directory));
        server.name.sun_family = AF_UNIX;
        (void)snprintf(server.name.sun_path, sizeof(server.name.sun_path), "%s/socket", server.directory);
        (void)snprintf(server.address, sizeof(server.address), "unix:%s/socket", server.directory);
        server.fd = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(bind(server.fd, (struct sockaddr *)&server.name, sizeof(server.name)), 0);
        assert_int_equal(listen(server.fd, 16), 0);
        return pthread_create(&server.thread, NULL, serve, NULL);
}

static int end(void **state)
{
        (void)shutdown(server.fd, SHUT_RDWR); /* ends accept() */
        (void)pthread_join(server.thread, NULL);
        (void)close(server.fd);
        (void)unlink(server.name.sun_path);
        return rmdir(server.directory);
}

/* ---- its caller ---- */

static int ask_for_everything(struct eqp_broker *broker)
{
        struct eqp_broker_token *token = NULL, *next = NULL;
        _cleanup_free_ char *outcome = NULL, *status = NULL;
        bool refreshed;

        int r = eqp_broker_get_token(broker, "sandbox", 60, EQP_BROKER_WAIT_DEFAULT, &token);
        if (r >= 0) {
                assert_string_equal(eqp_broker_token_ust(token), "made-up-token");
                r = eqp_broker_get_next_token(broker, "sandbox", token, 0, -1, &next);
        }
        if (r >= 0) {
                assert_null(next); /* it is the same one */
                r = eqp_broker_report_rejected(broker, "sandbox", "old-token", &refreshed, &next);
        }
        if (r >= 0) {
                r = eqp_broker_refresh(broker, "sandbox", &refreshed, &outcome);
        }
        if (r >= 0) {
                r = eqp_broker_get_status(broker, &status);
        }
        token = eqp_broker_token_free(token);
        next = eqp_broker_token_free(next);
        return r;
}

static int live(void)
{
        struct eqp_broker *broker = NULL;

        int r = eqp_broker_open(&broker, server.address, "no-memory");
        if (r < 0) {
                return r;
        }
        r = ask_for_everything(broker);
        if (r == -ENOMEM) {
                assert_string_equal(eqp_broker_error_slug(broker), "out_of_memory");
                assert_string_equal(eqp_broker_error_message(broker), "Out of memory.");
        } else if (r < 0) {
                print_error("%s\n", eqp_broker_error_message(broker));
        }
        broker = eqp_broker_free(broker);
        return r;
}

static void test_no_memory(void **state)
{
        no_memory_try(live, 10);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_no_memory) };
        return cmocka_run_group_tests(tests, begin, end);
}
