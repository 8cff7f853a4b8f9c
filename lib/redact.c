/* Texts of the upstream's, made fit to be shown.
 *
 * A text is *covered*: first every place where one of the hidden texts stands, then every run that looks
 * like a token; a covered part is shown as one "[hidden]", whatever its length. So what is cut off at the
 * end is never the beginning of something that was to be hidden. Only the first SCAN_MAX bytes are looked
 * at; that is far more than is shown, and bounds the work. */
#include "lib/redact.h"

#include "lib/echo.h"
#include "lib/util.h"

#define SCAN_MAX 4096

#define RUN_MIN  16 /* so long with a digit, */
#define RUN_LONG 32 /* or longer than this without, it may be a token */

static bool is_token_byte(char c)
{
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               (c != '\0' && strchr("+/=_.-", c));
}

bool redact_is_like_token(const char *run, size_t length)
{
        if (length > RUN_LONG) {
                return true;
        }
        for (size_t i = 0; i < length; i++) {
                if (run[i] >= '0' && run[i] <= '9') {
                        return length >= RUN_MIN;
                }
        }
        return false;
}

static void cover(bool *covered, size_t scanned, size_t start, size_t length)
{
        for (size_t i = start; i < MIN_OF(scanned, start + length); i++) {
                covered[i] = true;
        }
}

/* A text that begins within the scanned part and ends behind it is found, too. */
static void cover_hidden(const char *text, size_t length, bool *covered, size_t scanned, const char *hidden)
{
        for (size_t i = 0; i < scanned; i++) {
                cover(covered, scanned, i, echo_length(text + i, length - i, hidden));
        }
}

static void cover_runs(const char *text, size_t length, bool *covered, size_t scanned)
{
        size_t end;

        for (size_t start = 0; start < scanned; start = end + 1) {
                end = start;
                while (end < length && is_token_byte(text[end])) {
                        end++;
                }
                if (redact_is_like_token(text + start, end - start)) {
                        cover(covered, scanned, start, end - start);
                }
        }
}

static void write_shown(const char *text, const bool *covered, size_t scanned, char *ret, size_t max)
{
        static const char mark[] = "[hidden]";
        size_t n = 0;

        for (size_t i = 0; i < scanned && n < max; i++) {
                if (!covered[i]) {
                        ret[n++] = (char)(text[i] >= 0x20 && text[i] <= 0x7e ? text[i] : '?');
                } else if (i == 0 || !covered[i - 1]) {
                        if (n + strlen(mark) > max) {
                                break;
                        }
                        memcpy(ret + n, mark, strlen(mark));
                        n += strlen(mark);
                }
        }
        ret[n] = '\0';
}

static void redact_as_told(const char *text, size_t length, const char *const *hidden, size_t n_hidden,
                           bool runs, char *ret, size_t size)
{
        bool covered[SCAN_MAX] = { false };
        size_t scanned = MIN_OF(length, (size_t)SCAN_MAX);

        for (size_t i = 0; i < n_hidden; i++) {
                cover_hidden(text, length, covered, scanned, hidden[i]);
        }
        if (runs) {
                cover_runs(text, length, covered, scanned);
        }
        write_shown(text, covered, scanned, ret, size - 1);
}

void redact(const char *text, size_t length, const char *const *hidden, size_t n_hidden, char *ret,
            size_t size)
{
        redact_as_told(text, length, hidden, n_hidden, /* runs= */ true, ret, size);
}

void redact_echoes(const char *text, size_t length, const char *const *hidden, size_t n_hidden, char *ret,
                   size_t size)
{
        redact_as_told(text, length, hidden, n_hidden, /* runs= */ false, ret, size);
}
