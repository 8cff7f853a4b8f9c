/* A record of the log as a line for standard error.
 *
 * The JSON is written by hand: json-c passes on bytes that are no UTF-8, and has no bound. */
#include "daemon/base/log_line.h"

#include "lib/utf8.h"
#include "lib/util.h"

#include <stdio.h>

/* Fields are short; this is kept free for what follows the message, and for the end of the line. */
#define FIELDS_MAX 768

struct line {
        char *bytes;
        size_t length, max;
};

/* All of it or nothing. */
static bool add(struct line *line, const char *bytes, size_t length)
{
        if (length > line->max - line->length) {
                return false;
        }
        memcpy(line->bytes + line->length, bytes, length);
        line->length += length;
        return true;
}

static void add_text(struct line *line, const char *text)
{
        (void)add(line, text, strlen(text));
}

/* ---- text ---- */

/* Writes a byte that is no UTF-8 so that it can be read. */
static void name_byte(unsigned char byte, char *form, size_t size)
{
        (void)snprintf(form, size, "\\x%02x", byte);
}

static bool is_control(const unsigned char *p, size_t length)
{
        return length == 1 ? p[0] < 0x20 || p[0] == 0x7f : length == 2 && p[0] == 0xc2 && p[1] < 0xa0;
}

static void add_printable(struct line *line, const char *text)
{
        const unsigned char *p = (const unsigned char *)text;
        size_t left = strlen(text), step;
        char form[8];

        for (bool room = true; room && left > 0; p += step, left -= step) {
                step = utf8_sequence(p, left);
                if (step == 0) {
                        step = 1;
                        name_byte(p[0], form, sizeof(form));
                        room = add(line, form, strlen(form));
                } else if (is_control(p, step)) {
                        room = add(line, "?", 1);
                } else {
                        room = add(line, (const char *)p, step);
                }
        }
}

size_t log_line_text(const struct journal_record *record, const char *message, bool prefix,
                     char bytes[static LOG_LINE_MAX])
{
        struct line line = { .bytes = bytes, .max = LOG_LINE_MAX - 1 };
        char number[16];

        if (prefix) {
                (void)snprintf(number, sizeof(number), "<%d>", record->priority);
                add_text(&line, number);
        }
        if (record->environment) {
                add_printable(&line, record->environment);
                add_text(&line, ": ");
        }
        add_printable(&line, message);
        line.bytes[line.length++] = '\n';
        return line.length;
}

/* ---- JSON ---- */

/* One character, or one byte that is none, in the form for a JSON string. Returns how many bytes it took. */
static size_t escape(const unsigned char *p, size_t left, char *form, size_t size)
{
        static const char special[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
        size_t step = utf8_sequence(p, left);
        const char *found = step == 1 ? strchr(special, p[0]) : NULL;

        if (step == 0) {
                form[0] = '\\'; /* the backslash itself has to be escaped here */
                name_byte(p[0], form + 1, size - 1);
                return 1;
        }
        if (found) {
                (void)snprintf(form, size, "\\%c", letters[found - special]);
        } else if (step == 1 && is_control(p, step)) {
                (void)snprintf(form, size, "\\u%04x", p[0]);
        } else {
                (void)snprintf(form, size, "%.*s", (int)step, (const char *)p);
        }
        return step;
}

/* Cut where there is no more room, but between two characters. */
static void add_string(struct line *line, const char *text)
{
        const unsigned char *p = (const unsigned char *)text;
        size_t left = strlen(text), max = line->max;
        char form[8];

        add_text(line, "\"");
        line->max = max - 1; /* the closing quote has its place */
        while (left > 0) {
                size_t step = escape(p, left, form, sizeof(form));
                if (!add(line, form, strlen(form))) {
                        break;
                }
                p += step;
                left -= step;
        }
        line->max = max;
        add_text(line, "\"");
}

/* A field that has no room at all is left out. */
static void add_field(struct line *line, const char *name, const char *value)
{
        if (!value || line->length + strlen(name) + strlen(",\"\":\"\"") > line->max) {
                return;
        }
        add_text(line, line->length > 1 ? ",\"" : "\"");
        add_text(line, name);
        add_text(line, "\":");
        add_string(line, value);
}

static const char *level_name(int priority)
{
        static const char *const names[] = {
                [LOG_EMERG] = "emergency", [LOG_ALERT] = "alert",     [LOG_CRIT] = "critical",
                [LOG_ERR] = "error",       [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice",
                [LOG_INFO] = "info",       [LOG_DEBUG] = "debug",
        };

        return priority >= 0 && (size_t)priority < ARRAY_SIZE(names) ? names[priority] : "info";
}

size_t log_line_json(const struct journal_record *record, const char *message, const char *time,
                     char bytes[static LOG_LINE_MAX])
{
        struct line line = { .bytes = bytes, .max = LOG_LINE_MAX - FIELDS_MAX };

        add_text(&line, "{");
        add_field(&line, "time", time);
        add_field(&line, "level", level_name(record->priority));
        add_field(&line, "message", message);
        line.max = LOG_LINE_MAX - 2; /* "}\n" */
        add_field(&line, "message_id", record->id);
        add_field(&line, "environment", record->environment);
        add_field(&line, "key", record->key);
        add_field(&line, "client", record->client);
        add_field(&line, "uid", record->uid);
        add_field(&line, "unit", record->unit);
        line.max = LOG_LINE_MAX;
        add_text(&line, "}\n");
        return line.length;
}
