/* Starting a frontend: this very program once more, with one end of a pair and nothing else of ours. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What a sanitizer finds is written there. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FRONTEND_KEEPS_STDERR true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FRONTEND_KEEPS_STDERR true
#endif
#endif
#ifndef FRONTEND_KEEPS_STDERR
#define FRONTEND_KEEPS_STDERR false
#endif

/* The number of its end of the pair, in the frontend. */
#define FRONTEND_CHANNEL_FD 3

/* ret_fd: our end, the caller's. Negative errno. */
int frontend_spawn(pid_t *ret_pid, int *ret_fd);

/* How it ended, by its status of wait(2): "was ended by signal 9 (SIGKILL)", "ended with exit code 1". */
void frontend_spawn_describe_end(int status, char *text, size_t size);
