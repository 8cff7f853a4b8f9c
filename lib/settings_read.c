/* Reading a configuration file.
 *
 * inih takes the lines apart. It asks for them one by one, and here they are handed out, so the number of
 * the line is always known; and what inih would let pass in silence is refused before it sees it: a
 * continued value, text behind a heading, a colon for the equals sign, a line that it would cut. Comments
 * are cut off here as well, since Debian's inih knows only one of the two marks inside a line.
 *
 * The first error ends the reading. Messages never quote a line that is not understood; see
 * settings_reading.c. */
#include "lib/nearest_name.h"
#include "lib/settings.h"
#include "lib/settings_key.h"
#include "lib/util.h"

#include <errno.h>
#include <ini.h>

#define KEYS_MAX 32 /* of a section: a bit per row in struct settings_reading */

/* ---- keys ---- */

static const struct settings_key *find_key(const struct settings_keys *keys, const char *name)
{
        for (size_t i = 0; i < keys->n; i++) {
                if (streq(keys->list[i].name, name)) {
                        return &keys->list[i];
                }
        }
        return NULL;
}

/* It is no key of the section that is open. */
static int fail_key(struct settings_reading *r, const char *name)
{
        const struct settings_keys *keys = r->keys ? r->keys : &settings_broker_keys;
        const char *known[KEYS_MAX];
        char nearest[NEAREST_NAMES_TEXT_MAX];
        size_t n = 0;

        for (size_t i = 0; settings_sections[i]; i++) {
                if (find_key(settings_sections[i], name)) {
                        if (!r->keys) {
                                return settings_fail(
                                        r,
                                        "%s stands before the first section: write " SETTINGS_HEADINGS
                                        " above it",
                                        name);
                        }
                        return settings_fail(r, "%s belongs into %s", name, settings_sections[i]->heading);
                }
        }
        for (; n < keys->n; n++) {
                known[n] = keys->list[n].name;
        }
        if (!settings_is_showable(name)) {
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
        const struct settings_key *row;
        uint32_t bit;

        if (r->result < 0) {
                return 0;
        }
        row = r->keys ? find_key(r->keys, name) : NULL;
        if (!row) {
                return fail_key(r, name) >= 0;
        }

        r->key = row->name;
        bit = UINT32_C(1) << (row - r->keys->list);
        r->first = !(*r->seen & bit);
        *r->seen |= bit;
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
                return settings_open_section(r, line, length);
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
        free(r.seen_local);
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
