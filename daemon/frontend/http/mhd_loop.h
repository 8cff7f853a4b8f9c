/* libmicrohttpd as a guest of the sd-event loop: its epoll descriptor is an I/O source, and what it has
 * still to do is another one. */
#pragma once

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct mhd_loop;

/* The functions that libmicrohttpd calls, from within mhd_loop_add(), mhd_loop_take_turn(), mhd_loop_free()
 * and turns of the loop. */
struct mhd_callbacks {
        void *(*on_target)(void *userdata, const char *target, struct MHD_Connection *mhd);
        MHD_AccessHandlerCallback on_access;
        MHD_RequestCompletedCallback on_completed;
        MHD_NotifyConnectionCallback on_connection;
        void (*after_turn)(void *userdata); /* libmicrohttpd has done what there was to do */
        void *userdata;
};

/* room: for so many connections at a time; memory: bytes for each of them. -EIO: libmicrohttpd does not
 * start. -ENOMEM, or what sd-event answered. */
int mhd_loop_new(struct mhd_loop **ret, sd_event *event, unsigned room, size_t memory,
                 const struct mhd_callbacks *callbacks);

/* Closes every connection; none may be suspended. NULL is fine; returns NULL. */
struct mhd_loop *mhd_loop_free(struct mhd_loop *loop);

/* Takes over an accepted socket. False: libmicrohttpd has closed it. */
bool mhd_loop_add(struct mhd_loop *loop, int fd);

/* Goes on with a connection that was suspended, in a turn of its own. */
void mhd_loop_resume(struct mhd_loop *loop, struct MHD_Connection *connection);

/* There will be another turn of its own, though libmicrohttpd may have nothing to do. */
void mhd_loop_wake(struct mhd_loop *loop);

/* Works on what there is. */
void mhd_loop_take_turn(struct mhd_loop *loop);

/* Bytes of a connection's memory, for the heads of a request and of its answer. */
size_t mhd_loop_memory(const struct mhd_loop *loop);

/* The moment when libmicrohttpd began its turn, the last one if it has none now. For deadlines. */
uint64_t mhd_loop_now_usec(const struct mhd_loop *loop);
