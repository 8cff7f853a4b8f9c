/* The user and the password of a URL in a text.
 *
 * The texts are libcurl's: it quotes a proxy that it cannot make out as it stands in the environment, and
 * what is wrong with it may be just the password. So nothing is taken apart that could be part of one. */
#include "lib/hide_login.h"

#include "lib/util.h"

#include <assert.h>

#define QUOTE " '"
#define STARS "***"

static char *after_scheme(char *url)
{
        size_t length = strspn(url, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+.-");

        return strncmp(url + length, "://", 3) == 0 ? url + length + 3 : url;
}

void hide_login(char *text)
{
        char *quote = strstr(text, QUOTE), *end = strrchr(text, '@');
        char *quoted = quote ? quote + strlen(QUOTE) : NULL;
        char *login;
        size_t stars;

        if (!end && quoted && !strchr(quoted, '\'')) {
                end = text + strlen(text);
        }
        if (!end) {
                return;
        }
        /* There is no '@' in what it skips, so it never gets past the end. */
        login = after_scheme(quoted && quoted <= end ? quoted : text);
        assert(login <= end);
        stars = MIN_OF(strlen(STARS), (size_t)(end - login));
        memcpy(login, STARS, stars);
        memmove(login + stars, end, strlen(end) + 1);
}
