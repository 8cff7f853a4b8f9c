/* Judging a raw request target, from left to right.
 *
 * Nothing of it is ever changed, so the rules see what the upstream will see. An upstream decodes it,
 * though, and may tidy it up: a target for which that could matter is refused. The rest has one spelling
 * for most characters; lib/gateway_spelling.h is about the rest. */
#include "lib/gateway_target.h"

#include "lib/gateway_spelling.h"
#include "lib/hex.h"
#include "lib/util.h"

#include <strings.h>

#define KEY_DECODINGS_MAX 8 /* rounds */

/* The byte that "%XX" at this place stands for; -1: it stands for none. */
static int encoded_byte(const char *text, size_t length)
{
        int high, low;

        if (length < 3 || *text != '%') {
                return -1;
        }
        high = hex_digit(text[1]);
        low = hex_digit(text[2]);
        return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static bool is_unreserved(int c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '.' || c == '_' || c == '~';
}

static const char *text_fault(const char *text, size_t length)
{
        for (size_t i = 0; i < length; i++) {
                if (text[i] < 0x21 || text[i] > 0x7e) {
                        return "it has a byte that is no visible ASCII character: percent-encode it";
                }
                if (text[i] == '#') {
                        return "it has a #, which ends a URL: write %23";
                }
        }
        return NULL;
}

/* ---- the path ---- */

/* Of "%XX" at this place. A slash is judged with the segments. */
static const char *encoding_fault(const char *text, size_t length, bool encoded_slash)
{
        int byte = encoded_byte(text, length), next;

        if (byte < 0) {
                return "it has a % without two hexadecimal digits behind it";
        }
        if (byte < 0x20 || byte == 0x7f) {
                return "it has a percent-encoded control character";
        }
        if (byte == '/' && !encoded_slash) {
                return "it has a percent-encoded slash: set encoded_slash = yes in [gateway ENVIRONMENT] if "
                       "its names have slashes";
        }
        if (byte == '\\' || byte == '%') {
                return "it has a percent-encoded backslash or percent sign, which some servers decode twice";
        }
        if (is_unreserved(byte)) {
                return "it has a percent-encoded letter, digit, dot, hyphen, underscore or tilde: write it "
                       "as it is";
        }
        next = encoded_byte(text + 3, length - 3);
        if (byte == 0xc0 || byte == 0xc1 || (byte == 0xe0 && next < 0xa0 && next >= 0) ||
            (byte == 0xf0 && next < 0x90 && next >= 0)) {
                return "it has an overlong UTF-8 character, which some servers take for another one";
        }
        return NULL;
}

/* Of what stands between two slashes, encoded or not. */
static const char *name_fault(const char *name, size_t length)
{
        if ((length == 1 && *name == '.') || (length == 2 && name[0] == '.' && name[1] == '.')) {
                return "it has a segment . or ..: write the path that is meant";
        }
        return NULL;
}

const char *gateway_path_fault(const char *path, size_t length, bool encoded_slash)
{
        static const char empty[] =
                "it has two slashes in a row, or an encoded slash at the end of a segment: "
                "write one slash";
        size_t begin = 0; /* of the name */
        bool was_encoded = false;
        const char *fault = text_fault(path, length);

        for (size_t i = 0; i < length && !fault; i++) {
                bool encoded = path[i] == '%', slash = path[i] == '/';

                if (path[i] == '\\' || path[i] == ';') {
                        return "it has a backslash or a semicolon: write %3B for a semicolon";
                }
                if (encoded) {
                        fault = encoding_fault(path + i, length - i, encoded_slash);
                        slash = !fault && encoded_byte(path + i, length - i) == '/';
                }
                if (slash) {
                        /* The first one of a path, and of what is only a part of one. */
                        if (begin == i && (i > 0 || encoded)) {
                                return empty;
                        }
                        fault = name_fault(path + begin, i - begin);
                        begin = encoded ? i + 3 : i + 1;
                        was_encoded = encoded;
                }
                i += encoded ? 2 : 0;
        }
        if (fault) {
                return fault;
        }
        if (begin == length && was_encoded) {
                return empty;
        }
        return name_fault(path + begin, length - begin);
}

/* Does some upstream take it for rest/v1/app/session…? That gives out tokens. */
static bool reads_as_session(const char *path, size_t length)
{
        static const struct gateway_segment app = { "app", 3 }, session = { "session", 7 };
        struct gateway_reading reading;

        for (unsigned n = 0; gateway_reading_next(&reading, path, length, &n);) {
                struct gateway_segment segment;
                size_t place = strlen(GATEWAY_PREFIX);

                if (gateway_segment_next(&segment, reading.text, reading.length, &place) &&
                    gateway_segment_reads_as(&segment, &app) &&
                    gateway_segment_next(&segment, reading.text, reading.length, &place) &&
                    gateway_segment_begins_as(&segment, &session)) {
                        return true;
                }
        }
        return false;
}

/* ---- the query ---- */

/* Decodes once, in place; returns the new length. */
static size_t decode(char *text, size_t length)
{
        size_t n = 0;

        for (size_t i = 0; i < length; i++) {
                int byte = encoded_byte(text + i, length - i);

                text[n++] = byte < 0 ? text[i] : (char)byte;
                i += byte < 0 ? 0 : 2;
        }
        return n;
}

/* PHP leaves out blanks at the beginning, takes a dot or a bracket there for an underscore, and ends a key
 * at a bracket. */
static bool is_method_key(const char *key, size_t length)
{
        static const char word[] = "method";
        size_t n = 0;

        while (n < length && (key[n] == ' ' || key[n] == '+' || (key[n] >= '\t' && key[n] <= '\r'))) {
                n++;
        }
        if (n == length || !memchr("_.[", key[n], 3)) {
                return false;
        }
        n++;
        if (length - n < strlen(word) || strncasecmp(key + n, word, strlen(word)) != 0) {
                return false;
        }
        n += strlen(word);
        return n == length || (unsigned char)key[n] <= ' ' || memchr("+[=", key[n], 3);
}

static bool key_overrides(const char *text, size_t length)
{
        char key[GATEWAY_TARGET_MAX];
        size_t n = MIN_OF(length, sizeof(key)), before;

        memcpy(key, text, n);
        for (int i = 0; i < KEY_DECODINGS_MAX; i++) {
                before = n;
                n = decode(key, n);
                if (is_method_key(key, n)) {
                        return true;
                }
                if (n == before) {
                        break;
                }
        }
        return false;
}

static bool query_overrides(const char *query, size_t length)
{
        size_t begin = 0;

        while (begin < length) {
                size_t end = begin, key_end;

                while (end < length && query[end] != '&' && query[end] != ';') {
                        end++;
                }
                for (key_end = begin; key_end < end && query[key_end] != '='; key_end++) {
                }
                if (key_overrides(query + begin, key_end - begin)) {
                        return true;
                }
                begin = end + 1;
        }
        return false;
}

/* ---- the whole ---- */

/* The environment, and where the path begins behind it; 0: there is none. */
static size_t take_environment(const char *raw, size_t length,
                               char ret_environment[static ENVIRONMENT_NAME_MAX + 1])
{
        const char *end = length > 1 && *raw == '/' ? memchr(raw + 1, '/', length - 1) : NULL;
        size_t n = end ? (size_t)(end - raw) - 1 : 0;

        if (!end || !environment_name_valid(raw + 1, n)) {
                return 0;
        }
        memcpy(ret_environment, raw + 1, n);
        ret_environment[n] = '\0';
        return n + 1;
}

static void refuse(struct gateway_target *target, enum gateway_target_fault fault, const char *why)
{
        target->fault = fault;
        target->why = why;
}

static void check_path(struct gateway_target *ret, const char *path, size_t length, bool encoded_slash)
{
        const char *fault = gateway_path_fault(path, length, encoded_slash);

        if (fault) {
                refuse(ret, GATEWAY_TARGET_AMBIGUOUS, fault);
                return;
        }
        if (length < strlen(GATEWAY_PREFIX) || memcmp(path, GATEWAY_PREFIX, strlen(GATEWAY_PREFIX)) != 0) {
                refuse(ret, GATEWAY_TARGET_NOT_OURS, "paths of the EQP API begin with /rest/v1/");
                return;
        }
        if (reads_as_session(path, length)) {
                refuse(ret, GATEWAY_TARGET_SESSION,
                       "this is, or may be taken for, the upstream's token endpoint, which is never passed "
                       "on");
                return;
        }
        ret->path = path;
        ret->path_length = length;
}

void gateway_target_check(const char *raw, size_t length, bool encoded_slash, struct gateway_target *ret)
{
        size_t begin;
        const char *path, *query;

        *ret = (struct gateway_target){ .fault = GATEWAY_TARGET_FINE };
        begin = take_environment(raw, length, ret->environment);
        if (begin == 0) {
                refuse(ret, GATEWAY_TARGET_NOT_OURS, "it names no environment");
                return;
        }
        if (length > GATEWAY_TARGET_MAX) {
                refuse(ret, GATEWAY_TARGET_TOO_LONG, "path and query are over 8000 bytes long");
                return;
        }
        path = raw + begin;
        length -= begin;
        if (length > 1 && path[0] == '/' && path[1] == '/') {
                path++;
                length--;
        }
        query = memchr(path, '?', length);
        if (query) {
                ret->query = query + 1;
                ret->query_length = length - (size_t)(query + 1 - path);
                length = (size_t)(query - path);
        }
        check_path(ret, path, length, encoded_slash);
        if (ret->fault != GATEWAY_TARGET_FINE || !query) {
                return;
        }
        if (text_fault(ret->query, ret->query_length)) {
                refuse(ret, GATEWAY_TARGET_AMBIGUOUS, text_fault(ret->query, ret->query_length));
        } else if (query_overrides(ret->query, ret->query_length)) {
                refuse(ret, GATEWAY_TARGET_METHOD_OVERRIDE,
                       "its query has the key _method, by which some servers take one method for another");
        }
}

bool gateway_method_valid(const char *method)
{
        size_t length = strlen(method);

        return length >= 1 && length <= GATEWAY_METHOD_MAX &&
               strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                              "!#$%&'*+-.^_`|~") == length &&
               strcasecmp(method, "TRACE") != 0 && strcasecmp(method, "CONNECT") != 0;
}
