/* The secret of opaque tokens, as a text: it comes back as it was, and anything else is refused. */
#include "lib/saved_opaque_key.h"
#include "lib/secret.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>

#define BOOT "0123456789abcdef0123456789abcdef"
#define HEX  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define TEXT "opaque 1 42 " BOOT " " HEX "\n"

static int parse(const char *text, struct saved_opaque_key **ret)
{
        const char *why = NULL;
        int r = saved_opaque_key_parse(text, strlen(text), ret, &why);

        assert_true(r == 0 || (r == -EBADMSG && *why));
        return r;
}

static void there_and_back(void **state)
{
        _cleanup_secret_ struct saved_opaque_key *saved = NULL;
        _cleanup_secret_ char *text = NULL;
        size_t length;

        assert_int_equal(parse(TEXT, &saved), 0);
        assert_int_equal(saved->number, 42);
        assert_string_equal(saved->boot_id, BOOT);
        assert_int_equal(saved->key[0], 0);
        assert_int_equal(saved->key[31], 0xff);
        assert_int_equal(saved_opaque_key_format(saved, &text, &length), 0);
        assert_int_equal(length, strlen(TEXT));
        assert_memory_equal(text, TEXT, length);
}

static void anything_else(void **state)
{
        static const char *const texts[] = {
                "",
                "opaque 1 ",
                "opaque 1 42 " BOOT " " HEX,
                "opaque 1 42 " BOOT " " HEX "\n\n",
                "opaque 1 0 " BOOT " " HEX "\n",
                "opaque 1 042 " BOOT " " HEX "\n",
                "opaque 1  " BOOT " " HEX "\n",
                "opaque 1 -1 " BOOT " " HEX "\n",
                "opaque 1 99999999999999999999 " BOOT " " HEX "\n",
                "opaque 2 42 " BOOT " " HEX "\n",
                "opaque 1 42 X" BOOT " " HEX "\n",
                "opaque 1 42  " BOOT " " HEX "\n",
                "opaque 1 42 " BOOT " 0" HEX "\n",
        };
        struct saved_opaque_key *saved = NULL;
        char text[] = TEXT;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                if (parse(texts[i], &saved) == 0) {
                        fail_msg("%s passes", texts[i]);
                }
        }
        for (size_t i = 0; i < strlen(text); i++) {
                char was = text[i];
                text[i] = 'X';
                assert_int_equal(parse(text, &saved), -EBADMSG);
                text[i] = was;
        }
        assert_null(saved);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(there_and_back),
                                            cmocka_unit_test(anything_else) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
