/* Paragraph: a label and a text that is put together in memory, cleaned, wrapped. */
#pragma once

#include "ctl/terminal.h"

#include <stdio.h>

struct paragraph_place {
        FILE *out;
        const struct terminal *terminal;
        unsigned indent; /* columns */
};

/* One that is being put together: write to its stream, then end it. */
struct paragraph {
        FILE *stream;
        char *text;
        size_t size;
};

/* Returns 0, and has to be ended then, or -ENOMEM. */
int paragraph_begin(struct paragraph *paragraph);

/* Writes it, in any case its last use. Returns 0 or -ENOMEM. */
int paragraph_end(struct paragraph *paragraph, const struct paragraph_place *place, const char *label,
                  enum style style);
