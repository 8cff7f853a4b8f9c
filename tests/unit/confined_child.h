/* Cases for a child that confines itself: one child a case, as there is no way back. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

/* In a child: cmocka's asserts would go on as the parent. */
#define EXPECT(condition)                                                                                   \
        do {                                                                                                \
                if (!(condition)) {                                                                         \
                        (void)dprintf(STDERR_FILENO, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__,          \
                                      #condition, errno);                                                   \
                        _exit(1);                                                                           \
                }                                                                                           \
        } while (false)

#define SKIPPED 77 /* an exit code that meson knows: nothing was tried, and it was said why */

/* Does the kernel, and what surrounds us, have it? Says so if not. */
bool has_landlock(void);
bool has_filters(void);

/* Runs it in a child, and waits half a minute at most; its status as of waitpid(), -1: it hung. Its children
 * end with it. */
int status_of_child(void (*run)(void));

/* 0, or minus errno, of a call that answers with -1. */
int result_of(long answer);

/* The frontend's descriptors: made before it is confined. Numbers up to `highest_fd` are not of clients. */
struct belongings {
        int pair[2];
        int listener, other_listener; /* TCP, with a client waiting at the first */
        struct sockaddr_in other;     /* where that one listens */
        int datagrams;                /* netlink, bound to nothing */
        int epoll, timer;
        int highest_fd;
        int client; /* the other end of the connection */
};

void make_belongings(struct belongings *ret);
