/* A secret as an upstream may send it back.
 *
 * Of a text only letters and digits are compared. So quotes, line ends, percent signs and backslashes need
 * no understanding: only the characters between them count. */
#include "lib/echo.h"

#include "lib/util.h"

#include <strings.h>

#define WRITTEN_MIN 6
#define GAP_MAX     8

/* How a character is written, apart from what is not compared. */
static const struct coding {
        const char *prefix;
        unsigned base;
        bool all; /* letters and digits as well */
} codings[] = {
        { "", 16, false },  { "", 16, true },  { "u00", 16, false }, { "u00", 16, true },
        { "x", 16, false }, { "x", 16, true }, { "", 10, false },    { "", 10, true },
};

static bool is_compared(char c)
{
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static char lower(char c)
{
        return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Returns its length. */
static size_t write_coded(char ret[static 8], char c, const struct coding *coding)
{
        static const char digits[] = "0123456789abcdef";
        unsigned number = (unsigned char)c; /* visible ASCII: two digits, or three decimal ones */
        size_t n = strlen(coding->prefix);

        memcpy(ret, coding->prefix, n);
        if (number >= coding->base * coding->base) {
                ret[n++] = digits[number / coding->base / coding->base];
        }
        ret[n++] = digits[number / coding->base % coding->base];
        ret[n++] = digits[number % coding->base];
        return n;
}

/* Goes on in the text from `at` to this character, over what is not compared. Returns the place behind it;
 * 0: it is not there. */
static size_t find_next(const char *text, size_t length, size_t at, char c, size_t gap)
{
        size_t end = MIN_OF(length, at + gap + 1);

        while (at < end && !is_compared(text[at])) {
                at++;
        }
        return at < end && lower(text[at]) == lower(c) ? at + 1 : 0;
}

/* The same for several. */
static size_t find_all(const char *text, size_t length, size_t at, const char *written, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                at = find_next(text, length, at, written[i], at == 0 ? 0 : GAP_MAX);
                if (at == 0) {
                        return 0;
                }
        }
        return at;
}

static size_t coded_length(const char *text, size_t length, const char *secret, const struct coding *coding)
{
        size_t at = 0, n_compared = 0;

        for (; *secret != '\0'; secret++) {
                char written[8];
                bool as_it_is = is_compared(*secret) && !coding->all;
                size_t n = as_it_is ? 1 : write_coded(written, *secret, coding);
                size_t next = find_all(text, length, at, as_it_is ? secret : written, n);
                if (next > 0) {
                        at = next;
                        n_compared += n;
                } else if (is_compared(*secret)) {
                        return 0;
                } /* else it stands there as it is, or was left out */
        }
        return n_compared >= WRITTEN_MIN ? at : 0;
}

size_t echo_length(const char *text, size_t length, const char *secret)
{
        size_t whole = secret ? strlen(secret) : 0, longest = 0;

        if (whole == 0) {
                return 0;
        }
        if (whole <= length && strncasecmp(text, secret, whole) == 0) {
                longest = whole;
        }
        if (length == 0 || !is_compared(*text)) {
                return longest; /* the others begin with something that is compared */
        }
        for (size_t i = 0; i < ARRAY_SIZE(codings); i++) {
                longest = MAX_OF(longest, coded_length(text, length, secret, &codings[i]));
        }
        return longest;
}

bool echo_is_in(const char *text, size_t length, const char *const *secrets, size_t n_secrets)
{
        for (size_t i = 0; i < n_secrets; i++) {
                for (size_t at = 0; at < length; at++) {
                        if (echo_length(text + at, length - at, secrets[i]) > 0) {
                                return true;
                        }
                }
        }
        return false;
}
