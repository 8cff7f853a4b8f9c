/* portal_call: one request for something that a session token opens, on its way through a handler. */
#pragma once

#include "simulator/answer.h"
#include "simulator/environment.h"
#include "simulator/request.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#define PORTAL_PARTS_MAX 7
#define PORTAL_BATCH_MAX 200 /* items of one request */

struct portal_call {
        struct environment *environment;
        struct request *request;
        /* The decoded parts of the path that the route leaves open, in their order; the rest NULL. */
        const char *arguments[PORTAL_PARTS_MAX];
};

/* Answers a request whose path and method fit. Returns 0 or a negative errno. */
typedef int (*portal_handler_t)(struct portal_call *call, struct answer **ret);

bool portal_is_read(const struct portal_call *call);
bool portal_is(const struct portal_call *call, const char *method);

/* The error answers. Return 0 or -ENOMEM. */
int portal_bad_request(struct answer **ret, const char *message);
int portal_not_found(struct answer **ret, const char *message);

/* Reads the body as JSON, which the caller puts. Returns 1 with the value, 0 with an error answer, or
 * -ENOMEM. */
int portal_read_body(const struct portal_call *call, struct json_object **ret_body, struct answer **ret);

/* A parameter of the query, decoded, or NULL; belongs to the request. */
const char *portal_parameter(const struct portal_call *call, const char *name);

/* Answers with the part of the list that `offset` and `limit` of the query ask for, and with X-Total-Count.
 * The list is consumed in any case. Returns 0 or a negative errno. */
int portal_answer_list(const struct portal_call *call, struct json_object *list, struct answer **ret);

/* The same in two steps, where only those values are to be made that are asked for. */
struct portal_page {
        size_t total, first, end;
};

/* The part of a list that the query asks for. Returns 1, 0 with an error answer, or -ENOMEM. */
int portal_page(const struct portal_call *call, size_t total, struct portal_page *ret_page,
                struct answer **ret);

/* Answers with the values of the page, which are consumed in any case. Returns 0 or -ENOMEM. */
int portal_answer_page(const struct portal_page *page, struct json_object *values, struct answer **ret);
