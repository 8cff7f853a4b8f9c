/* UTF-8, by the table of well-formed byte sequences. */
#include "lib/utf8.h"

#include "lib/util.h"

size_t utf8_sequence(const unsigned char *p, size_t left)
{
        static const struct {
                unsigned char first, last;               /* of the first byte */
                unsigned char second_first, second_last; /* of the second one */
                size_t length;
        } rows[] = {
                { 0x00, 0x7f, 0x00, 0x00, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
                { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
                { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                if (p[0] < rows[i].first || p[0] > rows[i].last) {
                        continue;
                }
                if (rows[i].length > left) {
                        return 0;
                }
                if (rows[i].length > 1 && (p[1] < rows[i].second_first || p[1] > rows[i].second_last)) {
                        return 0;
                }
                for (size_t j = 2; j < rows[i].length; j++) {
                        if (p[j] < 0x80 || p[j] > 0xbf) {
                                return 0;
                        }
                }
                return rows[i].length;
        }
        return 0;
}
