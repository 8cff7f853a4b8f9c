/* request: one HTTP request, and its suspension.
 *
 * While a request is suspended, libmicrohttpd does not look at its socket, so a watch of our own notices
 * when the client goes. */
#include "simulator/request.h"

#include "lib/util.h"

#include <errno.h>
#include <sys/epoll.h>

struct request *request_free(struct request *request)
{
        if (!request) {
                return NULL;
        }

        if (request->suspended) {
                TAILQ_REMOVE(&request->home->suspended, request, link);
        }
        sd_event_source_disable_unref(request->timer);
        sd_event_source_disable_unref(request->watch);
        if (request->sink) {
                request->sink->release(request->sink);
        }
        answer_free(request->answer);
        digest_free(request->body_digest);
        free(request->method);
        free(request->path);
        free(request->body);
        free(request);
        return NULL;
}

struct request *request_new(struct request_home *home, struct MHD_Connection *mhd,
                            struct http_connection *connection, const char *uri)
{
        struct request *request;
        char *mark;

        request = calloc(1, sizeof(*request));
        if (!request) {
                return NULL;
        }
        request->path = strdup(uri);
        if (!request->path) {
                return request_free(request);
        }

        mark = strchr(request->path, '?');
        request->query = mark ? mark + 1 : "";
        if (mark) {
                *mark = '\0';
        }
        request->home = home;
        request->mhd = mhd;
        request->connection = connection;
        return request;
}

const char *request_header(const struct request *request, const char *name, size_t *ret_size)
{
        const char *value = NULL;
        size_t size;

        if (MHD_lookup_connection_value_n(request->mhd, MHD_HEADER_KIND, name, strlen(name), &value,
                                          &size) != MHD_YES ||
            !value) {
                return NULL;
        }
        if (ret_size) {
                *ret_size = size;
        }
        return value;
}

bool request_body_is_over(const struct request *request)
{
        return request->body_bytes > request->body_size;
}

int request_take_body(struct request *request, const char *data, size_t size)
{
        size_t kept = MIN_OF(size, request->home->body_max - request->body_size);
        int r;

        if (request->sink) {
                request->body_bytes += size;
                return request->sink->take(request->sink, data, size);
        }
        if (!request->body_digest) {
                r = digest_new(&request->body_digest);
                if (r < 0) {
                        return r;
                }
        }
        r = digest_add(request->body_digest, data, size);
        if (r < 0) {
                return r;
        }

        if (kept > 0) {
                char *body = realloc(request->body, request->body_size + kept + 1);

                if (!body) {
                        return -ENOMEM;
                }
                memcpy(body + request->body_size, data, kept);
                request->body = body;
                request->body_size += kept;
                request->body[request->body_size] = '\0';
        }
        request->body_bytes += size;
        return 0;
}

static void resume(struct request *request)
{
        request->timer = sd_event_source_disable_unref(request->timer);
        request->watch = sd_event_source_disable_unref(request->watch);
        TAILQ_REMOVE(&request->home->suspended, request, link);
        request->suspended = false;
        MHD_resume_connection(request->mhd);
        request->home->resumed(request->home->userdata);
}

static int on_timer(sd_event_source *source, uint64_t now_usec, void *userdata)
{
        struct request *request = userdata;

        request->byte_due = true;
        resume(request);
        return 0;
}

static int on_client_gone(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        struct request *request = userdata;

        request->phase = REQUEST_ABANDONED;
        resume(request);
        return 0;
}

int request_suspend(struct request *request, uint64_t wait_usec)
{
        sd_event *event = request->home->event;
        int r;

        r = sd_event_add_io(event, &request->watch, request->connection->fd, EPOLLRDHUP, on_client_gone,
                            request);
        if (r < 0) {
                return r;
        }
        if (wait_usec != USEC_NEVER) {
                r = sd_event_add_time_relative(event, &request->timer, CLOCK_MONOTONIC, wait_usec, 1,
                                               on_timer, request);
                if (r < 0) {
                        request->watch = sd_event_source_disable_unref(request->watch);
                        return r;
                }
        }

        MHD_suspend_connection(request->mhd);
        TAILQ_INSERT_TAIL(&request->home->suspended, request, link);
        request->suspended = true;
        return 0;
}

void request_abandon_all(struct request_home *home, bool only_hanging)
{
        struct request *request = TAILQ_FIRST(&home->suspended);

        while (request) {
                struct request *next = TAILQ_NEXT(request, link);

                if (!only_hanging || request->phase == REQUEST_HANGING) {
                        request->phase = REQUEST_ABANDONED;
                        resume(request);
                }
                request = next;
        }
}
