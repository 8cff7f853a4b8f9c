/* Option value: the argument of an option, read. */
#include "ctl/option_value.h"

#include <errno.h>

unsigned option_seconds(struct argp_state *state, const char *option, const char *text, unsigned max)
{
        unsigned long value;
        char *end;

        errno = 0;
        value = strtoul(text, &end, 10);
        if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value > max) {
                argp_error(state, "--%s takes whole seconds from 0 to %u, not '%s'", option, max, text);
        }

        return (unsigned)value;
}

enum token_format option_format(struct argp_state *state, const char *text)
{
        enum token_format format = TOKEN_FORMAT_RAW;

        if (token_format_parse(text, &format) < 0) {
                argp_error(state, "--format is raw, json, header or env, not '%s'", text);
        }
        return format;
}
