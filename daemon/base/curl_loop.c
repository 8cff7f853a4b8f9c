/* libcurl as a guest of the sd-event loop.
 *
 * libcurl says which sockets it watches (on_socket) and when it wants to be called although nothing happened
 * (on_timeout); the loop says when either came true; after each such call all finished transfers are taken
 * out, not one per wake-up. libcurl counts time on CLOCK_MONOTONIC, so its timer does too.
 *
 * libcurl moves its time-out several times in each request. That costs no call into the kernel here: the
 * timer is only ever set earlier.
 *
 * The body of a proxy's refusal it reads in a loop of its own, a byte at a time, as long as bytes come, and
 * looks at no clock meanwhile; but it reports its progress at each. So these reports are counted, and a
 * transfer of too many in one turn is ended. */
#define CURL_DISABLE_DEPRECATION /* for curl_multi_socket_all() */

#include "daemon/base/curl_loop.h"

#include "daemon/base/clock.h"
#include "daemon/base/curl_sockets.h"
#include "daemon/base/timer.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

#define ROUNDS_MAX 8 /* in one turn: there are others to be served */

/* Reports of progress in one turn: of all transfers, some 20 ms; and of one, which has ten or so unless it
 * reads in such a loop. */
#define REPORTS_MAX     16384
#define REPORTS_ONE_MAX 1024

struct transfer {
        struct curl_loop *loop;
        uint64_t turn;      /* the last one in which it reported */
        unsigned n_reports; /* in that */
        curl_loop_done_fn done;
        void *userdata;
        bool stays; /* in the loop, when it is done */
};

struct curl_loop {
        struct curl_sockets sockets;
        CURLM *multi;
        sd_event_source *timer, *turn;
        uint64_t timer_usec; /* the timer's time; USEC_NEVER: it is off */
        uint64_t due_usec;   /* when libcurl wants to be called; likewise */
        bool acting;         /* now */
        bool again;          /* once more */
        uint64_t n_turns;
        unsigned n_reports; /* in this turn */
        void (*after)(void *userdata);
        void *after_userdata;
};

static void take_finished(struct curl_loop *loop)
{
        CURLMsg *message;
        int n_left;

        while ((message = curl_multi_info_read(loop->multi, &n_left))) {
                if (message->msg != CURLMSG_DONE) {
                        continue;
                }
                CURL *easy = message->easy_handle;
                CURLcode result = message->data.result; /* the message dies with the removal */
                char *private = NULL;
                (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
                if (private && ((struct transfer *)private)->stays) {
                        const struct transfer *connection = (struct transfer *)private;
                        connection->done(result, connection->userdata);
                        continue;
                }
                _cleanup_free_ struct transfer *transfer = (struct transfer *)private;
                (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, NULL);
                (void)curl_multi_remove_handle(loop->multi, easy);
                if (transfer) {
                        transfer->done(result, transfer->userdata);
                }
        }
}

/* Calls libcurl for when it wanted to be called, or at once. */
static void set_timer(struct curl_loop *loop, uint64_t usec)
{
        if (usec < loop->timer_usec) {
                loop->timer_usec = usec;
                timer_start_at(loop->timer, usec);
        }
}

/* libcurl: something went on, maybe. Other than 0 ends the transfer. */
static int on_progress(void *userdata, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
        struct transfer *transfer = userdata;
        struct curl_loop *loop = transfer->loop;

        if (!loop->acting) {
                return 0;
        }
        if (transfer->turn != loop->n_turns) {
                transfer->turn = loop->n_turns;
                transfer->n_reports = 0;
        }
        loop->n_reports++;
        transfer->n_reports++;
        return transfer->n_reports > REPORTS_ONE_MAX && loop->n_reports > REPORTS_MAX;
}

/* Something has happened: libcurl is to act on it.
 *
 * When one of several addresses fails, or has been silent for its share of the time, libcurl 7.88 closes the
 * socket and makes the next one ready, but connects it when it is called again only. By its easy interface
 * that is within a second; here nobody would call it before the whole time is up, as there is no socket that
 * could have news. So all transfers are looked at once more after each socket that was closed: a few are
 * under way at most, and one that has nothing to do does nothing. */
static void act(struct curl_loop *loop, curl_socket_t fd, int what)
{
        int n_running, rounds = 0;

        loop->acting = true;
        loop->n_turns++;
        loop->n_reports = 0;
        do {
                loop->again = loop->sockets.gone = false;
                (void)curl_multi_socket_action(loop->multi, fd, what, &n_running);
                while (loop->sockets.gone) {
                        loop->sockets.gone = false;
                        (void)curl_multi_socket_all(loop->multi, &n_running);
                }
                take_finished(loop);
                if (loop->after) {
                        loop->after(loop->after_userdata);
                }
                fd = CURL_SOCKET_TIMEOUT;
                what = 0;
        } while (loop->again && ++rounds < ROUNDS_MAX);
        loop->acting = false;
        (void)sd_event_source_set_enabled(loop->turn, loop->again ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

void curl_loop_hurry(struct curl_loop *loop)
{
        loop->again = true;
        if (!loop->acting) {
                act(loop, CURL_SOCKET_TIMEOUT, 0);
        }
}

static void on_news(curl_socket_t fd, int what, void *userdata)
{
        act(userdata, fd, what);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct curl_loop *loop = userdata;

        loop->timer_usec = USEC_NEVER;
        if (loop->due_usec <= clock_monotonic_usec()) {
                act(loop, CURL_SOCKET_TIMEOUT, 0);
        } else if (loop->due_usec != USEC_NEVER) {
                set_timer(loop, loop->due_usec);
        }
        return 0;
}

static int on_turn(sd_event_source *source, void *userdata)
{
        act(userdata, CURL_SOCKET_TIMEOUT, 0);
        return 0;
}

/* libcurl: watch this socket so, or no more.
 *
 * Never -1: libcurl would take the whole multi handle for broken, for good. A socket that cannot be watched
 * costs its transfer the time-out, and nothing else. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_data)
{
        struct curl_loop *loop = userdata;

        curl_sockets_watch(&loop->sockets, fd, what);
        return 0;
}

/* libcurl: call me in so many milliseconds; 0 is at once, but not from within this call; -1 is no more. As
 * above, a failure is not told; changing a source that is there needs no memory. */
static int on_timeout(CURLM *multi, long timeout_ms, void *userdata)
{
        struct curl_loop *loop = userdata;

        loop->due_usec =
                timeout_ms < 0 ? USEC_NEVER : clock_monotonic_usec() + (uint64_t)timeout_ms * USEC_PER_MSEC;
        if (timeout_ms > 0) {
                set_timer(loop, loop->due_usec);
        } else if (timeout_ms == 0) {
                loop->again = true;
                if (!loop->acting) {
                        (void)sd_event_source_set_enabled(loop->turn, SD_EVENT_ONESHOT);
                }
        }
        return 0;
}

/* OpenSSL, under libcurl, sets up its random numbers when it is first asked for one; if memory fails it just
 * then, it has none for as long as the process lives, and no exchange ever succeeds. So it is asked here,
 * where a failure ends the start and is got over by the next one: the boundary of a form is random. */
static int try_randomness(void)
{
        CURL *easy = curl_easy_init();
        curl_mime *form = easy ? curl_mime_init(easy) : NULL;
        int r = form ? 0 : -ENOMEM;

        curl_mime_free(form);
        curl_easy_cleanup(easy);
        return r;
}

static void free_loop(struct curl_loop **loop)
{
        *loop = curl_loop_free(*loop);
}

int curl_loop_new(struct curl_loop **ret, sd_event *event)
{
        _cleanup_(free_loop) struct curl_loop *loop = calloc(1, sizeof(*loop));
        if (!loop) {
                return -ENOMEM;
        }
        loop->timer_usec = loop->due_usec = USEC_NEVER;
        int r = try_randomness();
        if (r < 0) {
                return r;
        }
        r = timer_new(&loop->timer, event, CLOCK_MONOTONIC, on_timer, loop, "upstream time-out");
        if (r < 0) {
                return r;
        }
        r = turn_new(&loop->turn, event, on_turn, loop, "upstream at once");
        if (r < 0) {
                return r;
        }
        r = curl_sockets_init(&loop->sockets, event, on_news, loop);
        if (r < 0) {
                return r;
        }
        loop->multi = curl_multi_init();
        if (!loop->multi || curl_multi_setopt(loop->multi, CURLMOPT_SOCKETFUNCTION, on_socket) != CURLM_OK ||
            curl_multi_setopt(loop->multi, CURLMOPT_SOCKETDATA, loop) != CURLM_OK ||
            curl_multi_setopt(loop->multi, CURLMOPT_TIMERFUNCTION, on_timeout) != CURLM_OK ||
            curl_multi_setopt(loop->multi, CURLMOPT_TIMERDATA, loop) != CURLM_OK) {
                return -ENOMEM;
        }
        *ret = take_ptr(loop);
        return 0;
}

struct curl_loop *curl_loop_free(struct curl_loop *loop)
{
        if (loop) {
                if (loop->multi) {
                        (void)curl_multi_cleanup(loop->multi);
                }
                curl_sockets_clear(&loop->sockets);
                sd_event_source_disable_unref(loop->timer);
                sd_event_source_disable_unref(loop->turn);
                free(loop);
        }
        return NULL;
}

int curl_loop_limit(struct curl_loop *loop, long connections_max)
{
        return curl_multi_setopt(loop->multi, CURLMOPT_MAXCONNECTS, connections_max) == CURLM_OK &&
                               curl_multi_setopt(loop->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                                                 connections_max) == CURLM_OK
                       ? 0
                       : -ENOMEM;
}

void curl_loop_set_after(struct curl_loop *loop, void (*after)(void *userdata), void *userdata)
{
        loop->after = after;
        loop->after_userdata = userdata;
}

static int add(struct curl_loop *loop, CURL *easy, curl_loop_done_fn done, void *userdata, bool stays)
{
        _cleanup_free_ struct transfer *transfer = calloc(1, sizeof(*transfer));
        if (!transfer) {
                return -ENOMEM;
        }
        *transfer = (struct transfer){ .loop = loop, .done = done, .userdata = userdata, .stays = stays };
        if (curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_XFERINFODATA, transfer) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, curl_sockets_open) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &loop->sockets) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, curl_sockets_close) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, &loop->sockets) != CURLE_OK ||
            curl_multi_add_handle(loop->multi, easy) != CURLM_OK) {
                (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, NULL);
                return -ENOMEM;
        }
        (void)take_ptr(transfer);
        return 0;
}

int curl_loop_add(struct curl_loop *loop, CURL *easy, curl_loop_done_fn done, void *userdata)
{
        return add(loop, easy, done, userdata, /* stays= */ false);
}

int curl_loop_add_connection(struct curl_loop *loop, CURL *easy, curl_loop_done_fn done, void *userdata)
{
        return add(loop, easy, done, userdata, /* stays= */ true);
}

void curl_loop_remove(struct curl_loop *loop, CURL *easy)
{
        char *transfer = NULL;

        if (easy && curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer) == CURLE_OK && transfer) {
                (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, NULL);
                (void)curl_multi_remove_handle(loop->multi, easy);
                free(transfer);
        }
}

void curl_loop_explain(CURL *easy, CURLcode result, const char *words, char *ret, size_t size)
{
        long status = 0;

        (void)curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &status);
        if (result == CURLE_ABORTED_BY_CALLBACK && status != 0) {
                (void)snprintf(ret, size, "the proxy's answer to CONNECT is too long (status %ld)", status);
        } else {
                (void)snprintf(ret, size, "%s", *words ? words : curl_easy_strerror(result));
        }
}

bool curl_loop_has_news(struct curl_loop *loop, int own_port)
{
        return curl_sockets_have_news(&loop->sockets, own_port);
}
