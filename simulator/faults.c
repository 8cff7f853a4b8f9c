/* faults: the faults that an environment has been given. A queue: the oldest that fits acts, one that is
 * used up goes. */
#include "simulator/faults.h"

#include "lib/util.h"
#include "simulator/fault_table.h"
#include "simulator/json_text.h"
#include "simulator/keys.h"

#include <errno.h>
#include <stdio.h>

static const char *const paths_names[] = {
        [PATHS_TOKEN] = "token", [PATHS_API] = "api", [PATHS_ALL] = "all"
};

void faults_init(struct faults *faults)
{
        TAILQ_INIT(&faults->list);
        faults->count = 0;
}

static struct fault *fault_free(struct fault *fault)
{
        if (!fault) {
                return NULL;
        }

        json_object_put(fault->parameters);
        free(fault->key_id);
        free(fault->method);
        free(fault->path);
        free(fault);
        return NULL;
}

static void fault_freep(struct fault **fault)
{
        *fault = fault_free(*fault);
}

static void faults_remove(struct faults *faults, struct fault *fault)
{
        TAILQ_REMOVE(&faults->list, fault, link);
        faults->count--;
        fault_free(fault);
}

void faults_clear(struct faults *faults)
{
        while (!TAILQ_EMPTY(&faults->list)) {
                faults_remove(faults, TAILQ_FIRST(&faults->list));
        }
}

const char *fault_name(enum fault_kind kind)
{
        return fault_rows[kind].name;
}

enum fault_stage fault_stage(enum fault_kind kind)
{
        return fault_rows[kind].stage;
}

static int complain(char **reterr_message, const char *message)
{
        *reterr_message = strdup(message);
        return *reterr_message ? -EINVAL : -ENOMEM;
}

static int read_paths(struct fault *fault, struct json_object *value, char **reterr_message)
{
        const char *name = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
        size_t paths = 0;

        while (paths < ARRAY_SIZE(paths_names) && !streq(paths_names[paths], name)) {
                paths++;
        }
        if (paths == ARRAY_SIZE(paths_names)) {
                return complain(reterr_message, "paths must be token, api or all");
        }

        fault->paths = (enum fault_paths)paths;
        if (fault_stage(fault->kind) == STAGE_CONNECTION && fault->paths != PATHS_ALL) {
                return complain(reterr_message,
                                "paths must be all, or be left out: this fault acts on connections, "
                                "before there is a path");
        }
        if (fault_stage(fault->kind) == STAGE_GRANT && fault->paths == PATHS_API) {
                return complain(reterr_message,
                                "paths must be token, or be left out: this fault acts on token "
                                "answers only");
        }
        return 0;
}

static int read_count(struct fault *fault, struct json_object *value, char **reterr_message)
{
        int64_t count;

        if (!json_is_whole(value, 1, INT64_MAX, &count)) {
                return complain(reterr_message, "count must be a whole number from 1 on");
        }
        if (fault->kind == FAULT_REFUSE_CONNECT) {
                return complain(reterr_message,
                                "refuse_connect has no count: connections that are refused by the "
                                "kernel cannot be counted; clear the faults to end it");
        }

        fault->left = (uint64_t)count;
        return 0;
}

static int read_key(struct fault *fault, struct json_object *value, char **reterr_message)
{
        const char *id = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";

        if (!key_id_is_valid(id)) {
                return complain(reterr_message, "key must be an application ID");
        }
        if (fault_stage(fault->kind) == STAGE_CONNECTION) {
                return complain(reterr_message,
                                "key must be left out: this fault acts on connections, before there is one");
        }

        free(fault->key_id);
        fault->key_id = strdup(id);
        return fault->key_id ? 0 : -ENOMEM;
}

/* "method" or "path". */
static int read_place(struct fault *fault, const char *name, struct json_object *value,
                      char **reterr_message)
{
        char **place = streq(name, "method") ? &fault->method : &fault->path;
        const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";

        if (streq(name, "method") ? !text[0] || strlen(text) > 16 : text[0] != '/' || strlen(text) > 1024) {
                return complain(reterr_message,
                                streq(name, "method")
                                        ? "method must be one, such as POST"
                                        : "path must be the beginning of one, such as /rest/v1/files");
        }
        if (fault_stage(fault->kind) == STAGE_CONNECTION) {
                return complain(reterr_message,
                                "method and path must be left out: this fault acts on connections, "
                                "before there is one");
        }

        free(*place);
        *place = strdup(text);
        return *place ? 0 : -ENOMEM;
}

static int read_parameter(struct fault *fault, const char *name, struct json_object *value,
                          char **reterr_message)
{
        int r;

        r = fault_check_parameter(fault->kind, name, value, reterr_message);
        if (r < 0) {
                return r;
        }
        return json_object_object_add(fault->parameters, name, json_object_get(value)) < 0 ? -ENOMEM : 0;
}

static int read_fields(struct fault *fault, struct json_object *description, char **reterr_message)
{
        int r = 0;

        json_object_object_foreach (description, name, value) {
                if (streq(name, "fault")) {
                        continue;
                }
                if (streq(name, "paths")) {
                        r = read_paths(fault, value, reterr_message);
                } else if (streq(name, "count")) {
                        r = read_count(fault, value, reterr_message);
                } else if (streq(name, "key")) {
                        r = read_key(fault, value, reterr_message);
                } else if (streq(name, "method") || streq(name, "path")) {
                        r = read_place(fault, name, value, reterr_message);
                } else {
                        r = read_parameter(fault, name, value, reterr_message);
                }
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

int faults_add(struct faults *faults, struct json_object *description, struct fault **ret,
               char **reterr_message)
{
        _cleanup_(fault_freep) struct fault *fault = calloc(1, sizeof(*fault));
        const char *name, *missing;
        int r;

        *reterr_message = NULL;
        if (!fault) {
                return -ENOMEM;
        }
        if (faults->count >= FAULTS_MAX) {
                return -ENOSPC;
        }
        if (!json_get_text(description, "fault", 1, 64, &name)) {
                return complain(reterr_message, "fault must name the fault");
        }
        r = fault_kind_from_name(name);
        if (r < 0) {
                return complain(reterr_message, "there is no fault of this name; GET / lists them");
        }

        fault->kind = (enum fault_kind)r;
        fault->left = FAULT_COUNT_ENDLESS;
        /* A path says itself where it is. */
        fault->paths = fault_stage(fault->kind) == STAGE_CONNECTION ||
                                       json_object_object_get_ex(description, "path", NULL)
                               ? PATHS_ALL
                               : PATHS_TOKEN;
        fault->parameters = json_object_new_object();
        if (!fault->parameters) {
                return -ENOMEM;
        }

        r = read_fields(fault, description, reterr_message);
        if (r < 0) {
                return r;
        }
        missing = fault_missing_parameter(fault->kind, fault->parameters);
        if (missing) {
                r = asprintf(reterr_message, "%s needs %s", name, missing);
                return r < 0 ? -ENOMEM : -EINVAL;
        }

        TAILQ_INSERT_TAIL(&faults->list, fault, link);
        faults->count++;
        *ret = take_ptr(fault);
        return 0;
}

struct fault *faults_for_connection(const struct faults *faults)
{
        struct fault *fault;

        TAILQ_FOREACH(fault, &faults->list, link)
        if (fault_stage(fault->kind) == STAGE_CONNECTION) {
                return fault;
        }
        return NULL;
}

static bool fits(const struct fault *fault, const struct fault_request *request)
{
        if (fault->key_id &&
            (!request->token_path || !request->key_id || !streq(fault->key_id, request->key_id))) {
                return false;
        }
        if ((fault->method && !streq(fault->method, request->method)) ||
            (fault->path && strncmp(fault->path, request->path, strlen(fault->path)) != 0)) {
                return false;
        }
        return fault->paths == PATHS_ALL || (fault->paths == PATHS_TOKEN) == request->token_path;
}

struct fault *faults_for_body(const struct faults *faults, const struct fault_request *request)
{
        struct fault *fault;

        TAILQ_FOREACH(fault, &faults->list, link)
        if (fault_stage(fault->kind) == STAGE_BODY && fits(fault, request)) {
                return fault;
        }
        return NULL;
}

struct fault *faults_for_request(const struct faults *faults, const struct fault_request *request)
{
        struct fault *fault;

        TAILQ_FOREACH(fault, &faults->list, link)
        {
                if (fault_stage(fault->kind) < STAGE_INSTEAD ||
                    (fault_stage(fault->kind) == STAGE_GRANT && !request->granted)) {
                        continue;
                }
                if (fits(fault, request)) {
                        return fault;
                }
        }
        return NULL;
}

struct fault *faults_use(struct faults *faults, struct fault *fault)
{
        fault->used++;
        if (fault->left == FAULT_COUNT_ENDLESS || --fault->left > 0) {
                return fault;
        }

        faults_remove(faults, fault);
        return NULL;
}

int64_t fault_number(const struct fault *fault, const char *name, int64_t fallback)
{
        struct json_object *value;

        if (json_object_object_get_ex(fault->parameters, name, &value)) {
                return json_object_get_int64(value);
        }
        return fallback;
}

bool fault_flag(const struct fault *fault, const char *name)
{
        struct json_object *value;

        return json_object_object_get_ex(fault->parameters, name, &value) && json_object_get_boolean(value);
}

const char *fault_text(const struct fault *fault, const char *name, const char *fallback)
{
        struct json_object *value;

        if (json_object_object_get_ex(fault->parameters, name, &value)) {
                return json_object_get_string(value);
        }
        return fallback;
}

int fault_describe(const struct fault *fault, struct json_object **ret)
{
        _cleanup_(json_putp) struct json_object *object = json_object_new_object();

        if (json_add_text(object, "fault", fault_name(fault->kind)) < 0 ||
            json_add_text(object, "paths", paths_names[fault->paths]) < 0 ||
            json_add_number(object, "used", fault->used) < 0) {
                return -ENOMEM;
        }
        if (fault->left == FAULT_COUNT_ENDLESS ? json_object_object_add(object, "count", NULL) < 0
                                               : json_add_number(object, "count", fault->left) < 0) {
                return -ENOMEM;
        }

        if ((fault->key_id && json_add_text(object, "key", fault->key_id) < 0) ||
            (fault->method && json_add_text(object, "method", fault->method) < 0) ||
            (fault->path && json_add_text(object, "path", fault->path) < 0)) {
                return -ENOMEM;
        }

        json_object_object_foreach (fault->parameters, name, value) {
                if (json_object_object_add(object, name, json_object_get(value)) < 0) {
                        return -ENOMEM;
                }
        }
        *ret = take_ptr(object);
        return 0;
}
