/* Any header of an answer: one that goes on has no line end and no control character in it, a URL that is
 * written anew is below ours, and no echo of the token is left. Input: "Name: value", then a line with the
 * value of Connection. */
#include "lib/echo.h"
#include "lib/gateway_headers.h"
#include "lib/lane.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz.h"

#include <strings.h>

#define TOKEN "baGXoStRuR9VCDFQ.cAxZJ9m22Le7"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const token = TOKEN;
        static const struct gateway_places places = { "https://up.example/p", "localhost:9377", "sandbox" };
        _cleanup_free_ char *text = strndup((const char *)data, size);
        _cleanup_free_ char *ret = malloc(8 * size + 256);
        struct gateway_connection connection = { 0 };

        must(text && ret);
        char *line = strchr(text, '\n');
        if (line) {
                *line++ = '\0';
                gateway_connection_note(&connection, "Connection", line);
        }
        struct lane_line parts;
        if (lane_line_split(text, strlen(text), &parts) < 0) {
                return 0;
        }
        text[parts.name_length] = '\0';
        char *value = text + (parts.value - text);
        value[parts.value_length] = '\0';
        must(strpbrk(text, " \r\n:") == NULL && strpbrk(value, "\r\n") == NULL);
        if (gateway_header_goes_in(text, &connection) || gateway_header_goes_out(text, &connection)) {
                must(!gateway_connection_has(&connection, text));
                must(strcasecmp(text, "Transfer-Encoding") != 0 && strcasecmp(text, "Content-Length") != 0);
        }
        int length = gateway_header_rewrite(text, value, &places, ret, 8 * size + 256);
        must(length >= 0 && strlen(ret) == (size_t)length && strpbrk(ret, "\r\n") == NULL);
        if (!streq(ret, value)) {
                must(strstr(ret, "http://localhost:9377/sandbox") != NULL);
        }
        char none[1];
        must(gateway_header_rewrite(text, value, &places, none, sizeof(none)) ==
             (length == 0 ? 0 : -ENOBUFS));
        bool there = echo_is_in(ret, (size_t)length, &token, 1);
        must(gateway_cover(ret, (size_t)length, token) == there);
        must(!there || strchr(ret, '*'));
        must(strlen(ret) == (size_t)length);
        return 0;
}
