/* Paragraph: put together in memory, so that it can be cleaned and wrapped as a whole. */
#include "ctl/paragraph.h"

#include "ctl/text.h"
#include "lib/util.h"

#include <errno.h>

#define LABEL_COLUMNS 9
#define PARAGRAPH_MIN 24
#define PARAGRAPH_MAX 4096

int paragraph_begin(struct paragraph *paragraph)
{
        *paragraph = (struct paragraph){ 0 };
        paragraph->stream = open_memstream(&paragraph->text, &paragraph->size);
        return paragraph->stream ? 0 : -ENOMEM;
}

int paragraph_end(struct paragraph *paragraph, const struct paragraph_place *place, const char *label,
                  enum style style)
{
        const struct terminal *terminal = place->terminal;
        unsigned hanging = place->indent + LABEL_COLUMNS;
        unsigned width =
                terminal->columns > hanging + PARAGRAPH_MIN ? terminal->columns - hanging : PARAGRAPH_MIN;
        _cleanup_free_ char *text = NULL;
        char clean[PARAGRAPH_MAX];
        int r;

        r = fclose(paragraph->stream);
        text = paragraph->text;
        if (r != 0 || !text) {
                return -ENOMEM;
        }

        text_clean(clean, sizeof(clean), text, terminal->unicode);
        (void)fprintf(place->out, "%*s%s%-*s%s%s", (int)place->indent, "", style_on(terminal, STYLE_DIM),
                      LABEL_COLUMNS, label, style_off(terminal, STYLE_DIM), style_on(terminal, style));
        text_wrap(place->out, clean, hanging, width);
        (void)fprintf(place->out, "%s\n", style_off(terminal, style));
        return 0;
}
