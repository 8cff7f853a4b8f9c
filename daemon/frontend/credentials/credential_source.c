/* The broker as a source of credentials: its socket and its connections.
 *
 * All that happens to a connection happens in a turn of its own: an environment's news only mark those that
 * wait for it, and the one timer that has their deadlines looks at them. */
#include "daemon/frontend/credentials/credential_source.h"

#include "daemon/base/clock.h"
#include "daemon/base/deadlines.h"
#include "daemon/base/journal.h"
#include "daemon/frontend/credentials/credential_request.h"
#include "lib/util.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BATCH          16
#define REST_USEC      (100 * USEC_PER_MSEC)
#define WAIT_USEC      (30 * USEC_PER_SEC)
#define LAST_WAIT_USEC (4 * USEC_PER_SEC) /* while the daemon stops */
#define LAST_SEND_USEC (5 * USEC_PER_SEC)

struct credential_source {
        struct known *known;
        sd_event *event;
        int fd;
        sd_event_source *io;
        struct deadlines deadlines;
        struct credential_request *first;
        unsigned n;
        uint64_t rest_until_usec;                  /* descriptors have run out; 0: no rest */
        uint64_t wait_until_usec, send_until_usec; /* no connection may do so longer */
        bool draining;
        void (*done)(void *userdata);
        void *done_userdata;
        struct credential_log log;
};

/* ---- connections ---- */

/* When full, new connections stay in the backlog. */
static void set_accepting(struct credential_source *source)
{
        bool accepting =
                !source->draining && source->rest_until_usec == 0 && source->n < CREDENTIAL_SOURCE_MAX;

        if (source->io) {
                (void)sd_event_source_set_enabled(source->io, accepting ? SD_EVENT_ON : SD_EVENT_OFF);
        }
}

static void forget(struct credential_source *source, struct credential_request *request)
{
        (void)credential_request_free(request);
        source->n--;
        set_accepting(source);
        if (source->draining && source->n == 0) {
                source->done(source->done_userdata);
        }
}

/* It has a deadline. */
static void expect(struct credential_source *source, struct credential_request *request)
{
        request->deadline_usec = MIN_OF(request->deadline_usec, request->answered ? source->send_until_usec
                                                                                  : source->wait_until_usec);
        deadlines_note(&source->deadlines, credential_request_due(request));
}

/* Sends on what is there to send. */
static void go_on(struct credential_source *source, struct credential_request *request)
{
        if (credential_request_send(request) != 0 ||
            sd_event_source_set_io_events(request->io, EPOLLOUT) < 0) {
                forget(source, request);
                return;
        }
        expect(source, request);
}

static void look(struct credential_source *source, struct credential_request *request, uint64_t now_usec)
{
        credential_request_look(request, source->known, &source->log, now_usec);
        if (request->answered) {
                go_on(source, request);
        } else {
                expect(source, request);
        }
}

static void look_soon(struct credential_request *request)
{
        request->look_again = true;
        deadlines_note(&request->source->deadlines, clock_now_usec());
}

static void on_news(struct waiter *waiter)
{
        look_soon(
                (struct credential_request *)((char *)waiter - offsetof(struct credential_request, waiter)));
}

/* The other end has room, or is gone. (It says at once that it will not send anything; that is no end.) */
static int on_ready(sd_event_source *io, int fd, uint32_t events, void *userdata)
{
        struct credential_request *request = userdata;

        if (events & (EPOLLHUP | EPOLLERR)) {
                forget(request->source, request);
        } else {
                go_on(request->source, request);
        }
        return 0;
}

/* Handles expired deadlines; returns the next one. */
static uint64_t on_deadline(uint64_t now_usec, void *userdata)
{
        struct credential_source *source = userdata;
        struct credential_request *next;
        uint64_t next_usec = USEC_NEVER;

        if (source->rest_until_usec > 0 && source->rest_until_usec <= now_usec) {
                source->rest_until_usec = 0;
                set_accepting(source);
        }
        for (struct credential_request *request = source->first; request; request = next) {
                next = request->next;
                if (request->answered && request->deadline_usec <= now_usec) {
                        forget(source, request);
                } else if (!request->answered &&
                           (request->look_again || credential_request_due(request) <= now_usec)) {
                        look(source, request, now_usec);
                }
        }
        for (struct credential_request *request = source->first; request; request = request->next) {
                next_usec = MIN_OF(next_usec, credential_request_due(request));
        }
        return source->rest_until_usec > 0 ? MIN_OF(next_usec, source->rest_until_usec) : next_usec;
}

/* ---- accepting ---- */

static int take_in(struct credential_source *source, int fd, const struct sockaddr *address,
                   socklen_t length, uint64_t now_usec)
{
        struct credential_request *request = NULL;
        int r = credential_request_new(&request, fd, address, length, &source->log, now_usec);

        if (r >= 0) {
                r = sd_event_add_io(source->event, &request->io, fd, 0, on_ready, request);
        }
        if (r < 0) {
                source->known->n_credentials_refused++;
                (void)credential_request_free(request);
                return r;
        }
        request->source = source;
        request->waiter.on_news = on_news;
        request->deadline_usec = now_usec + WAIT_USEC;
        request->next = source->first;
        request->link = &source->first;
        if (request->next) {
                request->next->link = &request->next;
        }
        source->first = request;
        source->n++;
        set_accepting(source);
        look(source, request, now_usec);
        return 0;
}

static int on_connections(sd_event_source *io, int fd, uint32_t events, void *userdata)
{
        struct credential_source *source = userdata;
        uint64_t now_usec = clock_now_usec();

        for (int i = 0; i < BATCH && source->n < CREDENTIAL_SOURCE_MAX; i++) {
                struct sockaddr_un other = { 0 };
                socklen_t length = sizeof(other);
                int client = accept4(fd, (struct sockaddr *)&other, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
                if (client >= 0) {
                        (void)take_in(source, client, (struct sockaddr *)&other, length, now_usec);
                } else if (is_shortage(errno)) {
                        source->rest_until_usec = now_usec + REST_USEC;
                        deadlines_note(&source->deadlines, source->rest_until_usec);
                        set_accepting(source);
                        break;
                } else if (errno != ECONNABORTED) {
                        break;
                }
        }
        return 0;
}

/* ---- life ---- */

static void free_source(struct credential_source **source)
{
        *source = credential_source_free(*source);
}

static int build(struct credential_source *source, sd_event *event, int fd)
{
        source->event = sd_event_ref(event);
        int r = deadlines_init(&source->deadlines, event, on_deadline, source);
        if (r < 0) {
                return r;
        }
        r = sd_event_add_io(event, &source->io, fd, EPOLLIN, on_connections, source);
        return r < 0 ? r : sd_event_source_set_description(source->io, "credentials");
}

int credential_source_new(struct credential_source **ret, sd_event *event, struct known *known, int *fd)
{
        if (*fd < 0) {
                *ret = NULL;
                return 0;
        }
        _cleanup_(free_source) struct credential_source *source = calloc(1, sizeof(*source));
        int r = -ENOMEM;
        if (source) {
                source->known = known;
                source->fd = -1;
                source->wait_until_usec = source->send_until_usec = USEC_NEVER;
                r = build(source, event, *fd);
        }
        if (r < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR }, "cannot serve credentials: %s",
                            strerror(-r));
                return r;
        }
        source->fd = take_fd(*fd);
        journal_say(&(struct journal_record){ .priority = LOG_INFO, .id = EVENT_LISTENING },
                    "serving units that load their tokens as credentials");
        *ret = take_ptr(source);
        return 0;
}

struct credential_source *credential_source_free(struct credential_source *source)
{
        if (!source) {
                return NULL;
        }
        while (source->first) {
                (void)credential_request_free(source->first);
        }
        sd_event_source_disable_unref(source->io);
        deadlines_clear(&source->deadlines);
        if (source->fd >= 0) {
                (void)close(source->fd);
        }
        sd_event_unref(source->event);
        free(source);
        return NULL;
}

void credential_source_look_again(struct credential_source *source)
{
        struct credential_request *request = source ? source->first : NULL;

        for (; request; request = request->next) {
                if (!request->answered) {
                        waiter_cancel(&request->waiter);
                        request->question = question_free(request->question);
                        look_soon(request);
                }
        }
}

void credential_source_drain(struct credential_source *source, void (*done)(void *userdata), void *userdata)
{
        uint64_t now_usec = clock_now_usec();

        if (!source || source->n == 0) {
                done(userdata);
        }
        if (!source) {
                return;
        }
        source->draining = true;
        source->done = done;
        source->done_userdata = userdata;
        source->wait_until_usec = now_usec + LAST_WAIT_USEC;
        source->send_until_usec = now_usec + LAST_SEND_USEC;
        set_accepting(source);
        for (struct credential_request *request = source->first; request; request = request->next) {
                expect(source, request);
        }
}
