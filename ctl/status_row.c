/* Status row: from an environment's JSON to the words of one row. */
#include "ctl/status_row.h"

#include "ctl/text.h"
#include "lib/duration.h"

#include <assert.h>
#include <stdio.h>

/* A token is renewed while at least 30 % of its life is left; below that, renewing has been failing for a
 * while. */
#define LIFE_LOW_PERMILLE 300

static_assert(CELL_MAX >= DURATION_TEXT_MAX + 8, "a duration and a word beside it fit into a cell");

static const struct {
        const char *state;
        const char *words;
        enum style style;
} states[] = {
        { "valid", "valid", STYLE_GOOD },
        { "waiting", "waiting", STYLE_WARNING },
        { "no_token", "no token", STYLE_BAD },
        { "no_key", "no key", STYLE_BAD },
};

/* A key's label as it is shown: "(no label)" if it is empty. */
static void key_label_clean(char *buffer, size_t size, const char *label, bool unicode)
{
        text_clean(buffer, size, label[0] != '\0' ? label : "(no label)", unicode);
}

/* "in 42min", "33min ago"; "-" if the field is missing. */
static void write_span(char cell[static CELL_MAX], struct json_object *object, const char *field,
                       const char *before, const char *after)
{
        char span[DURATION_TEXT_MAX];
        int64_t seconds;

        if (field_seconds(object, field, &seconds)) {
                (void)snprintf(cell, CELL_MAX, "%s%s%s", before,
                               duration_format((uint64_t)seconds * USEC_PER_SEC, span), after);
        } else {
                (void)snprintf(cell, CELL_MAX, "-");
        }
}

static void read_state(struct status_row *row, bool unicode)
{
        const char *state = field_text(row->environment, "state");

        row->style = STYLE_WARNING;
        text_clean(row->state, sizeof(row->state), state[0] != '\0' ? state : "-", unicode);
        for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
                if (streq(states[i].state, state)) {
                        (void)snprintf(row->state, sizeof(row->state), "%s", states[i].words);
                        row->style = states[i].style;
                }
        }

        /* An environment that nobody gave a key to is not in trouble. */
        if (streq(state, "no_key") && !field_truth(row->environment, "configured")) {
                row->style = STYLE_DIM;
        }
        if (row->style == STYLE_GOOD && row->permille < LIFE_LOW_PERMILLE) {
                row->style = STYLE_WARNING;
        }
}

static void read_token(struct status_row *row, bool unicode)
{
        struct json_object *token = field_object(row->environment, "token");
        int64_t left_sec, lifetime_sec;

        row->permille = -1;
        write_span(row->life, token, "expires_in", "", "");
        if (!token) {
                (void)snprintf(row->key, sizeof(row->key), "-");
                return;
        }

        key_label_clean(row->key, sizeof(row->key), field_text(token, "key"), unicode);
        if (field_seconds(token, "expires_in", &left_sec) &&
            field_seconds(token, "lifetime_sec", &lifetime_sec) && lifetime_sec > 0) {
                row->permille = (int)MIN_OF(left_sec * 1000 / lifetime_sec, INT64_C(1000));
                write_span(row->lifetime, token, "lifetime_sec", "of ", "");
        }
}

void status_row_read(struct status_row *ret_row, struct json_object *environment, bool unicode)
{
        struct status_row row = { .environment = environment };
        int64_t next_sec = -1;

        text_clean(row.name, sizeof(row.name), field_text(environment, "name"), unicode);
        read_token(&row, unicode);
        read_state(&row, unicode);
        write_span(row.refreshed, environment, "last_refresh_ago_sec", "", " ago");
        (void)field_seconds(environment, "next_refresh_in_sec", &next_sec);
        if (field_truth(environment, "exchange_in_flight") || next_sec == 0) {
                (void)snprintf(row.next, sizeof(row.next), "now");
        } else {
                write_span(row.next, environment, "next_refresh_in_sec", "in ", "");
        }

        *ret_row = row;
}
