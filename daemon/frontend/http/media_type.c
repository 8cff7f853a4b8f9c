/* The Accept header, as far as two kinds of answer need it. */
#include "daemon/frontend/http/media_type.h"

#include "lib/util.h"

#include <strings.h>

/* How well a range such as "text/PLAIN" or "application/json" fits: 3 exactly, 2 its type, 1 anything, 0 not
 * at all. */
static int specificity(const char *range, size_t length, const char *type, const char *whole)
{
        if (length == 3 && strncmp(range, "*/*", 3) == 0) {
                return 1;
        }
        if (length == strlen(type) + 2 && strncasecmp(range, type, strlen(type)) == 0 &&
            strncmp(range + strlen(type), "/*", 2) == 0) {
                return 2;
        }
        return length == strlen(whole) && strncasecmp(range, whole, length) == 0 ? 3 : 0;
}

/* The weight of one element's parameters: "; q=0.5" → 500; 1000 without one. */
static int weight(const char *parameters, const char *end)
{
        for (const char *c = parameters; c + 2 < end; c++) {
                if ((*c == 'q' || *c == 'Q') && c[1] == '=' &&
                    (c[-1] == ';' || c[-1] == ' ' || c[-1] == '\t')) {
                        int value = c[2] == '1' ? 1000 : 0;
                        int digit = 100;
                        for (const char *d = c + 4;
                             value < 1000 && d < end && *d >= '0' && *d <= '9' && digit > 0; d++) {
                                value += (*d - '0') * digit;
                                digit /= 10;
                        }
                        return value;
                }
        }
        return 1000;
}

struct preference {
        const char *type, *whole;
        int specificity, weight;
};

static void weigh(struct preference *preference, const char *element, const char *end)
{
        const char *range_end = element;

        while (range_end < end && *range_end != ';' && *range_end != ' ' && *range_end != '\t') {
                range_end++;
        }
        int fits = specificity(element, (size_t)(range_end - element), preference->type, preference->whole);
        if (fits > preference->specificity) {
                preference->specificity = fits;
                preference->weight = range_end < end ? weight(range_end + 1, end) : 1000;
        }
}

bool media_type_choose(const char *accept, bool text_offered, enum token_form *ret)
{
        struct preference json = { "application", "application/json", 0, 0 };
        struct preference text = { "text", "text/plain", 0, 0 };

        *ret = TOKEN_AS_JSON;
        if (!accept || !*accept || streq(accept, "*/*")) {
                return true;
        }
        for (const char *element = accept; *element;) {
                element += strspn(element, " \t,");
                size_t length = strcspn(element, ",");
                weigh(&json, element, element + length);
                weigh(&text, element, element + length);
                element += length;
        }
        if (text_offered && text.weight > json.weight) {
                *ret = TOKEN_AS_TEXT;
                return true;
        }
        /* Text named, and anything at the same weight: the more precise wish counts. */
        if (text_offered && text.weight > 0 && text.weight == json.weight &&
            text.specificity > json.specificity) {
                *ret = TOKEN_AS_TEXT;
                return true;
        }
        return json.weight > 0;
}
