/* Settings from text, for several tests. */
#pragma once

#include "lib/settings.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>

/* Reads one file called "a.conf" onto the settings; the text is copied into exactly as much memory, so that
 * a sanitizer sees every byte read too far. */
static inline int read_bytes(struct settings *settings, const char *text, size_t length, char *message)
{
        _cleanup_free_ char *exact = malloc(length + (length == 0));

        assert_non_null(exact);
        memcpy(exact, text, length);
        return settings_read(settings, "a.conf", exact, length, message);
}

/* The settings of one good file; the caller frees. */
static inline struct settings *read_good(const char *text)
{
        char message[SETTINGS_ERROR_MAX] = "";
        struct settings *settings = NULL;

        assert_int_equal(settings_new(&settings), 0);
        if (read_bytes(settings, text, strlen(text), message) != 0 ||
            settings_finish(settings, message) != 0) {
                fail_msg("%s\n%s", text, message);
        }
        return settings;
}

/* The whole message of one bad file. */
static inline void expect_bytes_error(const char *text, size_t length, const char *expected)
{
        _cleanup_(settings_freep) struct settings *settings = NULL;
        char message[SETTINGS_ERROR_MAX] = "";
        int r;

        assert_int_equal(settings_new(&settings), 0);
        r = read_bytes(settings, text, length, message);
        if (r == 0) {
                r = settings_finish(settings, message);
        }
        if (r != -EINVAL) {
                fail_msg("got %d for: %s", r, text);
        }
        assert_string_equal(message, expected);
}

static inline void expect_error(const char *text, const char *expected)
{
        expect_bytes_error(text, strlen(text), expected);
}
