/* Shell words. */
#include "lib/shell_word.h"

#include "lib/util.h"

static const char quote[] = "'", quote_inside[] = "'\\''";

static bool is_harmless(const char *value)
{
        static const char harmless[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                       "%+,-./:=@_";

        return *value && value[strspn(value, harmless)] == '\0';
}

/* A part that cannot be added makes the length more than the size. */
static void add(char *buffer, size_t size, size_t *length, const char *bytes, size_t n)
{
        if (*length <= size && n <= size - *length) {
                memcpy(buffer + *length, bytes, n);
                *length += n;
        } else {
                *length = size + 1;
        }
}

ssize_t shell_word(const char *value, char *buffer, size_t size)
{
        size_t length = 0;

        if (is_harmless(value)) {
                add(buffer, size, &length, value, strlen(value));
        } else {
                add(buffer, size, &length, quote, strlen(quote));
                for (const char *c = value; *c; c++) {
                        bool inside = *c == '\'';
                        add(buffer, size, &length, inside ? quote_inside : c,
                            inside ? strlen(quote_inside) : 1);
                }
                add(buffer, size, &length, quote, strlen(quote));
        }
        return length <= size ? (ssize_t)length : -EMSGSIZE;
}
