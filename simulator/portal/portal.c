/* portal: the routes of what a session token opens, as rows. Whatever is below none of their first parts is
 * answered with an echo, so that a client or a gateway can see what has arrived of its request. */
#include "simulator/portal/portal.h"

#include "lib/util.h"
#include "simulator/api_code.h"
#include "simulator/moment.h"
#include "simulator/portal/echo.h"
#include "simulator/portal/portal_handlers.h"

#include <errno.h>
#include <microhttpd.h>
#include <strings.h>

#define GET         "GET, HEAD"
#define GET_PUT     "GET, HEAD, PUT"
#define GET_POST    "GET, HEAD, POST"
#define PACKAGES    "products", "packages"
#define UPLOAD_PATH "/files/uploads"

/* "*" stands for any text, which is an argument; "{mage_id}" for the account's ID. */
static const struct route {
        const char *parts[PORTAL_PARTS_MAX + 1];
        const char *methods;
        portal_handler_t handler;
} routes[] = {
        { { "users", "{mage_id}" }, GET_PUT, portal_account },
        { { "users", "{mage_id}", "keys" }, GET_POST, portal_composer_keys },
        { { "users", "{mage_id}", "keys", "*" }, "PUT, DELETE", portal_composer_key },
        { { "users", "{mage_id}", "reports", "*" }, GET, portal_user_reports },
        { { "files", "uploads" }, GET_POST, portal_files },
        { { "files", "uploads", "*" }, "GET, HEAD, DELETE", portal_file },
        { { PACKAGES }, "GET, HEAD, POST, PUT", portal_packages },
        { { PACKAGES, "items" }, GET, portal_packages_with_item },
        { { PACKAGES, "items", "*" }, GET, portal_package_of_item },
        { { PACKAGES, "item", "*", "status" }, GET, portal_results_of_item },
        { { PACKAGES, "items", "*", "status" }, GET, portal_results_of_item },
        { { PACKAGES, "skus" }, GET, portal_packages_with_sku },
        { { PACKAGES, "skus", "*" }, GET, portal_packages_of_sku },
        { { PACKAGES, "sku", "*", "status" }, GET, portal_results_of_sku },
        { { PACKAGES, "skus", "*", "status" }, GET, portal_results_of_sku },
        { { PACKAGES, "*" }, GET_PUT, portal_package },
        { { PACKAGES, "*", "status" }, GET, portal_results },
        { { PACKAGES, "*", "status", "*", "*" }, GET, portal_result },
        { { "reports", "metrics" }, GET, portal_metrics },
        { { "reports", "metrics", "*" }, GET, portal_metric },
};

static int not_allowed(const char *methods, struct answer **ret)
{
        _cleanup_(answer_freep) struct answer *answer = NULL;
        int r;

        r = answer_new_error(&answer, 405, API_CODE_METHOD, "This method is not allowed here");
        if (r < 0) {
                return r;
        }
        answer->allow = strdup(methods);
        if (!answer->allow) {
                return -ENOMEM;
        }

        *ret = take_ptr(answer);
        return 0;
}

/* Whether the method is one of "GET, HEAD, PUT". */
static bool allows(const char *methods, const char *method)
{
        size_t length = strlen(method);

        for (;;) {
                size_t size = strcspn(methods, ",");

                if (size == length && strncmp(methods, method, size) == 0) {
                        return true;
                }
                if (methods[size] == '\0') {
                        return false;
                }
                methods += size + 2;
        }
}

/* Cuts the path at its slashes and decodes the parts, in place; a slash at the end counts for nothing.
 * Returns their number, or -EINVAL for a path that has too many, an empty one, or one with a NUL in it. */
static int split_path(char *path, char *ret_parts[static PORTAL_PARTS_MAX])
{
        int count = 0;

        while (*path == '/' && path[1] != '\0') {
                *path++ = '\0';
                if (count == PORTAL_PARTS_MAX) {
                        return -EINVAL;
                }
                ret_parts[count++] = path;
                path += strcspn(path, "/");
        }
        *path = '\0';
        for (int i = 0; i < count; i++) {
                if (ret_parts[i][0] == '\0' || MHD_http_unescape(ret_parts[i]) != strlen(ret_parts[i])) {
                        return -EINVAL;
                }
        }
        return count;
}

static bool route_fits(const struct route *route, char *const *parts, int count, struct portal_call *call)
{
        const char *mage_id = call->environment->mage_id;
        size_t n_arguments = 0;
        int i;

        for (i = 0; i < count && route->parts[i]; i++) {
                if (streq(route->parts[i], "*")) {
                        call->arguments[n_arguments++] = parts[i];
                } else if (!streq(streq(route->parts[i], "{mage_id}") ? mage_id : route->parts[i],
                                  parts[i])) {
                        return false;
                }
        }
        return i == count && !route->parts[i];
}

/* Whether it is below something that is not echoed. */
static bool is_known(const char *path)
{
        const char *first = path + 1;

        for (size_t i = 0; path[0] == '/' && i < ARRAY_SIZE(routes); i++) {
                if (strlen(routes[i].parts[0]) == strcspn(first, "/") &&
                    strncmp(routes[i].parts[0], first, strlen(routes[i].parts[0])) == 0) {
                        return true;
                }
        }
        return false;
}

bool portal_is_authorised(const struct environment *environment, const struct request *request)
{
        const char *value;
        size_t size;

        value = request_header(request, "Authorization", &size);
        if (!value || size <= 7 || strncasecmp(value, "Bearer ", 7) != 0) {
                return false;
        }
        return tokens_is_active(environment->tokens, value + 7, size - 7, moment_boottime_usec());
}

bool portal_takes_files(const char *path)
{
        size_t length = strlen(UPLOAD_PATH);

        return strncmp(path, UPLOAD_PATH, length) == 0 &&
               (streq(path + length, "") || streq(path + length, "/"));
}

int portal_answer(struct environment *environment, struct request *request, const char *path,
                  struct answer **ret)
{
        _cleanup_free_ char *copy = strdup(path);
        char *parts[PORTAL_PARTS_MAX];
        int count;

        if (!copy) {
                return -ENOMEM;
        }
        if (!portal_is_authorised(environment, request)) {
                return answer_new_error(ret, 401, API_CODE_TOKEN_REFUSED,
                                        "The session token is missing or not valid");
        }

        count = split_path(copy, parts);
        for (size_t i = 0; count > 0 && i < ARRAY_SIZE(routes); i++) {
                struct portal_call call = { .environment = environment, .request = request };

                if (route_fits(&routes[i], parts, count, &call)) {
                        return allows(routes[i].methods, request->method)
                                       ? routes[i].handler(&call, ret)
                                       : not_allowed(routes[i].methods, ret);
                }
        }
        if (is_known(path)) {
                return portal_not_found(ret, "There is nothing of this name");
        }
        return echo_answer(request, ret);
}
