/* The head of the upstream's answer, line by line.
 *
 * libcurl is generous: it takes the last of two lengths, joins folded lines or leaves them, reads any coding
 * of a transfer that it knows. A program that passes an answer on must not guess at where it ends, so what
 * can be read in two ways is refused here. */
#include "daemon/forwarder/upstream_answer.h"

#include "lib/lane.h"
#include "lib/util.h"

#include <errno.h>
#include <strings.h>

#define BYTES_MAX (4 * (size_t)LANE_HEADERS_MAX) /* interim answers and trailers included */
#define SIZE_MIN  1024

void upstream_answer_clear(struct upstream_answer *answer)
{
        free(answer->lines);
        *answer = (struct upstream_answer){ 0 };
}

static int refuse(const char **reterr_why, const char *why)
{
        *reterr_why = why;
        return -EBADMSG;
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_named(const struct lane_line *line, const char *name)
{
        return line->name_length == strlen(name) && strncasecmp(line->text, name, line->name_length) == 0;
}

static bool is_value(const struct lane_line *line, const char *value)
{
        return line->value_length == strlen(value) &&
               strncasecmp(line->value, value, line->value_length) == 0;
}

/* "HTTP/1.1 200 OK": begins a head, that of an interim answer or the final one. */
static int take_status(struct upstream_answer *answer, const char *line, size_t length,
                       const char **reterr_why)
{
        struct upstream_answer begun = { .lines = answer->lines,
                                         .size = answer->size,
                                         .n_bytes = answer->n_bytes,
                                         .content_length = -1 };

        if (length < strlen("HTTP/1.1 200") ||
            (memcmp(line, "HTTP/1.1 ", 9) != 0 && memcmp(line, "HTTP/1.0 ", 9) != 0) || !is_digit(line[9]) ||
            !is_digit(line[10]) || !is_digit(line[11]) || (length > 12 && line[12] != ' ')) {
                return refuse(reterr_why, "its status line is none of HTTP/1.1");
        }
        begun.old = line[7] == '0';
        begun.status = (unsigned)(line[9] - '0') * 100 + (unsigned)(line[10] - '0') * 10 +
                       (unsigned)(line[11] - '0');
        if (begun.status < 100 || begun.status > 599 || begun.status == 101) {
                return refuse(reterr_why, "its status is none that can be passed on");
        }
        *answer = begun;
        return 0;
}

static int take_length(struct upstream_answer *answer, const struct lane_line *line, const char **reterr_why)
{
        int64_t number = 0;

        if (line->value_length == 0) {
                return refuse(reterr_why, "its Content-Length is no number");
        }
        for (size_t i = 0; i < line->value_length; i++) {
                if (!is_digit(line->value[i]) || number > (INT64_MAX - 9) / 10) {
                        return refuse(reterr_why, "its Content-Length is no number");
                }
                number = number * 10 + (line->value[i] - '0');
        }
        if (answer->has_length && answer->content_length != number) {
                return refuse(reterr_why, "it has two different lengths");
        }
        answer->has_length = true;
        answer->content_length = number;
        return 0;
}

static int take_encoding(struct upstream_answer *answer, const struct lane_line *line,
                         const char **reterr_why)
{
        if (answer->has_encoding || !is_value(line, "chunked")) {
                return refuse(reterr_why, "its Transfer-Encoding is not chunked alone");
        }
        if (answer->old) {
                return refuse(reterr_why, "it is HTTP/1.0 with a Transfer-Encoding");
        }
        answer->has_encoding = answer->chunked = true;
        return 0;
}

static int keep_line(struct upstream_answer *answer, const struct lane_line *line, const char **reterr_why)
{
        size_t needed = answer->length + line->length + 2;

        if (needed > LANE_HEADERS_MAX) {
                return refuse(reterr_why, "its head is too large");
        }
        if (needed > answer->size) {
                size_t size = MIN_OF(MAX_OF(2 * needed, (size_t)SIZE_MIN), (size_t)LANE_HEADERS_MAX);
                char *lines = realloc(answer->lines, size);
                if (!lines) {
                        return -ENOMEM;
                }
                answer->lines = lines;
                answer->size = size;
        }
        memcpy(answer->lines + answer->length, line->text, line->length);
        memcpy(answer->lines + answer->length + line->length, "\r\n", 2);
        answer->length = needed;
        return 0;
}

static int take_field(struct upstream_answer *answer, const char *text, size_t length,
                      const char **reterr_why)
{
        struct lane_line line;

        if (length > 0 && (*text == ' ' || *text == '\t')) {
                return refuse(reterr_why, "a line of its head is folded");
        }
        if (lane_line_split(text, length, &line) < 0) {
                return refuse(reterr_why, "a line of its head is none of HTTP");
        }
        if (is_named(&line, "Content-Length")) {
                return take_length(answer, &line, reterr_why);
        }
        if (is_named(&line, "Transfer-Encoding")) {
                return take_encoding(answer, &line, reterr_why);
        }
        if (is_named(&line, "Connection") && !is_value(&line, "close") && !is_value(&line, "keep-alive")) {
                answer->has_options = true; /* kept until it is known which ones */
                return keep_line(answer, &line, reterr_why);
        }
        return lane_name_is_framing(line.text, line.name_length, /* of_request= */ false)
                       ? 0
                       : keep_line(answer, &line, reterr_why);
}

/* Is this header one of those that this list names? */
static bool names(const struct lane_line *list, const struct lane_line *line)
{
        const char *at = list->value, *end = list->value + list->value_length;

        while (at < end) {
                size_t n = strcspn(at, ", \t\r"); /* CR ends the line */
                if (n == line->name_length && strncasecmp(at, line->text, n) == 0) {
                        return true;
                }
                at += n + 1;
        }
        return false;
}

static bool is_option(const struct upstream_answer *answer, const struct lane_line *line)
{
        const char *at = answer->lines;
        size_t left = answer->length;
        struct lane_line other;

        if (is_named(line, "Connection")) {
                return true;
        }
        while (lane_line_next(&at, &left, &other) > 0) {
                if (is_named(&other, "Connection") && names(&other, line)) {
                        return true;
                }
        }
        return false;
}

/* Drops what Connection names, and itself. */
static int drop_options(struct upstream_answer *answer)
{
        char *kept = malloc(MAX_OF(answer->length, (size_t)SIZE_MIN));
        const char *at = answer->lines;
        size_t left = answer->length, n = 0;
        struct lane_line line;

        if (!kept) {
                return -ENOMEM;
        }
        while (lane_line_next(&at, &left, &line) > 0) {
                if (!is_option(answer, &line)) {
                        memcpy(kept + n, line.text, line.length + 2);
                        n += line.length + 2;
                }
        }
        answer->size = MAX_OF(answer->length, (size_t)SIZE_MIN);
        free(answer->lines);
        answer->lines = kept;
        answer->length = n;
        return 0;
}

static int finish(struct upstream_answer *answer, const char **reterr_why)
{
        if (answer->status == 0) {
                return refuse(reterr_why, "it has no status line");
        }
        if (answer->status < 200) {
                answer->length = 0;
                return 0;
        }
        if (answer->has_length && answer->has_encoding) {
                return refuse(reterr_why, "it has a length and a Transfer-Encoding");
        }
        if (answer->status == 204) {
                answer->odd = answer->has_encoding || answer->content_length > 0;
                answer->content_length = -1;
        }
        if (answer->has_options) {
                int r = drop_options(answer);
                if (r < 0) {
                        return r;
                }
        }
        answer->whole = true;
        return 1;
}

int upstream_answer_take(struct upstream_answer *answer, const char *line, size_t length,
                         const char **reterr_why)
{
        answer->n_bytes += length;
        if (answer->n_bytes > BYTES_MAX) {
                return refuse(reterr_why, "its head is too large");
        }
        if (answer->whole) {
                return 0; /* a trailer */
        }
        if (length > 0 && line[length - 1] == '\n') {
                length--;
        }
        if (length > 0 && line[length - 1] == '\r') {
                length--;
        }
        if (length == 0) {
                return finish(answer, reterr_why);
        }
        if (length >= 5 && memcmp(line, "HTTP/", 5) == 0) {
                return take_status(answer, line, length, reterr_why);
        }
        return take_field(answer, line, length, reterr_why);
}

bool upstream_answer_until_close(const struct upstream_answer *answer, bool to_head)
{
        return !to_head && !answer->has_length && !answer->chunked && answer->status != 204 &&
               answer->status != 304;
}
