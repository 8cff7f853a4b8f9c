/* Reading a configuration file.
 *
 * inih takes the lines apart. It asks for them one by one, and here they are handed out, so the number of
 * the line is always known; and what inih would let pass in silence is refused before it sees it: a
 * continued value, text behind a heading, a colon for the equals sign, a line that it would cut. Comments
 * are cut off here as well, since Debian's inih knows only one of the two marks inside a line.
 *
 * The first error ends the reading. Messages never quote a line that is not understood: people paste keys
 * into wrong files. */
#include "lib/nearest_name.h"
#include "lib/settings.h"
#include "lib/settings_key.h"
#include "lib/util.h"

#include <assert.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>

#define FILE_NAME_SHOWN_MAX 160
#define VALUE_SHOWN_MAX     60

static_assert(SETTINGS_KEYS <= 32, "a bit per row in struct settings_reading");

/* ---- errors ---- */

/* "FILE:LINE"; of a long name the end counts. */
static void format_place(const struct settings_reading *r, char *buffer, size_t size)
{
        size_t length = strlen(r->file_name);
        bool cut = length > FILE_NAME_SHOWN_MAX;

        (void)snprintf(buffer, size, "%s%s:%u", cut ? "..." : "",
                       cut ? r->file_name + length - FILE_NAME_SHOWN_MAX : r->file_name, r->line);
}

int settings_fail(struct settings_reading *r, const char *format, ...)
{
        char place[FILE_NAME_SHOWN_MAX + 32], what[SETTINGS_ERROR_MAX];
        va_list arguments;

        format_place(r, place, sizeof(place));
        va_start(arguments, format);
        (void)vsnprintf(what, sizeof(what), format, arguments);
        va_end(arguments);
        (void)snprintf(r->message, SETTINGS_ERROR_MAX, "%s: %.*s", place,
                       (int)(SETTINGS_ERROR_MAX - sizeof(place) - 3), what);
        r->result = -EINVAL;
        return r->result;
}

int settings_fail_memory(struct settings_reading *r)
{
        (void)settings_fail(r, "out of memory");
        r->result = -ENOMEM;
        return r->result;
}

/* Could it be a key or token that was pasted into the wrong line? They are long runs of letters and digits.
 */
static bool may_be_secret(const char *value)
{
        size_t letters = 0, digits = 0; /* of the run so far */

        for (; *value != '\0'; value++) {
                bool digit = *value >= '0' && *value <= '9';
                bool letter = (*value >= 'a' && *value <= 'z') || (*value >= 'A' && *value <= 'Z');

                letters = digit || letter ? letters + letter : 0;
                digits = digit || letter ? digits + digit : 0;
                if (letters > 0 && digits >= 3 && letters + digits >= 10) {
                        return true;
                }
        }
        return false;
}

int settings_fail_value(struct settings_reading *r, const char *value, const char *why)
{
        char shown[VALUE_SHOWN_MAX + 1];
        size_t n = 0;

        if (may_be_secret(value)) {
                return settings_fail(r, "%s = (a value that is not repeated here): %s", r->key, why);
        }
        for (; value[n] != '\0' && n < VALUE_SHOWN_MAX; n++) {
                shown[n] = value[n] >= 0x20 && value[n] <= 0x7e ? value[n] : '?';
        }
        shown[n] = '\0';
        return settings_fail(r, "%s = %s%s: %s", r->key, shown, value[n] != '\0' ? "..." : "", why);
}

/* ---- sections and keys ---- */

/* Is the word safe to show? Keys and secrets of the API have capitals or are longer. */
static bool is_showable(const char *word)
{
        size_t length = strlen(word);

        return length >= 1 && length <= 32 &&
               strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_-") == length;
}

static int fail_unknown_key(struct settings_reading *r, const char *name)
{
        const char *known[SETTINGS_KEYS];
        char nearest[NEAREST_NAMES_TEXT_MAX];
        size_t n = 0;

        for (size_t i = 0; i < SETTINGS_KEYS; i++) {
                if (r->environment ? settings_keys[i].in_environment : settings_keys[i].in_broker) {
                        known[n++] = settings_keys[i].name;
                }
        }
        if (!is_showable(name)) {
                return settings_fail(r, "this is no key: %s",
                                     nearest_names("", known, n, nearest, sizeof(nearest)));
        }
        return settings_fail(r, "unknown key %s: %s", name,
                             nearest_names(name, known, n, nearest, sizeof(nearest)));
}

/* inih's handler: 0 says that it failed. The section that inih names may be cut short, so it is not looked
 * at. */
static int handle_setting(void *userdata, const char *section, const char *name, const char *value)
{
        struct settings_reading *r = userdata;
        const struct settings_key *row = NULL;
        uint32_t *seen, bit;

        if (r->result < 0) {
                return 0;
        }
        for (size_t i = 0; i < SETTINGS_KEYS; i++) {
                if (streq(settings_keys[i].name, name)) {
                        row = &settings_keys[i];
                }
        }
        if (!row) {
                return fail_unknown_key(r, name) >= 0;
        }
        if (!r->in_section) {
                return settings_fail(r,
                                     "%s stands before the first section: write [broker] or [environment "
                                     "NAME] above it",
                                     name) >= 0;
        }
        if (r->environment && !row->in_environment) {
                return settings_fail(r, "%s belongs into [broker]", name) >= 0;
        }
        if (!r->environment && !row->in_broker) {
                return settings_fail(r, "%s belongs into [environment NAME]", name) >= 0;
        }

        r->key = row->name;
        seen = r->environment ? &r->seen_environment[r->environment - r->settings->environments]
                              : &r->seen_broker;
        bit = UINT32_C(1) << (row - settings_keys);
        r->first = !(*seen & bit);
        *seen |= bit;
        if (!r->first && !row->list) {
                return settings_fail(r, "%s is set twice in this file: leave one of the two out", name) >= 0;
        }
        if (value[0] == '\0') {
                return settings_fail(r, "%s has no value: write %s = VALUE, or leave the line out", name,
                                     name) >= 0;
        }
        if (strlen(value) > SETTINGS_VALUE_MAX) {
                return settings_fail(r, "the value of %s is over %d characters long", name,
                                     SETTINGS_VALUE_MAX) >= 0;
        }
        return row->set(r, value) >= 0;
}

static int open_environment(struct settings_reading *r, const char *name)
{
        char place[FILE_NAME_SHOWN_MAX + 32];
        struct environment_settings *environment;
        int n;

        if (!environment_name_valid(name, strlen(name))) {
                return settings_fail(
                        r, "this is no name of an environment: write a letter of a-z, then up to 31 of "
                           "a-z 0-9 -, and not v1, livez, readyz or metrics");
        }
        n = settings_add_environment(r->settings, name, &environment);
        if (n == -E2BIG) {
                return settings_fail(r, "there are too many environments: %d can be had",
                                     SETTINGS_ENVIRONMENTS_MAX);
        }
        if (n < 0) {
                return settings_fail_memory(r);
        }
        if (!environment->base_url && !environment->place) {
                format_place(r, place, sizeof(place));
                environment->place = strdup(place);
                if (!environment->place) {
                        return settings_fail_memory(r);
                }
        }
        r->environment = environment;
        r->in_section = true;
        return 0;
}

/* A heading, "[broker]" or "[environment NAME]", without the white space behind it. */
static int open_section(struct settings_reading *r, const char *line, size_t length)
{
        static const char word[] = "environment";
        char heading[64] = "";

        if (line[length - 1] != ']' || memchr(line, ']', length - 1)) {
                return settings_fail(
                        r, "a heading ends with its only bracket: write [broker] or [environment NAME]");
        }
        if (length - 2 >= sizeof(heading)) {
                return settings_fail(r, "unknown section: write [broker] or [environment NAME]");
        }
        memcpy(heading, line + 1, length - 2);
        heading[length - 2] = '\0';

        if (streq(heading, "broker")) {
                r->environment = NULL;
                r->in_section = true;
                return 0;
        }
        if (strncmp(heading, word, strlen(word)) == 0 && heading[strlen(word)] == ' ') {
                return open_environment(r, heading + strlen(word) + strspn(heading + strlen(word), " "));
        }
        if (streq(heading, word)) {
                return settings_fail(r, "the name is missing: write [environment NAME]");
        }
        if (is_showable(heading) && settings_environment(r->settings, heading)) {
                return settings_fail(r, "unknown section [%s]: did you mean [environment %s]?", heading,
                                     heading);
        }
        return settings_fail(r, "unknown section: write [broker] or [environment NAME]");
}

/* ---- lines ---- */

static bool is_blank(char c)
{
        return c == ' ' || c == '\t';
}

/* The length of a line without its comment and the white space at its end. A comment begins with # or ; at
 * the start of the line or behind white space. */
static size_t content_length(const char *line, size_t length)
{
        for (size_t i = 0; i < length; i++) {
                if ((line[i] == '#' || line[i] == ';') && (i == 0 || is_blank(line[i - 1]))) {
                        length = i;
                }
        }
        while (length > 0 && is_blank(line[length - 1])) {
                length--;
        }
        return length;
}

static int check_line(struct settings_reading *r, const char *line, size_t length)
{
        const char *divider;

        for (size_t i = 0; i < length; i++) {
                if (((unsigned char)line[i] < 0x20 && line[i] != '\t') || line[i] == 0x7f) {
                        return settings_fail(r, "there is a control character in this line: retype it");
                }
        }
        if (length == 0) {
                return 0;
        }
        if (is_blank(line[0])) {
                return settings_fail(
                        r, "the line is indented: begin it in the first column; a value ends with its "
                           "line, and a list has one line per entry");
        }
        if (line[0] == '[') {
                return open_section(r, line, length);
        }

        divider = memchr(line, '=', length);
        if (!divider || memchr(line, ':', (size_t)(divider - line))) {
                return settings_fail(r, "this is no setting: write KEY = VALUE, or # before a comment");
        }
        if (divider == line) {
                return settings_fail(r, "the key is missing: write KEY = VALUE");
        }
        return 0;
}

/* inih's reader, as fgets(): NULL ends the reading. */
static char *hand_out_line(char *buffer, int size, void *userdata)
{
        struct settings_reading *r = userdata;
        const char *line = r->next, *newline;
        size_t length;

        if (r->result < 0 || line >= r->end) {
                return NULL;
        }
        r->line++;
        newline = memchr(line, '\n', (size_t)(r->end - line));
        length = (size_t)((newline ? newline : r->end) - line);
        r->next = newline ? newline + 1 : r->end;

        if (memchr(line, '\0', length)) {
                (void)settings_fail(r, "there is a NUL byte in this line: this is no text file");
                return NULL;
        }
        if (length > 0 && line[length - 1] == '\r') {
                length--;
        }
        length = content_length(line, length);
        if (check_line(r, line, length) < 0) {
                return NULL;
        }
        /* inih wants room for a line end as well, and would take the rest of a longer line for a line of its
         * own. */
        if (size < 3 || length > (size_t)size - 3) {
                (void)settings_fail(
                        r, "the line is too long: write it with less white space, or a shorter value");
                return NULL;
        }
        memcpy(buffer, line, length);
        buffer[length] = '\0';
        return buffer;
}

int settings_read(struct settings *settings, const char *file_name, const char *text, size_t length,
                  char reterr_message[static SETTINGS_ERROR_MAX])
{
        static const char mark[] = "\xef\xbb\xbf"; /* a byte order mark, which some editors leave */
        struct settings_reading r = {
                .settings = settings,
                .file_name = file_name,
                .next = text,
                .end = text + length,
                .message = reterr_message,
        };
        int n;

        if (length > SETTINGS_TEXT_MAX) {
                r.line = 1;
                return settings_fail(&r, "the file is over 1 MiB long: this is no configuration");
        }
        if (length >= strlen(mark) && memcmp(text, mark, strlen(mark)) == 0) {
                r.next += strlen(mark);
        }

        n = ini_parse_stream(hand_out_line, &r, handle_setting, &r);
        if (r.result < 0) {
                return r.result;
        }
        if (n < 0) {
                return settings_fail_memory(&r);
        }
        if (n > 0) {
                r.line = (unsigned)n;
                return settings_fail(&r, "this is no setting: write KEY = VALUE");
        }
        return 0;
}
