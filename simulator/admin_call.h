/* admin_call: one admin request on its way through a handler, and what it may act on. */
#pragma once

#include <json-c/json.h>

#include "simulator/answer.h"
#include "simulator/environment.h"

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

/* handlers: admin_state.c */
int admin_get_help(struct admin_call *call, struct answer **ret);
int admin_get_state(struct admin_call *call, struct answer **ret);

/* handlers: admin_keys.c */
int admin_add_key(struct admin_call *call, struct answer **ret);
int admin_replace_keys(struct admin_call *call, struct answer **ret);
int admin_delete_key(struct admin_call *call, struct answer **ret);
int admin_refuse_key(struct admin_call *call, struct answer **ret);
int admin_accept_key(struct admin_call *call, struct answer **ret);
int admin_regenerate_key(struct admin_call *call, struct answer **ret);

/* A key as reports show it: its secret as a digest. Returns 0 or a negative errno. */
int admin_describe_key(const struct key *key, struct json_object **ret);

/* handlers: admin_portal.c */
int admin_list_uploads(struct admin_call *call, struct answer **ret);
int admin_put_upload(struct admin_call *call, struct answer **ret);
int admin_list_packages(struct admin_call *call, struct answer **ret);
int admin_put_package(struct admin_call *call, struct answer **ret);
int admin_list_callbacks(struct admin_call *call, struct answer **ret);

/* The settings as fields of the object. Returns 0 or -ENOMEM. (admin_control.c) */
int admin_describe_settings(const struct environment_settings *settings, struct json_object *object);

/* handlers: admin_control.c */
int admin_get_token(struct admin_call *call, struct answer **ret);
int admin_revoke_tokens(struct admin_call *call, struct answer **ret);
int admin_put_settings(struct admin_call *call, struct answer **ret);
int admin_add_fault(struct admin_call *call, struct answer **ret);
int admin_clear_faults(struct admin_call *call, struct answer **ret);
int admin_forward_clock(struct admin_call *call, struct answer **ret);
int admin_reset(struct admin_call *call, struct answer **ret);
