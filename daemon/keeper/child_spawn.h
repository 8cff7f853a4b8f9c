/* Starting a child: this very program once more, with one end of a pair and nothing else of ours. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A sanitizer writes its findings there. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CHILD_KEEPS_STDERR true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CHILD_KEEPS_STDERR true
#endif
#endif
#ifndef CHILD_KEEPS_STDERR
#define CHILD_KEEPS_STDERR false
#endif

/* option: the word by which the program becomes it. ret_fd: our end, the caller's. Negative errno. */
int child_spawn(const char *option, pid_t *ret_pid, int *ret_fd);

/* How it ended, by its status of wait(2): "was ended by signal 9 (SIGKILL)", "ended with exit code 1". */
void child_spawn_describe_end(int status, char *text, size_t size);
