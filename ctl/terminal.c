/* Terminal: the abilities of the output. Without colour or bars it gets plain ASCII.
 */
#include "ctl/terminal.h"

#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_USUAL 80
#define COLUMNS_MIN   20
#define COLUMNS_MAX   1000

static bool is_dumb(void)
{
        const char *term = getenv("TERM");

        return !term || term[0] == '\0' || streq(term, "dumb");
}

static bool colour_is_unwanted(void)
{
        const char *no_color = getenv("NO_COLOR");

        return no_color && no_color[0] != '\0';
}

static unsigned columns_from_environment(void)
{
        const char *text = getenv("COLUMNS");
        unsigned long value;
        char *end;

        if (!text || text[0] < '0' || text[0] > '9') {
                return COLUMNS_USUAL;
        }

        value = strtoul(text, &end, 10);
        return *end == '\0' && value >= COLUMNS_MIN && value <= COLUMNS_MAX ? (unsigned)value
                                                                            : COLUMNS_USUAL;
}

void terminal_look(struct terminal *ret_terminal)
{
        struct terminal terminal = { .columns = columns_from_environment() };
        struct winsize size = { 0 };

        if (isatty(STDOUT_FILENO) == 1 && !is_dumb()) {
                terminal.can_redraw = true;
                terminal.bars = true;
                terminal.colour = !colour_is_unwanted();
                terminal.unicode = streq(nl_langinfo(CODESET), "UTF-8");
        }
        if (isatty(STDOUT_FILENO) == 1 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
                terminal.columns = MAX_OF((unsigned)size.ws_col, (unsigned)COLUMNS_MIN);
                terminal.rows = size.ws_row;
        }

        *ret_terminal = terminal;
}

const char *style_on(const struct terminal *terminal, enum style style)
{
        static const char *const codes[] = {
                [STYLE_PLAIN] = "",        [STYLE_BOLD] = "\033[1m",     [STYLE_DIM] = "\033[2m",
                [STYLE_GOOD] = "\033[32m", [STYLE_WARNING] = "\033[33m", [STYLE_BAD] = "\033[31m",
        };

        return terminal->colour ? codes[style] : "";
}

const char *style_off(const struct terminal *terminal, enum style style)
{
        return terminal->colour && style != STYLE_PLAIN ? "\033[0m" : "";
}
