/* The section [share], and the addresses of stores: forms that are read, written, and refused. */
#include "lib/store_address.h"
#include "tests/unit/settings_text.h"

#include <stdio.h>

static void all_of_it(void **state)
{
        _cleanup_(settings_freep) struct settings *s =
                read_good("[share]\nstore = rediss://Valkey.example.net:6380\nstore = redis://[::1]\nstore "
                          "= unix:/run/r.sock\n"
                          "username =#broker\npassword_file = /a/password\nca_file = /a/ca.pem\n"
                          "share_secret_file = /a/secret\n");
        _cleanup_free_ char *text = settings_format(s);

        assert_int_equal(s->share.n_stores, 3);
        assert_int_equal(s->share.stores[0].kind, STORE_TLS);
        assert_string_equal(s->share.stores[0].text, "rediss://valkey.example.net:6380");
        assert_int_equal(s->share.stores[1].kind, STORE_PLAIN);
        assert_string_equal(s->share.stores[1].text, "redis://[::1]:6379");
        assert_int_equal(s->share.stores[2].kind, STORE_UNIX);
        assert_string_equal(store_address_path(&s->share.stores[2]), "/run/r.sock");
        assert_string_equal(s->share.place, "a.conf:1");
        assert_string_equal(s->share.password_file, "/a/password");
        assert_string_equal(s->share.ca_file, "/a/ca.pem");
        assert_string_equal(s->share.share_secret_file, "/a/secret");
        assert_non_null(strstr(
                text, "\n[share]\nstore = rediss://valkey.example.net:6380\nstore = redis://[::1]:6379\n"
                      "store = unix:/run/r.sock\nusername =#broker\npassword_file = /a/password\n"));
}

static void without_it(void **state)
{
        _cleanup_(settings_freep) struct settings *s = read_good("[share]\n");
        _cleanup_free_ char *text = settings_format(s);

        assert_int_equal(s->share.n_stores, 0);
        assert_null(strstr(text, "[share]"));
}

static void a_later_file_replaces_the_list(void **state)
{
        _cleanup_(settings_freep) struct settings *s =
                read_good("[share]\nstore = redis://a\nstore = redis://b\n");
        const char more[] = "[share]\nstore = redis://c:1\n";
        char message[SETTINGS_ERROR_MAX];

        assert_int_equal(settings_read(s, "b.conf", more, strlen(more), message), 0);
        assert_int_equal(s->share.n_stores, 1);
        assert_string_equal(s->share.stores[0].text, "redis://c:1");
}

static void addresses_that_are_refused(void **state)
{
        static const struct {
                const char *value, *why;
        } rows[] = {
                { "https://h",
                  "it is no address of a store: write redis://HOST[:PORT], rediss://HOST[:PORT] or "
                  "unix:/PATH" },
                { "redis://user:verysecret@h",
                  "it has user information before the host: write the user as "
                  "username, and the password into a file that password_file names" },
                { "redis://h/1", "it has a path, and no database but the first is used: write "
                                 "redis://HOST[:PORT], rediss://HOST[:PORT] or unix:/PATH" },
                { "redis://h:0", "it has no host name, address or port as it should be: write "
                                 "redis://HOST[:PORT], rediss://HOST[:PORT] or unix:/PATH" },
                { "redis://",
                  "it has no host name, address or port as it should be: write redis://HOST[:PORT], "
                  "rediss://HOST[:PORT] or unix:/PATH" },
                { "redis://h?x", "it has no host name, address or port as it should be: write "
                                 "redis://HOST[:PORT], rediss://HOST[:PORT] or unix:/PATH" },
                { "unix:run/r", "the path of the socket is not absolute: write unix:/PATH" },
                { "unix:/a b", "the path of the socket has characters that are not visible ASCII" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char text[256], wanted[256];

                (void)snprintf(text, sizeof(text), "[share]\nstore = %s\n", rows[i].value);
                (void)snprintf(wanted, sizeof(wanted), "a.conf:2: store: %s", rows[i].why);
                expect_error(text, wanted);
        }
        expect_error(
                "[share]\nstore = redis://h\nstore = REDIS://H:6379/\n",
                "a.conf:3: store = REDIS://H:6379/: this store is listed already: leave one of the two out");
}

static void sections_that_are_refused(void **state)
{
        expect_error("[share]\nca_file = /a\n", "a.conf:1: [share] has no store: write store = "
                                                "rediss://HOST:PORT, or leave the section out");
        expect_error("\n[share]\nstore = redis://h\nusername = u\n",
                     "a.conf:2: [share] has a username, but no password_file: write password_file = PATH");
        expect_error("[share]\nstore = unix:/r\nca_file = /a\n",
                     "a.conf:1: [share] has a ca_file, but no store that is spoken to over TLS: write "
                     "rediss:// for "
                     "redis://, or leave it out");
        expect_error("[share]\nstore = redis://h\npassword_file = x\n",
                     "a.conf:3: password_file = x: write an absolute path, one that begins with a slash");
        expect_error("[share]\nstore = redis://h\nusername = a b\npassword_file = /x\n",
                     "a.conf:3: username: write visible ASCII characters without blanks");
        expect_error("[share]\nlisten = /x\n", "a.conf:2: listen belongs into [broker]");
        expect_error("[broker]\nstore = redis://h\n", "a.conf:2: store belongs into [share]");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(all_of_it),
                cmocka_unit_test(without_it),
                cmocka_unit_test(a_later_file_replaces_the_list),
                cmocka_unit_test(addresses_that_are_refused),
                cmocka_unit_test(sections_that_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
