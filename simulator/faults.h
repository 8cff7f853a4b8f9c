/* faults: the faults that an environment has been given, oldest first. */
#pragma once

#include "simulator/fault_table.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

enum fault_paths { PATHS_TOKEN, PATHS_API, PATHS_ALL };

/* "Until cleared". */
#define FAULT_COUNT_ENDLESS UINT64_MAX
#define FAULTS_MAX          1000

struct fault {
        enum fault_kind kind;
        enum fault_paths paths;
        uint64_t left; /* FAULT_COUNT_ENDLESS, or how often it still acts */
        uint64_t used; /* how often it has acted */
        char *key_id;  /* acts on token requests with this key alone; NULL: on all requests */
        char *method;  /* acts on this method alone, or NULL */
        char *path;    /* acts on paths that begin so, as they are sent, or NULL */
        struct json_object *parameters; /* as given, all checked; without what stands above */
        TAILQ_ENTRY(fault) link;        /* faults::list */
};

/* A request as faults look at it. */
struct fault_request {
        bool token_path;
        bool granted;       /* the right answer would be a token */
        const char *key_id; /* the application ID, or NULL: none was sent, or it is not known yet */
        const char *method, *path;
};

struct faults {
        TAILQ_HEAD(, fault) list;
        size_t count;
};

void faults_init(struct faults *faults);
void faults_clear(struct faults *faults);

/* Reads a fault as the admin listener takes it and puts it at the end of the list, which owns it. Returns 0,
 * -ENOMEM, -ENOSPC, or -EINVAL with the reason in *reterr_message, which the caller frees. */
int faults_add(struct faults *faults, struct json_object *description, struct fault **ret,
               char **reterr_message);

/* The oldest fault that acts on connections, or NULL. It is not counted as used. */
struct fault *faults_for_connection(const struct faults *faults);

/* The oldest fault of the stage "body", or of those behind it, that acts on the request. NULL if there is
 * none. It is not counted as used. */
struct fault *faults_for_body(const struct faults *faults, const struct fault_request *request);
struct fault *faults_for_request(const struct faults *faults, const struct fault_request *request);

/* Counts the fault as used. One that is used up leaves the list and is freed: returns NULL then, else the
 * fault. */
struct fault *faults_use(struct faults *faults, struct fault *fault);

/* The name on the admin listener, which is a constant, and the stage. */
const char *fault_name(enum fault_kind kind);
enum fault_stage fault_stage(enum fault_kind kind);

/* Parameters; one that was not given has the fallback. Texts belong to the fault. */
int64_t fault_number(const struct fault *fault, const char *name, int64_t fallback);
bool fault_flag(const struct fault *fault, const char *name);
const char *fault_text(const struct fault *fault, const char *name, const char *fallback);

/* A description as faults_add() takes it, with "used" and the count that is left (null: until cleared). The
 * caller puts it. Returns 0 or -ENOMEM. */
int fault_describe(const struct fault *fault, struct json_object **ret);
