/* Terminal: the abilities of the output. */
#pragma once

#include "lib/util.h"

struct terminal {
        bool can_redraw; /* a terminal that knows how to move its cursor */
        bool colour;
        bool bars;
        bool unicode; /* else: ASCII only */
        unsigned columns;
        unsigned rows; /* 0: without end */
};

enum style {
        STYLE_PLAIN,
        STYLE_BOLD,
        STYLE_DIM,
        STYLE_GOOD,
        STYLE_WARNING,
        STYLE_BAD,
};

/* Looks at standard output, TERM, NO_COLOR, COLUMNS and the locale, which must have been set. All but a real
 * terminal get plain ASCII of 80 columns (or $COLUMNS). */
void terminal_look(struct terminal *ret_terminal);

/* The code that switches a style on; "" where there is no colour, and always for STYLE_PLAIN. */
const char *style_on(const struct terminal *terminal, enum style style);

/* The code that switches that style off again. */
const char *style_off(const struct terminal *terminal, enum style style);
