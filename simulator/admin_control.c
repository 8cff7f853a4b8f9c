/* admin_control: the admin requests about tokens, settings and faults, and the reset of everything. */
#include "lib/util.h"
#include "simulator/admin_handlers.h"
#include "simulator/json_text.h"
#include "simulator/moment.h"
#include "simulator/time_limits.h"

#include <errno.h>

static const char *const no_fields[] = { NULL };
static const char *const revoke_fields[] = { "ust_sha256", NULL };
static const char *const clock_fields[] = { "forward", NULL };
static const char *const settings_fields[] = {
        "lifetime_max", "lifetime_fixed", "latency_ms", "scan_queued_ms", "scan_ms", "scan_result", NULL
};

static int answer_number(const char *name, uint64_t number, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *object = json_object_new_object();

        if (json_add_number(object, name, number) < 0) {
                return -ENOMEM;
        }
        return answer_new_json(ret, 200, take_ptr(object));
}

int admin_get_token(struct admin_call *call, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *object = NULL;
        uint64_t expires_usec;
        int64_t left_usec;

        if (tokens_find(call->environment->tokens, call->argument, &expires_usec) < 0) {
                return answer_new_error(ret, 404, 404, "there is no token with this digest");
        }
        left_usec = (int64_t)(expires_usec - moment_boottime_usec());
        object = json_object_new_object();
        if (json_add(object, "active", json_object_new_boolean(left_usec > 0)) < 0 ||
            json_add(object, "expires_in_ms", json_object_new_int64(left_usec / (int64_t)USEC_PER_MSEC)) <
                    0) {
                return -ENOMEM;
        }
        return answer_new_json(ret, 200, take_ptr(object));
}

int admin_revoke_tokens(struct admin_call *call, struct answer **ret)
{
        const char *digest = NULL;
        int r;

        if (call->body) {
                r = admin_check_fields(call, revoke_fields, ret);
                if (r <= 0) {
                        return r;
                }
                if (json_object_object_get_ex(call->body, "ust_sha256", NULL) &&
                    !json_get_text(call->body, "ust_sha256", 64, 64, &digest)) {
                        return admin_bad_request(ret, "ust_sha256 must be 64 hexadecimal digits");
                }
        }
        return answer_number("revoked", tokens_revoke(call->environment->tokens, digest), ret);
}

static bool read_setting(struct json_object *body, const char *name, int64_t min, int64_t max,
                         int64_t *setting)
{
        struct json_object *value;

        return !json_object_object_get_ex(body, name, &value) || json_is_whole(value, min, max, setting);
}

static bool read_fixed(struct json_object *body, int64_t *setting)
{
        struct json_object *value;

        if (json_object_object_get_ex(body, "lifetime_fixed", &value) && !value) {
                *setting = 0;
                return true;
        }
        return read_setting(body, "lifetime_fixed", 1, LIFETIME_SEC_MAX, setting);
}

static bool read_scan_result(struct json_object *body, struct environment_settings *settings)
{
        const char *name;
        int status;

        if (!json_object_object_get_ex(body, "scan_result", NULL)) {
                return true;
        }
        status = json_get_text(body, "scan_result", 1, 16, &name) ? scan_status_from_name(name) : -EINVAL;
        if (status < 0 || status == SCAN_QUEUED) {
                return false;
        }
        settings->scan_result = (enum scan_status)status;
        return true;
}

int admin_describe_settings(const struct environment_settings *settings, struct json_object *object)
{
        if (json_add_number(object, "lifetime_max", (uint64_t)settings->lifetime_max_sec) < 0 ||
            json_add_number(object, "latency_ms", (uint64_t)settings->latency_ms) < 0 ||
            json_add_number(object, "scan_queued_ms", (uint64_t)settings->scan_queued_ms) < 0 ||
            json_add_number(object, "scan_ms", (uint64_t)settings->scan_ms) < 0 ||
            json_add_text(object, "scan_result", scan_status_name(settings->scan_result)) < 0) {
                return -ENOMEM;
        }
        if (settings->lifetime_fixed_sec == 0) {
                return json_add_text(object, "lifetime_fixed", NULL);
        }
        return json_add_number(object, "lifetime_fixed", (uint64_t)settings->lifetime_fixed_sec);
}

int admin_put_settings(struct admin_call *call, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *object = NULL;
        struct environment_settings settings = call->environment->settings;
        int r;

        r = admin_check_fields(call, settings_fields, ret);
        if (r <= 0) {
                return r;
        }
        if (!read_setting(call->body, "lifetime_max", 1, LIFETIME_SEC_MAX, &settings.lifetime_max_sec) ||
            !read_fixed(call->body, &settings.lifetime_fixed_sec) ||
            !read_setting(call->body, "latency_ms", 0, LATENCY_MS_MAX, &settings.latency_ms)) {
                return admin_bad_request(
                        ret, "lifetimes are whole seconds from 1 to ten years (lifetime_fixed may be "
                             "null), latency_ms is a whole number from 0 to 600000");
        }
        if (!read_setting(call->body, "scan_queued_ms", 0, SCAN_MS_MAX, &settings.scan_queued_ms) ||
            !read_setting(call->body, "scan_ms", 0, SCAN_MS_MAX, &settings.scan_ms) ||
            !read_scan_result(call->body, &settings)) {
                return admin_bad_request(ret,
                                         "scan_queued_ms and scan_ms are whole numbers from 0 to a day, "
                                         "scan_result is pass, passed, fail or in-progress (it hangs)");
        }

        call->environment->settings = settings;
        object = json_object_new_object();
        if (admin_describe_settings(&settings, object) < 0) {
                return -ENOMEM;
        }
        return answer_new_json(ret, 200, take_ptr(object));
}

int admin_forward_clock(struct admin_call *call, struct answer **ret)
{
        int64_t forward_sec = -1;
        int r;

        r = admin_check_fields(call, clock_fields, ret);
        if (r <= 0) {
                return r;
        }
        if (!read_setting(call->body, "forward", 1, LIFETIME_SEC_MAX, &forward_sec) || forward_sec < 0) {
                return admin_bad_request(ret, "forward must be whole seconds from 1 to ten years");
        }
        return answer_number("forward", moment_forward((uint64_t)forward_sec) / USEC_PER_SEC, ret);
}

int admin_add_fault(struct admin_call *call, struct answer **ret)
{
        _cleanup_free_ char *message = NULL;
        struct json_object *object;
        struct fault *fault;
        int r;

        if (!json_object_is_type(call->body, json_type_object)) {
                return admin_bad_request(ret, "the body must be a JSON object");
        }

        r = faults_add(&call->environment->faults, call->body, &fault, &message);
        if (r == -EINVAL) {
                return admin_bad_request(ret, message);
        }
        if (r == -ENOSPC) {
                return admin_bad_request(ret, "there are too many faults");
        }
        if (r < 0) {
                return r;
        }

        call->admin->faults_changed(call->environment, /* cleared= */ false, call->admin->userdata);
        r = fault_describe(fault, &object);
        return r < 0 ? r : answer_new_json(ret, 200, object);
}

int admin_clear_faults(struct admin_call *call, struct answer **ret)
{
        size_t count = call->environment->faults.count;

        faults_clear(&call->environment->faults);
        call->admin->faults_changed(call->environment, /* cleared= */ true, call->admin->userdata);
        return answer_number("cleared", count, ret);
}

int admin_reset(struct admin_call *call, struct answer **ret)
{
        int r;

        if (call->body) {
                r = admin_check_fields(call, no_fields, ret);
                if (r <= 0) {
                        return r;
                }
        }

        for (size_t i = 0; i < call->admin->n_environments; i++) {
                struct environment *environment = call->admin->environments[i];

                r = environment_reset(environment);
                if (r < 0) {
                        return r;
                }
                call->admin->faults_changed(environment, /* cleared= */ true, call->admin->userdata);
        }
        return answer_new_json(ret, 200, json_object_new_object());
}
