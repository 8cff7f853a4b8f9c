/* admin_handlers: the functions that answer admin requests, by file. */
#pragma once

#include "simulator/admin_call.h"

/* admin_state.c */
int admin_get_help(struct admin_call *call, struct answer **ret);
int admin_get_state(struct admin_call *call, struct answer **ret);

/* admin_keys.c */
int admin_add_key(struct admin_call *call, struct answer **ret);
int admin_replace_keys(struct admin_call *call, struct answer **ret);
int admin_delete_key(struct admin_call *call, struct answer **ret);
int admin_refuse_key(struct admin_call *call, struct answer **ret);
int admin_accept_key(struct admin_call *call, struct answer **ret);
int admin_regenerate_key(struct admin_call *call, struct answer **ret);

/* A key as reports show it: its secret as a digest. Returns 0 or a negative errno. */
int admin_describe_key(const struct key *key, struct json_object **ret);

/* admin_portal.c */
int admin_list_uploads(struct admin_call *call, struct answer **ret);
int admin_put_upload(struct admin_call *call, struct answer **ret);
int admin_list_packages(struct admin_call *call, struct answer **ret);
int admin_put_package(struct admin_call *call, struct answer **ret);
int admin_list_callbacks(struct admin_call *call, struct answer **ret);

/* admin_control.c */
int admin_get_token(struct admin_call *call, struct answer **ret);
int admin_revoke_tokens(struct admin_call *call, struct answer **ret);
int admin_put_settings(struct admin_call *call, struct answer **ret);
int admin_add_fault(struct admin_call *call, struct answer **ret);
int admin_clear_faults(struct admin_call *call, struct answer **ret);
int admin_forward_clock(struct admin_call *call, struct answer **ret);
int admin_reset(struct admin_call *call, struct answer **ret);

/* The settings as fields of the object. Returns 0 or -ENOMEM. */
int admin_describe_settings(const struct environment_settings *settings, struct json_object *object);
