/* The address from which the service manager asks for a credential. */
#include "lib/credential_peer.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>

#define ADDRESS(text) (text), sizeof(text) - 1

static void reads_unit_and_credential(void **state)
{
        struct credential_peer peer;

        assert_int_equal(credential_peer_parse(ADDRESS("\0d05f7141d8194b72/unit/deploy.service/eqp"), &peer),
                         0);
        assert_string_equal(peer.unit, "deploy.service");
        assert_string_equal(peer.credential, "eqp");

        assert_int_equal(
                credential_peer_parse(ADDRESS("\0f/unit/worker@a-1.service/eqp.sandbox.json"), &peer), 0);
        assert_string_equal(peer.unit, "worker@a-1.service");
        assert_string_equal(peer.credential, "eqp.sandbox.json");
}

static void takes_the_longest_address(void **state)
{
        char address[109] = "\0f/unit/";
        struct credential_peer peer;

        memset(address + 8, 'u', sizeof(address) - 8);
        memcpy(address + 108 - strlen(".service/e"), ".service/e", strlen(".service/e"));
        assert_int_equal(credential_peer_parse(address, 108, &peer), 0);
        assert_int_equal(strlen(peer.unit), UNIT_NAME_MAX);
        assert_string_equal(peer.credential, "e");

        memset(address + 8, 'c', sizeof(address) - 8);
        memcpy(address + 8, "u.mount/", 8);
        assert_int_equal(credential_peer_parse(address, 108, &peer), 0);
        assert_string_equal(peer.unit, "u.mount");
        assert_int_equal(strlen(peer.credential), 108 - 16);
        assert_int_equal(credential_peer_parse(address, 109, &peer), -EINVAL);
}

static void believes_nothing_else(void **state)
{
        static const struct {
                const char *address;
                size_t length;
        } rows[] = {
                { ADDRESS("") },
                { ADDRESS("\0") },
                { ADDRESS("\0a") },
                { ADDRESS("/run/x/unit/a.service/eqp") },
                { ADDRESS("a/unit/a.service/eqp") },
                { ADDRESS("\0/unit/a.service/eqp") },
                { ADDRESS("\0a-b/unit/a.service/eqp") },
                { ADDRESS("\0a/Unit/a.service/eqp") },
                { ADDRESS("\0a/user/a.service/eqp") },
                { ADDRESS("\0a/unit") },
                { ADDRESS("\0a/unit/") },
                { ADDRESS("\0a/unit/a.service") },
                { ADDRESS("\0a/unit/a.service/") },
                { ADDRESS("\0a/unit//eqp") },
                { ADDRESS("\0a/unit/a/eqp") },
                { ADDRESS("\0a/unit/a@.service/eqp") },
                { ADDRESS("\0a/unit/a.service/eqp/x") },
                { ADDRESS("\0a/unit/a.service/e:p") },
                { ADDRESS("\0a/unit/a.service/..") },
                { ADDRESS("\0a/unit/a.service/eqp\0") },
                { ADDRESS("\0a/unit/a.service\0/eqp") },
                { ADDRESS("\0a/unit/a.service/eqp\n") },
                { ADDRESS("\0a/unit/x/../a.service/eqp") },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct credential_peer peer = { .unit = "untouched" };

                if (credential_peer_parse(rows[i].address, rows[i].length, &peer) != -EINVAL) {
                        fail_msg("row %zu: %s %s", i, peer.unit, peer.credential);
                }
                assert_string_equal(peer.unit, "untouched");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_unit_and_credential),
                cmocka_unit_test(takes_the_longest_address),
                cmocka_unit_test(believes_nothing_else),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
