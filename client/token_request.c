/* Token request: gets the current token, or the one that comes after the one the caller has.
 *
 * For the second, the daemon knows the caller's by its ETag, and answers when there is another one. A token
 * may have none: it is the answer to a report, or the daemon is of a version from before. Then the answer is
 * compared with it. If that has an ETag, the wait goes on with this one. Else what is left of the time
 * passes in here: a caller that comes again and again asks such a daemon no more often than another one. */
#include "client/token_request.h"

#include "client/token.h"
#include "client/wire.h"

#include <errno.h>
#include <stdio.h>

#define ANSWER_SEC       5 /* behind the wait */
#define WAIT_DEFAULT_SEC 2

int token_request_take(struct eqp_broker *broker, struct json_object *object, const char *environment,
                       struct eqp_broker_token **ret_token)
{
        int r;

        r = token_from_json(ret_token, object, environment, broker->etag);
        if (r == -ENOMEM) {
                return trouble_oom(&broker->trouble);
        }
        if (r < 0) {
                return broker_nonsense(broker, "an incomplete token answer");
        }
        return 0;
}

/* Where a token is asked for. False: it does not fit, which cannot be. */
static bool token_path(char *path, size_t size, const char *environment, unsigned min_ttl_sec, int wait_sec)
{
        char min_ttl[32] = "", wait[32] = "";
        int n = 0;

        if (min_ttl_sec > 0) {
                n = snprintf(min_ttl, sizeof(min_ttl), "?min_ttl=%u", min_ttl_sec);
        }
        if (n >= 0 && wait_sec >= 0) {
                n = snprintf(wait, sizeof(wait), "%cwait=%d", min_ttl_sec > 0 ? '&' : '?', wait_sec);
        }
        if (n >= 0) {
                n = snprintf(path, size, "/v1/%s/token%s%s", environment, min_ttl, wait);
        }
        return n >= 0 && (size_t)n < size;
}

/* etag, stop_fd: as in a request. *ret_token is NULL after a 304. */
static int ask_for_token(struct eqp_broker *broker, const char *environment, unsigned min_ttl_sec,
                         int wait_sec, const char *etag, const int *stop_fd,
                         struct eqp_broker_token **ret_token)
{
        _cleanup_(json_putp) struct json_object *object = NULL;
        char path[128];
        const struct request request = {
                .path = path,
                .timeout_sec = ANSWER_SEC + (wait_sec >= 0 ? (unsigned)wait_sec : WAIT_DEFAULT_SEC),
                .etag = etag,
                .stop_fd = stop_fd,
        };
        int r;

        if (!token_path(path, sizeof(path), environment, min_ttl_sec, wait_sec)) {
                return broker_bad_argument(broker, "The request is too long.");
        }
        r = broker_request(broker, &request, &object);
        if (r < 0) {
                return r;
        }
        if (!object) {
                *ret_token = NULL;
                return 0;
        }
        return token_request_take(broker, object, environment, ret_token);
}

int eqp_broker_get_token(struct eqp_broker *broker, const char *environment, unsigned min_ttl_sec,
                         int wait_sec, struct eqp_broker_token **ret_token)
{
        int r;

        r = broker_check_environment(broker, environment);
        if (r < 0) {
                return r;
        }
        if (min_ttl_sec > EQP_BROKER_MIN_TTL_MAX_SEC) {
                return broker_bad_argument(broker,
                                           "The least time to live is at most 2592000 seconds (30 days).");
        }
        if (wait_sec < EQP_BROKER_WAIT_DEFAULT || wait_sec > EQP_BROKER_WAIT_MAX_SEC) {
                return broker_bad_argument(broker, "The time to wait is 0 to 30 seconds.");
        }
        return ask_for_token(broker, environment, min_ttl_sec, wait_sec, /* etag= */ NULL,
                             /* stop_fd= */ NULL, ret_token);
}

/* Rounded up, as it was asked for. */
static int left_sec(uint64_t deadline_usec)
{
        return (int)((usec_sub(deadline_usec, wire_now_usec()) + USEC_PER_SEC - 1) / USEC_PER_SEC);
}

/* With no ETag to wait by. */
static int pass_time(struct eqp_broker *broker, uint64_t deadline_usec, const int *stop_fd)
{
        if (wire_pause(stop_fd, deadline_usec) < 0) {
                return trouble_stopped(&broker->trouble);
        }
        return 0;
}

static int get_next_token(struct eqp_broker *broker, const char *environment,
                          const struct eqp_broker_token *previous, int wait_sec, const int *stop_fd,
                          struct eqp_broker_token **ret_token)
{
        uint64_t deadline_usec = wire_now_usec() + (uint64_t)wait_sec * USEC_PER_SEC;
        char etag[sizeof(broker->etag)] = "";

        (void)stpncpy(etag, previous ? token_etag(previous) : "", sizeof(etag) - 1);
        for (;;) {
                _cleanup_(token_freep) struct eqp_broker_token *token = NULL;
                int r = ask_for_token(broker, environment, /* min_ttl_sec= */ 0, left_sec(deadline_usec),
                                      etag, stop_fd, &token);
                if (r < 0) {
                        return r;
                }
                if (!token || !previous ||
                    !streq(eqp_broker_token_ust(token), eqp_broker_token_ust(previous))) {
                        *ret_token = take_ptr(token);
                        return 0;
                }
                if (etag[0] != '\0' || token_etag(token)[0] == '\0') {
                        *ret_token = NULL;
                        return pass_time(broker, deadline_usec, stop_fd);
                }
                memcpy(etag, broker->etag, sizeof(etag));
        }
}

int eqp_broker_get_next_token(struct eqp_broker *broker, const char *environment,
                              const struct eqp_broker_token *previous, int wait_sec, int stop_fd,
                              struct eqp_broker_token **ret_token)
{
        int r;

        r = broker_check_environment(broker, environment);
        if (r < 0) {
                return r;
        }
        if (wait_sec < 0 || wait_sec > EQP_BROKER_WAIT_MAX_SEC) {
                return broker_bad_argument(broker, "The time to wait is 0 to 30 seconds.");
        }
        return get_next_token(broker, environment, previous, wait_sec, stop_fd >= 0 ? &stop_fd : NULL,
                              ret_token);
}
