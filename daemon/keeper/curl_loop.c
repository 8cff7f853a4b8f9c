/* libcurl as a guest of the sd-event loop.
 *
 * libcurl says which sockets it watches (on_socket) and when it wants to be called although nothing happened
 * (on_timeout); the loop says when either came true; after each such call all finished transfers are taken
 * out, not one per wake-up. libcurl counts time on CLOCK_MONOTONIC, so its timer does too. */
#define CURL_DISABLE_DEPRECATION /* for curl_multi_socket_all() */

#include "daemon/keeper/curl_loop.h"

#include "daemon/base/timer.h"
#include "lib/util.h"

#include <errno.h>
#include <sys/epoll.h>

struct transfer {
        curl_loop_done_fn done;
        void *userdata;
};

struct curl_loop {
        sd_event *event;
        CURLM *multi;
        sd_event_source *timer;
        bool socket_gone; /* libcurl has let go of one that it watched */
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
                _cleanup_free_ struct transfer *transfer = (struct transfer *)private;
                (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, NULL);
                (void)curl_multi_remove_handle(loop->multi, easy);
                if (transfer) {
                        transfer->done(result, transfer->userdata);
                }
        }
}

/* Something has happened: libcurl is to act on it.
 *
 * When one of several addresses fails, or has been silent for its share of the time, libcurl 7.88 closes the
 * socket and makes the next one ready, but connects it when it is called again only. By its easy interface
 * that is within a second; here nobody would call it before the whole time is up, as there is no socket that
 * could have news. So all transfers are looked at once more after each socket that has gone: a few are under
 * way at most, and one that has nothing to do does nothing. */
static void act(struct curl_loop *loop, curl_socket_t fd, int what)
{
        int n_running;

        loop->socket_gone = false;
        (void)curl_multi_socket_action(loop->multi, fd, what, &n_running);
        while (loop->socket_gone) {
                loop->socket_gone = false;
                (void)curl_multi_socket_all(loop->multi, &n_running);
        }
        take_finished(loop);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        struct curl_loop *loop = userdata;
        int what = 0;

        if (events & EPOLLIN) {
                what |= CURL_CSELECT_IN;
        }
        if (events & EPOLLOUT) {
                what |= CURL_CSELECT_OUT;
        }
        if (events & (EPOLLERR | EPOLLHUP)) {
                what |= CURL_CSELECT_ERR;
        }
        act(loop, fd, what);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        act(userdata, CURL_SOCKET_TIMEOUT, 0);
        return 0;
}

/* libcurl: watch this socket so, or no more. socket_data is the source that watches it.
 *
 * Never -1: libcurl would take the whole multi handle for broken, for good. A socket that cannot be watched
 * costs its transfer the time-out, and nothing else. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_data)
{
        struct curl_loop *loop = userdata;
        sd_event_source *source = socket_data;

        if (what == CURL_POLL_REMOVE) {
                sd_event_source_disable_unref(source); /* libcurl forgets it with the socket */
                loop->socket_gone = true;
                return 0;
        }
        uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
        if (source) {
                (void)sd_event_source_set_io_events(source, events);
                return 0;
        }
        if (sd_event_add_io(loop->event, &source, fd, events, on_io, loop) < 0) {
                return 0;
        }
        (void)sd_event_source_set_description(source, "upstream");
        if (curl_multi_assign(loop->multi, fd, source) != CURLM_OK) {
                sd_event_source_disable_unref(source);
        }
        return 0;
}

/* libcurl: call me in so many milliseconds; 0 is at once, but not from within this call; -1 is no more. As
 * above, a failure is not told; changing a source that is there needs no memory. */
static int on_timeout(CURLM *multi, long timeout_ms, void *userdata)
{
        struct curl_loop *loop = userdata;

        if (timeout_ms < 0) {
                timer_stop(loop->timer);
                return 0;
        }
        timer_start_in(loop->timer, (uint64_t)timeout_ms * USEC_PER_MSEC);
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
        loop->event = sd_event_ref(event);
        int r = try_randomness();
        if (r < 0) {
                return r;
        }
        r = timer_new(&loop->timer, event, CLOCK_MONOTONIC, on_timer, loop, "upstream time-out");
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
                sd_event_source_disable_unref(loop->timer);
                sd_event_unref(loop->event);
                free(loop);
        }
        return NULL;
}

int curl_loop_add(struct curl_loop *loop, CURL *easy, curl_loop_done_fn done, void *userdata)
{
        _cleanup_free_ struct transfer *transfer = calloc(1, sizeof(*transfer));
        if (!transfer) {
                return -ENOMEM;
        }
        *transfer = (struct transfer){ done, userdata };
        if (curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer) != CURLE_OK ||
            curl_multi_add_handle(loop->multi, easy) != CURLM_OK) {
                (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, NULL);
                return -ENOMEM;
        }
        (void)take_ptr(transfer);
        return 0;
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
