/* Trouble: the last failure of a broker. Messages may quote what the daemon said, so they pass text_scrub()
 * here, at the one place where all of them come by. Only the broker's requests write a trouble. */
#include "client/trouble.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

void text_scrub(char *text)
{
        unsigned char *c = (unsigned char *)text;

        for (; *c != '\0'; c++) {
                if (*c < 0x20 || *c == 0x7f) {
                        *c = ' ';
                } else if (*c == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f) {
                        c[0] = c[1] = ' ';
                }
        }
}

/* Cuts a multi-byte character off whose end did not fit. */
static void mend_cut_end(char *text, size_t length)
{
        size_t n = length;

        while (n > 0 && ((unsigned char)text[n - 1] & 0xc0) == 0x80) {
                n--;
        }
        if (n > 0 && (unsigned char)text[n - 1] >= 0xc0) {
                text[n - 1] = '\0';
        }
}

void trouble_clear(struct trouble *trouble)
{
        *trouble = (struct trouble){ 0 };
}

int trouble_set(struct trouble *trouble, int error, const char *slug, const char *format, ...)
{
        va_list arguments;
        int n;

        n = snprintf(trouble->slug, sizeof(trouble->slug), "%s", slug);
        if (n < 0) {
                trouble->slug[0] = '\0';
        }
        text_scrub(trouble->slug);

        va_start(arguments, format);
        n = vsnprintf(trouble->message, sizeof(trouble->message), format, arguments);
        va_end(arguments);
        if (n < 0) {
                trouble->message[0] = '\0';
        } else if ((size_t)n >= sizeof(trouble->message)) {
                mend_cut_end(trouble->message, sizeof(trouble->message) - 1);
        }
        text_scrub(trouble->message);

        return error;
}

int trouble_oom(struct trouble *trouble)
{
        return trouble_set(trouble, -ENOMEM, "out_of_memory", "Out of memory.");
}

int trouble_stopped(struct trouble *trouble)
{
        return trouble_set(trouble, -EINTR, "stopped", "The caller waits no longer.");
}
