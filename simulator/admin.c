/* admin: the routes of the admin listener, as rows. Whatever is not in them is a 400 with a message, since
 * every such request is a mistake in somebody's test. */
#include "simulator/admin.h"

#include "lib/util.h"
#include "simulator/admin_handlers.h"
#include "simulator/json_text.h"
#include "simulator/request.h"

#include <errno.h>

#define PARTS_MAX 4

/* "{env}" stands for an environment's name, "{id}" for an argument. */
static const struct route {
        const char *method;
        const char *parts[PARTS_MAX + 1];
        admin_handler_t handler;
} routes[] = {
        { "GET", { NULL }, admin_get_help },
        { "GET", { "state", NULL }, admin_get_state },
        { "POST", { "reset", NULL }, admin_reset },
        { "POST", { "{env}", "keys", NULL }, admin_add_key },
        { "PUT", { "{env}", "keys", NULL }, admin_replace_keys },
        { "DELETE", { "{env}", "keys", "{id}", NULL }, admin_delete_key },
        { "POST", { "{env}", "keys", "{id}", "refuse", NULL }, admin_refuse_key },
        { "POST", { "{env}", "keys", "{id}", "accept", NULL }, admin_accept_key },
        { "POST", { "{env}", "keys", "{id}", "regenerate", NULL }, admin_regenerate_key },
        { "POST", { "clock", NULL }, admin_forward_clock },
        { "POST", { "{env}", "tokens", "revoke", NULL }, admin_revoke_tokens },
        { "GET", { "{env}", "tokens", "{id}", NULL }, admin_get_token },
        { "GET", { "{env}", "uploads", NULL }, admin_list_uploads },
        { "PUT", { "{env}", "uploads", "{id}", NULL }, admin_put_upload },
        { "GET", { "{env}", "packages", NULL }, admin_list_packages },
        { "PUT", { "{env}", "packages", "{id}", NULL }, admin_put_package },
        { "GET", { "{env}", "callbacks", NULL }, admin_list_callbacks },
        { "PUT", { "{env}", "settings", NULL }, admin_put_settings },
        { "POST", { "{env}", "faults", NULL }, admin_add_fault },
        { "DELETE", { "{env}", "faults", NULL }, admin_clear_faults },
};

static struct environment *find_environment(const struct admin *admin, const char *name)
{
        for (size_t i = 0; i < admin->n_environments; i++) {
                if (streq(admin->environments[i]->name, name)) {
                        return admin->environments[i];
                }
        }
        return NULL;
}

/* Cuts the path at its slashes and decodes the parts, in place. Returns their number, or -E2BIG. */
static int split_path(char *path, char *ret_parts[static PARTS_MAX])
{
        int count = 0;

        while (*path == '/') {
                *path++ = '\0';
                if (count == 0 && *path == '\0') {
                        return 0;
                }
                if (count == PARTS_MAX) {
                        return -E2BIG;
                }
                ret_parts[count++] = path;
                path += strcspn(path, "/");
        }
        for (int i = 0; i < count; i++) {
                (void)MHD_http_unescape(ret_parts[i]);
        }
        return count;
}

/* Whether the parts fit the row; fills in what they stand for. */
static bool route_fits(const struct route *route, char *const *parts, int count, struct admin_call *call)
{
        struct environment *environment = NULL;
        char *argument = NULL;
        int i;

        for (i = 0; i < count && route->parts[i]; i++) {
                if (streq(route->parts[i], "{env}")) {
                        environment = find_environment(call->admin, parts[i]);
                        if (!environment) {
                                return false;
                        }
                } else if (streq(route->parts[i], "{id}")) {
                        argument = parts[i];
                } else if (!streq(route->parts[i], parts[i])) {
                        return false;
                }
        }
        if (i < count || route->parts[i]) {
                return false;
        }

        call->environment = environment;
        call->argument = argument;
        return true;
}

static int read_body(const struct request *request, struct json_object **ret)
{
        if (request->body_bytes == 0) {
                *ret = NULL;
                return 0;
        }
        return request_body_is_over(request) ? -EFBIG : json_read(request->body, request->body_size, ret);
}

int admin_decide(struct request *request, struct answer **ret, void *userdata)
{
        _cleanup_free_ char *path = strdup(request->path);
        _cleanup_(json_putp) struct json_object *body = NULL;
        struct admin_call call = { .admin = userdata };
        char *parts[PARTS_MAX];
        int count, r;

        if (!path) {
                return -ENOMEM;
        }
        count = split_path(path, parts);
        r = read_body(request, &body);
        if (r == -ENOMEM) {
                return r;
        }
        if (r < 0) {
                return admin_bad_request(ret, r == -EFBIG ? "the body is too long"
                                                          : "the body is not valid JSON");
        }
        call.body = body;

        for (size_t i = 0; count >= 0 && i < ARRAY_SIZE(routes); i++) {
                if (streq(routes[i].method, request->method) &&
                    route_fits(&routes[i], parts, count, &call)) {
                        return routes[i].handler(&call, ret);
                }
        }
        return admin_bad_request(
                ret, "there is no such request, or no such environment; GET / lists the requests");
}
