/* A TLS peer's records that are no data, counted for each connection. Both ends are in memory, and know one
 * another by a pre-shared key. */
#include "daemon/base/tls_limit.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

/* A message of TLS 1.2 that any peer may send before it proves anything; it is skipped. Two are counted: the
 * record and the message in it. */
#define HELLO_REQUEST "\x16\x03\x03\0\4\0\0\0\0"

static SSL_CTX *client_context, *server_context;

static unsigned give_key(unsigned char *key, unsigned size)
{
        assert_true(size >= 32);
        memset(key, 7, 32);
        return 32;
}

static unsigned client_key(SSL *ssl, const char *hint, char *identity, unsigned identity_size,
                           unsigned char *key, unsigned size)
{
        assert_true(identity_size >= 2);
        memcpy(identity, "a", 2);
        return give_key(key, size);
}

static unsigned server_key(SSL *ssl, const char *identity, unsigned char *key, unsigned size)
{
        return give_key(key, size);
}

static int set_up(void **state)
{
        client_context = SSL_CTX_new(TLS_client_method());
        server_context = SSL_CTX_new(TLS_server_method());
        assert_true(client_context && server_context);
        SSL_CTX_set_psk_client_callback(client_context, client_key);
        SSL_CTX_set_psk_server_callback(server_context, server_key);
        assert_int_equal(SSL_CTX_set_cipher_list(client_context, "PSK-AES128-GCM-SHA256"), 1);
        assert_int_equal(SSL_CTX_set_cipher_list(server_context, "PSK-AES128-GCM-SHA256"), 1);
        assert_true(tls_limit_put_on(client_context));
        return 0;
}

static int tear_down(void **state)
{
        SSL_CTX_free(client_context);
        SSL_CTX_free(server_context);
        return 0;
}

static SSL *make_end(SSL_CTX *context)
{
        SSL *ssl = SSL_new(context);
        BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

        assert_true(ssl && in && out);
        SSL_set_bio(ssl, in, out);
        return ssl;
}

/* ---- before the peer has proved anything ---- */

static SSL *make_client(void)
{
        SSL *client = make_end(client_context);

        assert_int_equal(SSL_set_max_proto_version(client, TLS1_2_VERSION), 1);
        SSL_set_connect_state(client);
        return client;
}

/* Whether the connection goes on after so many of them, which come in one go or one by one. */
static bool endures(SSL *client, size_t n, bool one_by_one)
{
        for (size_t i = 0; i < n; i++) {
                int size = (int)sizeof(HELLO_REQUEST) - 1;
                assert_int_equal(BIO_write(SSL_get_rbio(client), HELLO_REQUEST, size), size);
                if (one_by_one || i == n - 1) {
                        ERR_clear_error();
                        int r = SSL_do_handshake(client);
                        if (SSL_get_error(client, r) != SSL_ERROR_WANT_READ) {
                                return false;
                        }
                }
        }
        return true;
}

static void so_many_and_no_more(void **state)
{
        for (int one_by_one = 0; one_by_one < 2; one_by_one++) {
                SSL *client = make_client(), *another = make_client();

                assert_true(endures(client, TLS_LIMIT_MAX / 2 - 1, one_by_one));
                assert_false(endures(client, 1, one_by_one));
                SSL_free(client);
                assert_false(endures(another, 10 * (size_t)TLS_LIMIT_MAX, one_by_one));
                SSL_free(another);
        }
}

/* Messages behind the limit are not looked at: else the loop in the library would go on. */
static void the_rest_is_not_read(void **state)
{
        SSL *client = make_client();
        BIO *in = SSL_get_rbio(client);
        size_t size = sizeof(HELLO_REQUEST) - 1;

        BIO_up_ref(in);
        assert_false(endures(client, 100 * (size_t)TLS_LIMIT_MAX, false));
        assert_true(BIO_ctrl_pending(in) > 90 * TLS_LIMIT_MAX * size);
        assert_false(endures(client, 0, false) && SSL_do_handshake(client) == 1);
        SSL_free(client);
        BIO_free(in);
}

/* Of the same context. */
static void each_connection_has_a_count_of_its_own(void **state)
{
        SSL *a = make_client(), *b = make_client();
        size_t n = TLS_LIMIT_MAX / 2 - 1;

        assert_true(endures(a, n, false));
        assert_true(endures(b, n, false));
        assert_false(endures(a, 1, false));
        SSL_free(a);
        SSL *after = make_client(); /* perhaps where the other one was */
        assert_true(endures(after, n, false));
        assert_false(endures(b, 1, false));
        assert_false(endures(after, 1, false));
        SSL_free(b);
        SSL_free(after);
}

/* ---- after the handshake ---- */

static void carry(SSL *from, SSL *to)
{
        char *bytes = NULL;
        long n = BIO_get_mem_data(SSL_get_wbio(from), &bytes);

        if (n > 0) {
                assert_int_equal(BIO_write(SSL_get_rbio(to), bytes, (int)n), n);
                (void)BIO_reset(SSL_get_wbio(from));
        }
}

struct pair {
        SSL *client, *server;
};

static struct pair connect_pair(int version)
{
        struct pair pair = { make_end(client_context), make_end(server_context) };

        assert_int_equal(SSL_set_max_proto_version(pair.client, version), 1);
        SSL_set_connect_state(pair.client);
        SSL_set_accept_state(pair.server);
        for (int i = 0; i < 10 && !(SSL_is_init_finished(pair.client) && SSL_is_init_finished(pair.server));
             i++) {
                (void)SSL_do_handshake(pair.client);
                carry(pair.client, pair.server);
                (void)SSL_do_handshake(pair.server);
                carry(pair.server, pair.client);
        }
        assert_true(SSL_is_init_finished(pair.client) && SSL_is_init_finished(pair.server));
        assert_int_equal(SSL_version(pair.client), version);
        return pair;
}

static void free_pair(struct pair *pair)
{
        SSL_free(pair->client);
        SSL_free(pair->server);
}

/* Whether data arrive. */
static bool talks(struct pair *pair)
{
        char text[8] = "";

        ERR_clear_error();
        assert_int_equal(SSL_write(pair->server, "hello", 5), 5);
        carry(pair->server, pair->client);
        return SSL_read(pair->client, text, sizeof(text)) == 5 && memcmp(text, "hello", 5) == 0;
}

static void data_are_not_counted(void **state)
{
        static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

        for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
                struct pair pair = connect_pair(versions[i]);

                for (int j = 0; j < 3 * TLS_LIMIT_MAX; j++) {
                        assert_true(talks(&pair));
                }
                free_pair(&pair);
        }
}

static void send_tickets(struct pair *pair, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                assert_int_equal(SSL_new_session_ticket(pair->server), 1);
                assert_int_equal(SSL_do_handshake(pair->server), 1);
        }
        carry(pair->server, pair->client);
}

/* Between data, too; and the neighbour goes on. */
static void tickets_are_counted(void **state)
{
        struct pair pair = connect_pair(TLS1_3_VERSION), neighbour = connect_pair(TLS1_3_VERSION);

        for (int i = 0; i < 20; i++) {
                send_tickets(&pair, 5);
                assert_true(talks(&pair));
        }
        send_tickets(&pair, TLS_LIMIT_MAX);
        assert_false(talks(&pair));
        assert_false(talks(&pair));
        assert_true(talks(&neighbour));
        free_pair(&pair);
        free_pair(&neighbour);
}

/* The handle of libcurl takes it, whatever its TLS library. */
static void a_handle_is_set_up(void **state)
{
        CURL *easy = curl_easy_init();

        assert_non_null(easy);
        assert_true(tls_limit_set_up(easy));
        curl_easy_cleanup(easy);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(so_many_and_no_more, set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_rest_is_not_read, set_up, tear_down),
                cmocka_unit_test_setup_teardown(each_connection_has_a_count_of_its_own, set_up, tear_down),
                cmocka_unit_test_setup_teardown(data_are_not_counted, set_up, tear_down),
                cmocka_unit_test_setup_teardown(tickets_are_counted, set_up, tear_down),
                cmocka_unit_test(a_handle_is_set_up),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
