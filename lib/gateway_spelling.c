/* Spellings that are as good as one; see the header.
 *
 * It errs on one side only: paths that are taken for the same need not be, but paths that an upstream takes
 * for the same are. For denials, and for what is never passed on; whatever is allowed is compared byte by
 * byte elsewhere.
 */
#include "lib/gateway_spelling.h"

#include "lib/hex.h"
#include "lib/util.h"

/* How a reading treats what was written percent-encoded. */
enum {
        READING_PARTS = 1 << 0, /* %2F parts segments; else it is a letter of one */
        READING_CUT = 1 << 1,   /* %3F and %23 end the path; else they are letters */
};

#define LETTER_SLASH '\1' /* a slash that parts nothing */

static bool is_ascii(char c)
{
        return (unsigned char)c < 0x80;
}

/* The character at `from` of the text, in how many bytes it is written. */
static size_t take_character(const char *text, size_t length, size_t from, char *ret, bool *ret_encoded)
{
        int high = text[from] == '%' && length - from > 2 ? hex_digit(text[from + 1]) : -1;
        int low = high >= 0 ? hex_digit(text[from + 2]) : -1;

        *ret_encoded = low >= 0;
        *ret = *ret_encoded ? (char)(high * 16 + low) : text[from];
        return *ret_encoded ? 3 : 1;
}

static char fold(char c)
{
        if (c == '+' || (is_ascii(c) && c < 0x20) || c == 0x7f) {
                return ' ';
        }
        return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static size_t read_text(char *ret, const char *text, size_t length, unsigned how)
{
        size_t n = 0;

        for (size_t i = 0; i < length;) {
                bool encoded;
                char c;

                i += take_character(text, length, i, &c, &encoded);
                if (encoded && (c == '?' || c == '#') && how & READING_CUT) {
                        return n;
                }
                if (c == '\\' || (encoded && c == '/')) {
                        ret[n++] = how & READING_PARTS ? '/' : LETTER_SLASH;
                } else {
                        ret[n++] = fold(c);
                }
        }
        return n;
}

/* The parts of a path with more than one reading. */
static unsigned find_doubts(const char *path, size_t length)
{
        unsigned doubts = 0;

        for (size_t i = 0; i < length;) {
                bool encoded;
                char c;

                i += take_character(path, length, i, &c, &encoded);
                if (c == '\\' || (encoded && c == '/')) {
                        doubts |= READING_PARTS;
                } else if (encoded && (c == '?' || c == '#')) {
                        doubts |= READING_CUT;
                }
        }
        return doubts;
}

bool gateway_reading_next(struct gateway_reading *ret, const char *path, size_t length, unsigned *place)
{
        unsigned doubts;

        if (*place >= GATEWAY_READINGS_MAX || length > sizeof(ret->text)) {
                return false;
        }
        doubts = find_doubts(path, length);
        while (*place & ~doubts) { /* it is the same as one before */
                if (++*place >= GATEWAY_READINGS_MAX) {
                        return false;
                }
        }
        ret->length = read_text(ret->text, path, length, *place);
        ++*place;
        return true;
}

bool gateway_segment_next(struct gateway_segment *ret, const char *text, size_t length, size_t *place)
{
        size_t begin = *place, end;

        while (begin < length && text[begin] == '/') {
                begin++;
        }
        for (end = begin; end < length && text[end] != '/'; end++) {
        }
        *place = end;
        *ret = (struct gateway_segment){ text + begin, end - begin };
        return end > begin;
}

/* ---- comparing ---- */

static struct gateway_segment trim(struct gateway_segment segment)
{
        while (segment.length > 0 && *segment.text == ' ') {
                segment.text++;
                segment.length--;
        }
        while (segment.length > 0 && segment.text[segment.length - 1] == ' ') {
                segment.length--;
        }
        return segment;
}

static size_t count_ascii(const struct gateway_segment *segment)
{
        size_t n = 0;

        while (n < segment->length && is_ascii(segment->text[n])) {
                n++;
        }
        return n;
}

/* Does the segment, up to `end`, end as the word does, as far as both are ASCII? */
static bool ends_alike(const char *text, size_t end, const struct gateway_segment *word)
{
        for (size_t i = 1; i <= end && i <= word->length; i++) {
                char a = text[end - i], b = word->text[word->length - i];

                if (!is_ascii(a) || !is_ascii(b)) {
                        return true;
                }
                if (a != b) {
                        return false;
                }
        }
        return true;
}

static bool compare(struct gateway_segment segment, const struct gateway_segment *written, bool begins)
{
        char letters[GATEWAY_TARGET_MAX];
        struct gateway_segment word = { letters, 0 };
        size_t n_ascii, n_word_ascii, n;

        word.length = read_text(letters, written->text, MIN_OF(written->length, sizeof(letters)), 0);
        word = trim(word);
        segment = trim(segment);

        n_ascii = count_ascii(&segment);
        n_word_ascii = count_ascii(&word);
        n = MIN_OF(n_ascii, n_word_ascii);
        if (memcmp(segment.text, word.text, n) != 0) {
                return false;
        }
        if (n == word.length) { /* ASCII all of it, and the segment begins with it */
                return begins || segment.length == n || strchr(".; ", segment.text[n]) ||
                       !is_ascii(segment.text[n]);
        }
        if (n == segment.length) { /* the other way round: it is too short */
                return !is_ascii(word.text[n]);
        }
        if (begins) {
                return true;
        }
        for (size_t end = n; end <= segment.length; end++) {
                if ((end == segment.length || strchr(".; ", segment.text[end])) &&
                    ends_alike(segment.text, end, &word)) {
                        return true;
                }
        }
        return false;
}

bool gateway_segment_reads_as(const struct gateway_segment *segment, const struct gateway_segment *word)
{
        return compare(*segment, word, /* begins= */ false);
}

bool gateway_segment_begins_as(const struct gateway_segment *segment, const struct gateway_segment *word)
{
        return compare(*segment, word, /* begins= */ true);
}
