/* Text: UTF-8 by the C library's own tables, so that a character counts as many columns as a terminal gives
 * it. In a locale that is not UTF-8 only ASCII passes text_clean(), and every byte is a column. */
#include "ctl/text.h"

#include <wchar.h>

#define SUBSTITUTE '?'

/* The length in bytes of the character at text, and whether it may be shown as it is. */
static size_t next_character(const char *text, bool unicode, bool *ret_printable)
{
        unsigned char first = (unsigned char)text[0];
        mbstate_t state = { 0 };
        wchar_t wide;
        size_t length;

        if (first < 0x80) {
                *ret_printable = first >= 0x20 && first != 0x7f;
                return 1;
        }

        length = mbrtowc(&wide, text, strlen(text), &state);
        if (length == (size_t)-1 || length == (size_t)-2 || length == 0) {
                *ret_printable = false;
                return 1;
        }

        *ret_printable = unicode && wcwidth(wide) > 0;
        return length;
}

void text_clean(char *buffer, size_t size, const char *text, bool unicode)
{
        size_t used = 0;

        while (*text != '\0') {
                bool printable;
                size_t length = next_character(text, unicode, &printable);
                size_t needed = printable ? length : 1;

                if (used + needed >= size) {
                        break;
                }
                if (printable) {
                        memcpy(buffer + used, text, length);
                } else {
                        buffer[used] = strchr("\t\n\r", *text) ? ' ' : SUBSTITUTE;
                }
                used += needed;
                text += length;
        }

        buffer[used] = '\0';
}

/* The columns of the first length bytes. */
static unsigned width_of(const char *text, size_t length)
{
        mbstate_t state = { 0 };
        unsigned columns = 0;

        while (length > 0) {
                wchar_t wide;
                size_t n = mbrtowc(&wide, text, length, &state);
                int width = 1;

                if (n == (size_t)-1 || n == (size_t)-2 || n == 0) {
                        state = (mbstate_t){ 0 };
                        n = 1;
                } else {
                        width = wcwidth(wide);
                }
                columns += width > 0 ? (unsigned)width : 0;
                text += n;
                length -= n;
        }

        return columns;
}

unsigned text_width(const char *text)
{
        return width_of(text, strlen(text));
}

void text_pad(FILE *out, const char *text, unsigned width)
{
        unsigned columns = text_width(text);

        (void)fputs(text, out);
        if (columns < width) {
                (void)fprintf(out, "%*s", (int)(width - columns), "");
        }
}

void text_wrap(FILE *out, const char *text, unsigned indent, unsigned width)
{
        unsigned column = 0;

        for (;;) {
                unsigned word_columns;
                size_t length;

                text += strspn(text, " ");
                length = strcspn(text, " ");
                if (length == 0) {
                        return;
                }

                word_columns = width_of(text, length);
                if (column > 0 && column + 1 + word_columns > width) {
                        (void)fprintf(out, "\n%*s", (int)indent, "");
                        column = 0;
                }
                if (column > 0) {
                        (void)fputc(' ', out);
                        column++;
                }
                (void)fwrite(text, 1, length, out);
                column += word_columns;
                text += length;
        }
}
