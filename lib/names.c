/* The names people choose. An environment's name stands in paths, file names and section headings, a label
 * in file names and logs, a client's name in logs and metrics; so each has an alphabet that is harmless in
 * all of them. */
#include "lib/names.h"

#include "lib/util.h"

#include <errno.h>

#define PLAIN_WORD_MAX 24 /* longer than the longest that people put into names */

static bool is_lower(char c)
{
        return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
        return c >= 'A' && c <= 'Z';
}

static bool is_alnum(char c)
{
        return is_lower(c) || is_digit(c) || is_upper(c);
}

static bool is_one_of(char c, const char *set)
{
        return c != '\0' && strchr(set, c);
}

static bool is_reserved(const char *name, size_t length)
{
        static const char *const reserved[] = { "v1", "livez", "readyz", "metrics" };

        for (size_t i = 0; i < ARRAY_SIZE(reserved); i++) {
                if (strlen(reserved[i]) == length && memcmp(reserved[i], name, length) == 0) {
                        return true;
                }
        }
        return false;
}

bool environment_name_valid(const char *name, size_t length)
{
        if (length < 1 || length > ENVIRONMENT_NAME_MAX || !is_lower(name[0])) {
                return false;
        }
        for (size_t i = 1; i < length; i++) {
                if (!is_lower(name[i]) && !is_digit(name[i]) && name[i] != '-') {
                        return false;
                }
        }
        return !is_reserved(name, length);
}

bool key_label_valid(const char *label, size_t length)
{
        if (length < 1 || length > KEY_LABEL_MAX || is_one_of(label[0], ".-")) {
                return false;
        }
        for (size_t i = 0; i < length; i++) {
                if (!is_alnum(label[i]) && !is_one_of(label[i], "._-")) {
                        return false;
                }
        }
        return true;
}

bool local_key_name_valid(const char *name, size_t length)
{
        return key_label_valid(name, length);
}

static size_t span(const char *text, bool (*is)(char))
{
        size_t n = 0;

        while (is(text[n])) {
                n++;
        }
        return n;
}

/* The length of what may stand between separators; 0: it may not. */
static size_t plain_word(const char *text)
{
        size_t upper, lower, digits, n = 0;

        digits = span(text, is_digit);
        if (digits > 0) {
                return digits <= 4 ? digits : 0;
        }
        for (;;) {
                upper = span(text + n, is_upper);
                lower = span(text + n + upper, is_lower);
                if (upper + lower == 0) {
                        break;
                }
                /* "word", "Word", and with nothing before it "EQP" or a single letter. */
                bool is_word = lower >= 2 && upper <= 1;
                bool is_short = n == 0 && ((lower == 0 && upper <= 4) || (upper == 0 && lower == 1));
                if (!is_word && !is_short) {
                        return 0;
                }
                n += upper + lower;
        }
        digits = span(text + n, is_digit);
        return digits <= 3 && n <= PLAIN_WORD_MAX ? n + digits : 0;
}

bool client_name_is_plain(const char *name)
{
        if (!client_name_valid(name, strlen(name))) {
                return false;
        }
        while (*name != '\0') {
                size_t length = is_one_of(*name, "._/@-") ? 1 : plain_word(name);
                bool separated = length > 0 && (is_one_of(*name, "._/@-") || name[length] == '\0' ||
                                                is_one_of(name[length], "._/@-"));
                if (!separated) {
                        return false;
                }
                name += length;
        }
        return true;
}

bool client_name_valid(const char *name, size_t length)
{
        if (length < 1 || length > CLIENT_NAME_MAX) {
                return false;
        }
        for (size_t i = 0; i < length; i++) {
                if (!is_alnum(name[i]) && !is_one_of(name[i], "._/@-")) {
                        return false;
                }
        }
        return true;
}

int key_file_name_parse(const char *file_name, char ret_environment[static ENVIRONMENT_NAME_MAX + 1],
                        char ret_label[static KEY_LABEL_MAX + 1])
{
        const char *dot = strchr(file_name, '.');
        size_t environment_length = dot ? (size_t)(dot - file_name) : strlen(file_name);
        const char *label = dot ? dot + 1 : "";
        size_t label_length = strlen(label);

        if (!environment_name_valid(file_name, environment_length)) {
                return -EINVAL;
        }
        if (dot && !key_label_valid(label, label_length)) {
                return -EINVAL;
        }

        memcpy(ret_environment, file_name, environment_length);
        ret_environment[environment_length] = '\0';
        memcpy(ret_label, label, label_length + 1);
        return 0;
}
