/* A text is fed to the tokener in *runs*: of ASCII, and of other bytes.
 *
 * json-c 0.18, being strict, takes every other byte in a string for a control character (its issue 875). So
 * it is lenient while it reads them. That lets nothing in: outside of strings they are wrong for a lenient
 * reader, too, and all the rest, quotes and commas and numbers, is ASCII. A run ends where a character does,
 * so that each can be checked to be UTF-8 by itself. */
#include "lib/json_feed.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

static bool is_ascii(char c)
{
        return ((unsigned char)c & 0x80) == 0;
}

static size_t run_length(const char *text, size_t length)
{
        size_t n = 1;

        while (n < length && is_ascii(text[n]) == is_ascii(text[0])) {
                n++;
        }
        return n;
}

int json_feed(struct json_tokener *tokener, const char *text, size_t length, struct json_object **ret)
{
        struct json_object *value = NULL;
        enum json_tokener_error error = json_tokener_continue;
        size_t n;

        /* White space at the end counts as a second value for the strict reader. */
        while (length > 0 && memchr(" \t\r\n", text[length - 1], 4)) {
                length--;
        }
        if (length > INT_MAX || memchr(text, '\0', length)) {
                return -EBADMSG;
        }

        for (size_t i = 0; i < length && error == json_tokener_continue; i += n) {
                n = run_length(text + i, length - i);
                json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8 |
                                                        (is_ascii(text[i]) ? JSON_TOKENER_STRICT : 0));
                value = json_tokener_parse_ex(tokener, text + i, (int)n);
                error = json_tokener_get_error(tokener);
                if (error == json_tokener_success &&
                    (json_tokener_get_parse_end(tokener) < n || i + n < length)) {
                        error = json_tokener_error_parse_unexpected;
                }
        }
        /* A number at the very end is only complete when something follows it. */
        if (error == json_tokener_continue) {
                json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
                value = json_tokener_parse_ex(tokener, "", 1);
                error = json_tokener_get_error(tokener);
        }
        if (error != json_tokener_success) {
                (void)json_object_put(value);
                return -EBADMSG;
        }
        *ret = value;
        return 0;
}
