/* Status row: one environment of a status, put into words and cells; no layout yet. */
#pragma once

#include "ctl/fields.h"
#include "ctl/terminal.h"

#define CELL_MAX 48

struct status_row {
        struct json_object *environment; /* borrowed */
        enum style style;                /* the state as a whole */
        char name[CELL_MAX];
        char state[CELL_MAX];
        char life[CELL_MAX];     /* the life left: "1h 27min", or "-" */
        char lifetime[CELL_MAX]; /* of what: "of 2h", or "" */
        int permille;            /* left of the life; -1 without a token */
        char key[CELL_MAX];
        char refreshed[CELL_MAX];
        char next[CELL_MAX];
};

void status_row_read(struct status_row *ret_row, struct json_object *environment, bool unicode);
