/* Patterns of paths, segment by segment. "**" stands at the end only, so nothing is ever tried twice. */
#include "lib/gateway_pattern.h"

#include "lib/gateway_target.h"
#include "lib/util.h"

static bool is_word(const struct gateway_segment *segment, const char *word)
{
        return segment->length == strlen(word) && memcmp(segment->text, word, segment->length) == 0;
}

/* Takes the segment in front of the next slash or the end off a text that begins with a slash; it may be
 * empty. */
static struct gateway_segment take_segment(const char **text, size_t *length)
{
        const char *begin = *text + 1, *end = memchr(begin, '/', *length - 1);
        struct gateway_segment segment = { begin, end ? (size_t)(end - begin) : *length - 1 };

        *text += 1 + segment.length;
        *length -= 1 + segment.length;
        return segment;
}

/* ---- writing ---- */

static const char *segment_fault(const struct gateway_segment *segment, bool last)
{
        if (is_word(segment, "**")) {
                return last ? NULL : "** stands at the end only; * is one segment";
        }
        if (is_word(segment, "*") || is_word(segment, "{mage_id}")) {
                return NULL;
        }
        if (memchr(segment->text, '*', segment->length)) {
                return "* and ** stand for whole segments: write them between slashes, or write the segment "
                       "out";
        }
        if (memchr(segment->text, '{', segment->length) || memchr(segment->text, '}', segment->length)) {
                return "of braces there is {mage_id} only, a segment of its own: write * for any segment";
        }
        if (memchr(segment->text, '?', segment->length)) {
                return "a pattern has no query: rules are about paths";
        }
        if (segment->length == 0) {
                return last ? NULL : "a path with two slashes in a row is never passed on: write one";
        }
        return gateway_path_fault(segment->text, segment->length, /* encoded_slash= */ false);
}

const char *gateway_pattern_fault(const char *pattern)
{
        const size_t length = strlen(GATEWAY_PREFIX);
        const char *rest = pattern + length - 1;
        size_t left;

        if (strncmp(pattern, GATEWAY_PREFIX, length) != 0) {
                return "a pattern begins with /rest/v1/, such as /rest/v1/reports/**";
        }
        if (pattern[length] == '\0') {
                return "this names nothing behind /rest/v1/: write the segments of a path, or ** for all "
                       "paths";
        }
        left = strlen(rest);
        while (left > 0) {
                struct gateway_segment segment = take_segment(&rest, &left);
                const char *fault = segment_fault(&segment, left == 0);

                if (fault) {
                        return fault;
                }
        }
        return NULL;
}

/* ---- comparing ---- */

bool gateway_pattern_fits(const char *pattern, const char *path, size_t length, const char *mage_id)
{
        size_t left = strlen(pattern);

        while (left > 0 && length > 0) {
                struct gateway_segment word = take_segment(&pattern, &left);
                struct gateway_segment segment = take_segment(&path, &length);
                bool fits;

                if (is_word(&word, "**")) {
                        return true;
                }
                if (is_word(&word, "*")) {
                        fits = segment.length > 0;
                } else if (is_word(&word, "{mage_id}")) {
                        fits = mage_id && is_word(&segment, mage_id);
                } else {
                        fits = word.length == segment.length &&
                               memcmp(word.text, segment.text, word.length) == 0;
                }
                if (!fits) {
                        return false;
                }
        }
        return length == 0 && (left == 0 || streq(pattern, "/**"));
}

bool gateway_pattern_may_fit(const char *pattern, const struct gateway_reading *reading, const char *mage_id)
{
        const size_t length = strlen(pattern);
        struct gateway_segment word, segment;
        size_t at = 0, place = 0;

        while (gateway_segment_next(&word, pattern, length, &at)) {
                if (is_word(&word, "**")) {
                        return true;
                }
                if (!gateway_segment_next(&segment, reading->text, reading->length, &place)) {
                        return false;
                }
                if (is_word(&word, "{mage_id}") && mage_id) {
                        word = (struct gateway_segment){ mage_id, strlen(mage_id) };
                } else if (is_word(&word, "*") || is_word(&word, "{mage_id}")) {
                        continue;
                }
                if (!gateway_segment_reads_as(&segment, &word)) {
                        return false;
                }
        }
        return !gateway_segment_next(&segment, reading->text, reading->length, &place);
}

/* ---- one and another ---- */

static bool covers_segment(const struct gateway_segment *wide, bool broad,
                           const struct gateway_segment *narrow)
{
        bool is_literal = !is_word(narrow, "*") && !is_word(narrow, "{mage_id}");
        struct gateway_reading reading;
        unsigned place = 0;

        if (is_word(narrow, "**")) {
                return false;
        }
        if (is_word(wide, "*")) {
                return narrow->length > 0;
        }
        if (is_word(wide, "{mage_id}") || !is_literal || !broad) {
                return wide->length == narrow->length && memcmp(wide->text, narrow->text, wide->length) == 0;
        }
        (void)gateway_reading_next(&reading, narrow->text, narrow->length, &place); /* there is always one */
        return gateway_segment_reads_as(&(struct gateway_segment){ reading.text, reading.length }, wide);
}

static size_t without_slash(const char *pattern)
{
        size_t length = strlen(pattern);

        return length > 0 && pattern[length - 1] == '/' ? length - 1 : length;
}

bool gateway_pattern_covers(const char *wide, bool broad, const char *narrow)
{
        size_t left = broad ? without_slash(wide) : strlen(wide);
        size_t length = broad ? without_slash(narrow) : strlen(narrow);

        while (left > 0 && length > 0) {
                struct gateway_segment a = take_segment(&wide, &left);
                struct gateway_segment b = take_segment(&narrow, &length);

                if (is_word(&a, "**")) {
                        return true;
                }
                if (!covers_segment(&a, broad, &b)) {
                        return false;
                }
        }
        return length == 0 && (left == 0 || streq(wide, "/**"));
}
