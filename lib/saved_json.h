/* JSON of what is to survive a restart, as lib/saved_sessions and lib/saved_knowledge write and read it.
 * Getters are strict: a member of another type, or beyond its bounds, is not taken. */
#pragma once

#include "lib/base_url.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAVED_BYTES_MAX     32                  /* that one member holds */
#define SAVED_TIME_MAX_USEC (UINT64_C(1) << 60) /* 36000 years after boot */

/* ---- writing; memory that runs out shows at the end, see lib/json_form.h ---- */

void saved_put_text(struct json_object *json, const char *member, const char *text);
void saved_put_number(struct json_object *json, const char *member, uint64_t number);
/* As hexadecimal digits; n is at most SAVED_BYTES_MAX. */
void saved_put_bytes(struct json_object *json, const char *member, const uint8_t *bytes, size_t n);
void saved_put_times(struct json_object *json, const char *member, const uint64_t *times, size_t n);

/* Moves the object's text into a block of secret memory, the caller's for secret_free(). -ENOMEM. -E2BIG: it
 * is longer than max. */
int saved_move_text(struct json_object *json, size_t max, char **ret, size_t *ret_length);

/* ---- reading ---- */

/* *ret is the object's. */
bool saved_get_text(struct json_object *json, const char *member, size_t max, const char **ret);
bool saved_get_number(struct json_object *json, const char *member, uint64_t max, uint64_t *ret);
bool saved_get_bytes(struct json_object *json, const char *member, uint8_t *bytes, size_t n);
/* A list of at most max; *ret is the object's. */
bool saved_get_list(struct json_object *json, const char *member, size_t max, struct json_object **ret);
/* Ascending, each a time. */
bool saved_get_times(struct json_object *json, const char *member, uint64_t *times, size_t max, size_t *ret);
/* The number that a value is. */
bool saved_number_of(struct json_object *value, uint64_t max, uint64_t *ret);
/* In the one spelling that it has. -EBADMSG. -ENOMEM. */
int saved_get_base_url(struct json_object *json, const char *member, char ret[static BASE_URL_MAX + 1]);
