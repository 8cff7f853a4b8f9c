/* admin_call: one admin request on its way through a handler, and what it may act on. */
#pragma once

#include "simulator/answer.h"
#include "simulator/environment.h"

#include <json-c/json.h>

/* The objects of the admin requests; everything belongs to somebody else. */
struct admin {
        struct environment **environments;
        size_t n_environments;

        /* Called when an environment's list of faults has changed; `cleared` when that has let go all of
         * them. */
        void (*faults_changed)(struct environment *environment, bool cleared, void *userdata);
        void *userdata;
};

struct admin_call {
        const struct admin *admin;
        struct environment *environment; /* NULL for paths that name none */
        char *argument;           /* the decoded part of the path after "keys/" and the like, or NULL */
        struct json_object *body; /* NULL if there was none */
};

/* Does the request's work. On success there is an answer, be it an error answer. Returns 0 or a negative
 * errno. */
typedef int (*admin_handler_t)(struct admin_call *call, struct answer **ret);

/* The error answers of the admin listener. Return 0 or -ENOMEM. */
int admin_bad_request(struct answer **ret, const char *message);

/* Checks that the body is an object with no other fields than these. Returns 1 if so, 0 with an error answer
 * in *ret, or -ENOMEM. */
int admin_check_fields(const struct admin_call *call, const char *const *known, struct answer **ret);
