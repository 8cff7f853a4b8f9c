/* One end of the pair of sockets between two processes of the daemon (SOCK_SEQPACKET): a message arrives as
 * a whole, or not at all, with a descriptor or without.
 *
 * Sending does not wait. Messages that the other end has no room for are queued, up to a bound, of bytes and
 * of descriptors; beyond it the message is lost, and the sender is told. */
#pragma once

#include <stddef.h>
#include <systemd/sd-event.h>

struct channel;

struct channel_handlers {
        /* A message; its bytes are aligned for any type, and the channel's, which wipes them after the call,
         * and not before, even if the channel is freed in it. fd: the descriptor that came with it, the
         * handler's from then on; -1: nothing. */
        void (*on_message)(const void *bytes, size_t length, int fd, void *userdata);
        void (*on_end)(
                void *userdata); /* the other end is gone; called once; the channel may be freed in it */
        void *userdata;
};

/* Takes fd over, also when it fails. message_max: of a longer one the handler is told with length 0;
 * queue_max: bytes that may wait. Negative errno. */
int channel_new(struct channel **ret, sd_event *event, int fd, size_t message_max, size_t queue_max,
                const struct channel_handlers *handlers);
/* Waiting messages are lost. NULL is fine; returns NULL. */
struct channel *channel_free(struct channel *channel);

/* fd: goes with it, as a copy; it stays the caller's; -1: none. -ENOBUFS: the other end has not read for
 * long. -ENOMEM. -EPIPE: it is gone. -ETOOMANYREFS: a descriptor, of this message or of one that waits,
 * cannot be sent, as more of this process's user are under way in unix sockets, anybody's, than
 * RLIMIT_NOFILE allows; the message is lost, those that wait are tried again with the next one. Another
 * negative errno, as -EMFILE: there is no descriptor for the copy. */
int channel_send(struct channel *channel, const void *bytes, size_t length, int fd);
/* The same, and if it is queued, then in memory that is locked and wiped. */
int channel_send_secret(struct channel *channel, const void *bytes, size_t length);

/* The words for an error of these two. */
const char *channel_trouble(int error);

/* So many bytes more than at first may wait from now on. */
void channel_make_room(struct channel *channel, size_t more);

/* Waits until what is queued is sent, or there was no room for the next of it for so long: for the last
 * words of a process. */
void channel_settle(struct channel *channel, unsigned wait_msec);

/* A pair whose ends are close-on-exec and do not block. Negative errno. */
int channel_pair(int ret_fds[static 2]);
