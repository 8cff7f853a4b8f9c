/* Status view: a table with one row per environment and its details beneath, or, where the table would be
 * too wide, a list per environment. Between the two, the bar of the life left gives way first. */
#include "ctl/status_view.h"

#include "ctl/status_details.h"
#include "ctl/text.h"
#include "lib/duration.h"

#include <errno.h>

#define GAP          2 /* columns between columns */
#define MARK_COLUMNS 2
#define BAR_MIN      6
#define BAR_GOOD     12 /* the whole lifetime is told only if so much is left for the bar */
#define BAR_MAX      30
#define PERMILLE     1000

enum column {
        COLUMN_NAME,
        COLUMN_STATE,
        COLUMN_LIFE,
        COLUMN_KEY,
        COLUMN_REFRESHED,
        COLUMN_NEXT,
        N_COLUMNS,
};

struct view {
        FILE *out;
        const struct terminal *terminal;
        struct status_row *rows;
        size_t n_rows;
        bool full;
        bool as_list;
        bool with_lifetime;
        unsigned bar; /* columns of the bar; 0: a percentage instead */
        unsigned widths[N_COLUMNS];
};

static const char *const headings[N_COLUMNS] = {
        [COLUMN_NAME] = "ENVIRONMENT", [COLUMN_STATE] = "TOKEN",         [COLUMN_LIFE] = "LEFT",
        [COLUMN_KEY] = "KEY",          [COLUMN_REFRESHED] = "REFRESHED", [COLUMN_NEXT] = "NEXT",
};

/* ---- cells ---- */

/* Full blocks, and a last one of as many eighths as remain. */
static void print_bar(FILE *out, const struct view *view, const struct status_row *row)
{
        static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
        const struct terminal *terminal = view->terminal;
        unsigned filled = (unsigned)row->permille * view->bar * 8 / PERMILLE;
        unsigned full = terminal->unicode ? filled / 8 : (filled + 4) / 8;
        unsigned used = full;

        (void)fputs(style_on(terminal, row->style), out);
        for (unsigned i = 0; i < full; i++) {
                (void)fputs(terminal->unicode ? "█" : "#", out);
        }
        if (terminal->unicode && filled % 8 != 0) {
                (void)fputs(eighths[filled % 8], out);
                used++;
        }
        (void)fputs(style_off(terminal, row->style), out);

        (void)fputs(style_on(terminal, STYLE_DIM), out);
        for (; used < view->bar; used++) {
                (void)fputs(terminal->unicode ? "░" : "-", out);
        }
        (void)fputs(style_off(terminal, STYLE_DIM), out);
}

/* The text beside the bar. */
static void write_life(char *cell, size_t size, const struct view *view, const struct status_row *row)
{
        bool lifetime = view->with_lifetime && row->lifetime[0] != '\0';
        char percent[16] = "";

        if (view->bar == 0 && row->permille >= 0) {
                (void)snprintf(percent, sizeof(percent), " (%d%%)", row->permille / 10);
        }
        (void)snprintf(cell, size, "%s%s%s%s", row->life, lifetime ? " " : "", lifetime ? row->lifetime : "",
                       percent);
}

static void print_life(const struct view *view, const struct status_row *row, unsigned width)
{
        char cell[2 * CELL_MAX + 16];

        if (view->bar > 0 && row->permille >= 0) {
                print_bar(view->out, view, row);
                (void)fputc(' ', view->out);
                width = width > view->bar + 1 ? width - view->bar - 1 : 0;
        }
        write_life(cell, sizeof(cell), view, row);
        text_pad(view->out, cell, width);
}

static const char *cell_text(const struct status_row *row, enum column column)
{
        switch (column) {
        case COLUMN_NAME:
                return row->name;
        case COLUMN_STATE:
                return row->state;
        case COLUMN_KEY:
                return row->key;
        case COLUMN_REFRESHED:
                return row->refreshed;
        case COLUMN_NEXT:
                return row->next;
        case COLUMN_LIFE:
        default:
                return row->life;
        }
}

/* ---- layout ---- */

/* Sets the columns' widths for the view's bar and lifetime; returns the width of all. */
static unsigned measure(struct view *view)
{
        unsigned total = MARK_COLUMNS;

        for (size_t c = 0; c < N_COLUMNS; c++) {
                view->widths[c] = text_width(headings[c]);
                for (size_t i = 0; i < view->n_rows; i++) {
                        char life[2 * CELL_MAX + 16];
                        unsigned width;

                        if (c != COLUMN_LIFE) {
                                width = text_width(cell_text(&view->rows[i], (enum column)c));
                        } else {
                                write_life(life, sizeof(life), view, &view->rows[i]);
                                width = text_width(life);
                                if (view->bar > 0 && view->rows[i].permille >= 0) {
                                        width += view->bar + 1;
                                }
                        }
                        view->widths[c] = MAX_OF(view->widths[c], width);
                }
                total += view->widths[c] + (c > 0 ? GAP : 0);
        }

        return total;
}

/* The best layout that fits: lifetime and a good bar, a bar, no bar, a list. */
static void choose_layout(struct view *view)
{
        static const struct {
                bool lifetime;
                unsigned bar_min;
        } choices[] = { { true, BAR_GOOD }, { false, BAR_MIN } };
        unsigned columns = view->terminal->columns, width;

        for (size_t i = 0; i < ARRAY_SIZE(choices) && view->terminal->bars; i++) {
                view->with_lifetime = choices[i].lifetime;
                for (view->bar = BAR_MAX; view->bar >= choices[i].bar_min; view->bar--) {
                        if (measure(view) <= columns) {
                                return;
                        }
                }
        }

        view->bar = 0;
        for (int lifetime = 1; lifetime >= 0; lifetime--) {
                view->with_lifetime = lifetime == 1;
                width = measure(view);
                if (width <= columns) {
                        return;
                }
        }

        view->as_list = true;
        view->with_lifetime = true;
        view->bar = view->terminal->bars && columns >= 50 ? BAR_GOOD : 0;
}

/* ---- the whole ---- */

static void print_mark(const struct view *view, enum style style)
{
        const char *mark = style == STYLE_GOOD ? "*" : style == STYLE_DIM ? " " : "!";

        if (view->terminal->unicode) {
                mark = style == STYLE_DIM ? "○" : "●";
        }
        (void)fprintf(view->out, "%s%s%s ", style_on(view->terminal, style), mark,
                      style_off(view->terminal, style));
}

static void print_headings(const struct view *view)
{
        const struct terminal *terminal = view->terminal;

        (void)fprintf(view->out, "%s%*s", style_on(terminal, STYLE_DIM), MARK_COLUMNS, "");
        for (size_t c = 0; c < N_COLUMNS - 1; c++) {
                text_pad(view->out, headings[c], view->widths[c] + GAP);
        }
        (void)fprintf(view->out, "%s%s\n", headings[N_COLUMNS - 1], style_off(terminal, STYLE_DIM));
}

static void print_table_row(const struct view *view, const struct status_row *row)
{
        const struct terminal *terminal = view->terminal;

        print_mark(view, row->style);
        (void)fputs(style_on(terminal, STYLE_BOLD), view->out);
        text_pad(view->out, row->name, view->widths[COLUMN_NAME] + GAP);
        (void)fprintf(view->out, "%s%s", style_off(terminal, STYLE_BOLD), style_on(terminal, row->style));
        text_pad(view->out, row->state, view->widths[COLUMN_STATE] + GAP);
        (void)fputs(style_off(terminal, row->style), view->out);
        print_life(view, row, view->widths[COLUMN_LIFE] + GAP);
        text_pad(view->out, row->key, view->widths[COLUMN_KEY] + GAP);
        text_pad(view->out, row->refreshed, view->widths[COLUMN_REFRESHED] + GAP);
        (void)fprintf(view->out, "%s\n", row->next);
}

static void print_list_row(const struct view *view, const struct status_row *row)
{
        const struct terminal *terminal = view->terminal;

        print_mark(view, row->style);
        (void)fprintf(view->out, "%s%s%s: %s%s%s\n", style_on(terminal, STYLE_BOLD), row->name,
                      style_off(terminal, STYLE_BOLD), style_on(terminal, row->style), row->state,
                      style_off(terminal, row->style));
        if (row->permille < 0 && streq(row->refreshed, "-") && streq(row->next, "-")) {
                return; /* nothing ever happened there */
        }

        (void)fprintf(view->out, "%*sleft     ", MARK_COLUMNS, "");
        print_life(view, row, 0);
        (void)fprintf(view->out, "\n%*skey      %s\n%*srefresh  %s, next %s\n", MARK_COLUMNS, "", row->key,
                      MARK_COLUMNS, "", row->refreshed, row->next);
}

static void print_broker(const struct view *view, struct json_object *status)
{
        const struct terminal *terminal = view->terminal;
        bool ready = field_truth(status, "ready");
        enum style style = ready ? STYLE_GOOD : STYLE_WARNING;
        char version[CELL_MAX], uptime[DURATION_TEXT_MAX];
        int64_t uptime_sec;

        text_clean(version, sizeof(version), field_text(status, "version"), terminal->unicode);
        (void)fprintf(view->out, "%seqp-broker%s%s%s", style_on(terminal, STYLE_BOLD),
                      version[0] != '\0' ? " " : "", version, style_off(terminal, STYLE_BOLD));
        if (field_seconds(status, "uptime_sec", &uptime_sec)) {
                (void)fprintf(view->out, ", up %s",
                              duration_format((uint64_t)uptime_sec * USEC_PER_SEC, uptime));
        }
        (void)fprintf(view->out, ", %s%s%s\n", style_on(terminal, style), ready ? "ready" : "not ready",
                      style_off(terminal, style));
}

static int print_rows(const struct view *view)
{
        unsigned indent = view->as_list ? MARK_COLUMNS : MARK_COLUMNS + view->widths[COLUMN_NAME] + GAP;
        int r;

        for (size_t i = 0; i < view->n_rows; i++) {
                if (i > 0 || view->as_list) {
                        (void)fputc('\n', view->out);
                }
                if (view->as_list) {
                        print_list_row(view, &view->rows[i]);
                } else {
                        print_table_row(view, &view->rows[i]);
                }
                r = status_details_print(view->out, &view->rows[i], view->terminal, indent, view->full);
                if (r < 0) {
                        return r;
                }
        }

        return (int)view->n_rows;
}

int status_view_print(FILE *out, struct json_object *status, const char *only,
                      const struct terminal *terminal)
{
        struct json_object *environments = field_array(status, "environments");
        size_t n = environments ? json_object_array_length(environments) : 0;
        struct view view = { .out = out, .terminal = terminal, .full = only != NULL };
        _cleanup_free_ struct status_row *rows = NULL;

        rows = calloc(n + 1, sizeof(*rows));
        if (!rows) {
                return -ENOMEM;
        }

        view.rows = rows;
        for (size_t i = 0; i < n; i++) {
                struct json_object *environment = json_object_array_get_idx(environments, i);

                if (!only || streq(only, field_text(environment, "name"))) {
                        status_row_read(&rows[view.n_rows++], environment, terminal->unicode);
                }
        }

        print_broker(&view, status);
        if (view.n_rows == 0) {
                return 0;
        }

        choose_layout(&view);
        if (!view.as_list) {
                (void)fputc('\n', out);
                print_headings(&view);
        }
        return print_rows(&view);
}
