/* Every call out of the daemon's own code can fail, once: which one, the environment says.
 *
 *     EQP_FAULT=KIND:N                 the N-th call of that kind fails, in the keeper
 *     EQP_FAULT_REPORT=FILE            at the end: a line "KIND COUNT" for each kind, and "failed NAME"
 *                                      if a call did
 *     EQP_FAULT_FRONTEND=KIND:N        the same in the first frontend:
 *     EQP_FAULT_FRONTEND_REPORT=FILE   see faults_of_frontend.c
 *
 * A report is opened at the start, as a confined process can make no file.
 *
 * The linker puts these functions between the daemon's objects and the libraries (--wrap); calls of
 * libraries among themselves are untouched, but for realloc(): where there is no sanitizer, theirs is the
 * daemon's (daemon/wiping_heap.c), and fails with it. The kinds: memory, and what the kernel and each
 * library refuse.
 */
#include "tests/faults/faults.h"

#include "daemon/base/confinement.h"

#include <curl/curl.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-event.h>
#include <unistd.h>

static const char *const kind_names[] = { "memory", "socket", "file", "loop", "json", "http", "curl" };

static struct {
        enum kind kind;
        uint64_t which; /* 0: none */
        int report;     /* a descriptor; -1: none */
        atomic_uint_fast64_t counts[_KIND_COUNT];
        const char *failed; /* name of the function that did */
        bool confines;      /* it is in libseccomp */
} faults = { .report = -1 };

/* tests/chaos links this in: whether a call of that kind is to fail now, many times. */
__attribute__((weak)) bool control_fails(unsigned kind);

bool faults_now(enum kind kind, const char *name)
{
        if (faults.confines) {
                return false;
        }
        if (control_fails && control_fails(kind)) {
                faults.failed = name;
                return true;
        }
        if (atomic_fetch_add(&faults.counts[kind], 1) + 1 != faults.which || kind != faults.kind) {
                return false;
        }
        faults.failed = name;
        return true;
}

#define WRAP(kind, type, name, failure, error, parameters, arguments)                                       \
        type __real_##name parameters;                                                                      \
        type __wrap_##name parameters;                                                                      \
        type __wrap_##name parameters                                                                       \
        {                                                                                                   \
                if (faults_now(kind, #name)) {                                                              \
                        errno = (error);                                                                    \
                        return (failure);                                                                   \
                }                                                                                           \
                return __real_##name arguments;                                                             \
        }

/* ---- memory ---- */

WRAP(KIND_MEMORY, void *, malloc, NULL, ENOMEM, (size_t size), (size))
WRAP(KIND_MEMORY, void *, calloc, NULL, ENOMEM, (size_t n, size_t size), (n, size))
WRAP(KIND_MEMORY, void *, reallocarray, NULL, ENOMEM, (void *memory, size_t n, size_t size),
     (memory, n, size))
WRAP(KIND_MEMORY, char *, strdup, NULL, ENOMEM, (const char *text), (text))
WRAP(KIND_MEMORY, char *, strndup, NULL, ENOMEM, (const char *text, size_t n), (text, n))
WRAP(KIND_MEMORY, FILE *, open_memstream, NULL, ENOMEM, (char **text, size_t *size), (text, size))
WRAP(KIND_MEMORY, void *, mmap64, MAP_FAILED, ENOMEM,
     (void *at, size_t size, int protection, int flags, int fd, off64_t offset),
     (at, size, protection, flags, fd, offset))
WRAP(KIND_MEMORY, int, mlock, -1, ENOMEM, (const void *at, size_t size), (at, size))

/* ---- sockets ---- */

WRAP(KIND_SOCKET, int, socket, -1, EMFILE, (int family, int type, int protocol), (family, type, protocol))
WRAP(KIND_SOCKET, int, bind, -1, EADDRINUSE, (int fd, const struct sockaddr *address, socklen_t length),
     (fd, address, length))
WRAP(KIND_SOCKET, int, listen, -1, EADDRINUSE, (int fd, int backlog), (fd, backlog))
WRAP(KIND_SOCKET, int, accept4, -1, EMFILE, (int fd, struct sockaddr *address, socklen_t *length, int flags),
     (fd, address, length, flags))
WRAP(KIND_SOCKET, int, setsockopt, -1, ENOBUFS,
     (int fd, int level, int name, const void *value, socklen_t length), (fd, level, name, value, length))
WRAP(KIND_SOCKET, int, getsockopt, -1, ENOBUFS,
     (int fd, int level, int name, void *value, socklen_t *length), (fd, level, name, value, length))
WRAP(KIND_SOCKET, int, getsockname, -1, ENOBUFS, (int fd, struct sockaddr *address, socklen_t *length),
     (fd, address, length))
WRAP(KIND_SOCKET, ssize_t, sendto, -1, ENOBUFS,
     (int fd, const void *bytes, size_t size, int flags, const struct sockaddr *to, socklen_t length),
     (fd, bytes, size, flags, to, length))
WRAP(KIND_SOCKET, ssize_t, recvfrom, -1, ENOBUFS,
     (int fd, void *bytes, size_t size, int flags, struct sockaddr *from, socklen_t *length),
     (fd, bytes, size, flags, from, length))
WRAP(KIND_SOCKET, ssize_t, sendmsg, -1, ENOBUFS, (int fd, const struct msghdr *message, int flags),
     (fd, message, flags))
WRAP(KIND_SOCKET, ssize_t, recvmsg, -1, ENOBUFS, (int fd, struct msghdr *message, int flags),
     (fd, message, flags))
WRAP(KIND_SOCKET, int, socketpair, -1, EMFILE, (int family, int type, int protocol, int fds[2]),
     (family, type, protocol, fds))
WRAP(KIND_SOCKET, ssize_t, recv, -1, ENOBUFS, (int fd, void *bytes, size_t size, int flags),
     (fd, bytes, size, flags))

/* ---- files ---- */

WRAP(KIND_FILE, int, open64, -1, EMFILE, (const char *path, int flags, mode_t mode), (path, flags, mode))
WRAP(KIND_FILE, int, openat64, -1, EMFILE, (int at, const char *path, int flags, mode_t mode),
     (at, path, flags, mode))
WRAP(KIND_FILE, int, fstat64, -1, EIO, (int fd, struct stat64 *status), (fd, status))
WRAP(KIND_FILE, int, lstat64, -1, EIO, (const char *path, struct stat64 *status), (path, status))
WRAP(KIND_FILE, ssize_t, read, -1, EIO, (int fd, void *bytes, size_t size), (fd, bytes, size))
WRAP(KIND_FILE, ssize_t, write, -1, ENOSPC, (int fd, const void *bytes, size_t size), (fd, bytes, size))
WRAP(KIND_FILE, int, dup3, -1, EMFILE, (int from, int to, int flags), (from, to, flags))
WRAP(KIND_FILE, DIR *, opendir, NULL, EMFILE, (const char *path), (path))
WRAP(KIND_FILE, int, pipe2, -1, EMFILE, (int fds[2], int flags), (fds, flags))
WRAP(KIND_FILE, int, chmod, -1, EROFS, (const char *path, mode_t mode), (path, mode))
WRAP(KIND_FILE, int, mkdir, -1, EROFS, (const char *path, mode_t mode), (path, mode))
WRAP(KIND_FILE, int, scandir64, -1, EMFILE,
     (const char *path, struct dirent64 ***list, int (*choose)(const struct dirent64 *),
      int (*compare)(const struct dirent64 **, const struct dirent64 **)),
     (path, list, choose, compare))
WRAP(KIND_FILE, ssize_t, getrandom, -1, EAGAIN, (void *bytes, size_t size, unsigned flags),
     (bytes, size, flags))
WRAP(KIND_FILE, int, pthread_create, EAGAIN, EAGAIN,
     (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument),
     (thread, attributes, run, argument))

/* Of what it does, only a copy of a descriptor can be refused. */
int __real_fcntl64(int fd, int command, void *argument);
int __wrap_fcntl64(int fd, int command, void *argument);
int __wrap_fcntl64(int fd, int command, void *argument)
{
        if (command == F_DUPFD_CLOEXEC && faults_now(KIND_FILE, "fcntl64")) {
                errno = EMFILE;
                return -1;
        }
        return __real_fcntl64(fd, command, argument);
}

/* ---- confinement ---- */

/* libseccomp 2.5 calls realloc() thousands of times, and some of its functions read through what failed: the
 * process crashes at its start. A keeper has read no key by then, and a frontend is replaced. */
#define WRAP_CONFINING(name, parameters, arguments)                                                         \
        int __real_##name parameters;                                                                       \
        int __wrap_##name parameters;                                                                       \
        int __wrap_##name parameters                                                                        \
        {                                                                                                   \
                faults.confines = true;                                                                     \
                int r = __real_##name arguments;                                                            \
                faults.confines = false;                                                                    \
                return r;                                                                                   \
        }
WRAP_CONFINING(confine_keeper, (struct confinement * ret), (ret))
WRAP_CONFINING(confine_frontend, (int pair_fd, int highest_fd, struct confinement *ret),
               (pair_fd, highest_fd, ret))

/* ---- the event loop ---- */

WRAP(KIND_LOOP, int, sd_event_default, -ENOMEM, ENOMEM, (sd_event * *event), (event))
WRAP(KIND_LOOP, int, sd_event_add_io, -ENOMEM, ENOMEM,
     (sd_event * event, sd_event_source **source, int fd, uint32_t events, sd_event_io_handler_t handler,
      void *userdata),
     (event, source, fd, events, handler, userdata))
WRAP(KIND_LOOP, int, sd_event_add_time, -ENOMEM, ENOMEM,
     (sd_event * event, sd_event_source **source, clockid_t clock, uint64_t usec, uint64_t accuracy,
      sd_event_time_handler_t handler, void *userdata),
     (event, source, clock, usec, accuracy, handler, userdata))
WRAP(KIND_LOOP, int, sd_event_add_time_relative, -ENOMEM, ENOMEM,
     (sd_event * event, sd_event_source **source, clockid_t clock, uint64_t usec, uint64_t accuracy,
      sd_event_time_handler_t handler, void *userdata),
     (event, source, clock, usec, accuracy, handler, userdata))
WRAP(KIND_LOOP, int, sd_event_add_signal, -ENOMEM, ENOMEM,
     (sd_event * event, sd_event_source **source, int number, sd_event_signal_handler_t handler,
      void *userdata),
     (event, source, number, handler, userdata))
WRAP(KIND_LOOP, int, epoll_create1, -1, EMFILE, (int flags), (flags))
WRAP(KIND_LOOP, int, sd_event_add_defer, -ENOMEM, ENOMEM,
     (sd_event * event, sd_event_source **source, sd_event_handler_t handler, void *userdata),
     (event, source, handler, userdata))
WRAP(KIND_LOOP, int, sd_event_add_inotify, -EMFILE, EMFILE,
     (sd_event * event, sd_event_source **source, const char *path, uint32_t mask,
      sd_event_inotify_handler_t handler, void *userdata),
     (event, source, path, mask, handler, userdata))

/* ---- JSON ---- */

WRAP(KIND_JSON, struct json_object *, json_object_new_object, NULL, ENOMEM, (void), ())
WRAP(KIND_JSON, struct json_object *, json_object_new_array, NULL, ENOMEM, (void), ())
WRAP(KIND_JSON, struct json_object *, json_object_new_string, NULL, ENOMEM, (const char *text), (text))
WRAP(KIND_JSON, struct json_object *, json_object_new_int64, NULL, ENOMEM, (int64_t number), (number))
WRAP(KIND_JSON, struct json_object *, json_object_new_int, NULL, ENOMEM, (int32_t number), (number))
WRAP(KIND_JSON, struct json_object *, json_object_new_boolean, NULL, ENOMEM, (json_bool truth), (truth))
WRAP(KIND_JSON, int, json_object_object_add, -1, ENOMEM,
     (struct json_object * object, const char *name, struct json_object *value), (object, name, value))
WRAP(KIND_JSON, struct json_tokener *, json_tokener_new_ex, NULL, ENOMEM, (int depth), (depth))
WRAP(KIND_JSON, const char *, json_object_to_json_string_length, NULL, ENOMEM,
     (struct json_object * object, int flags, size_t *length), (object, flags, length))

/* ---- the HTTP server ---- */

WRAP(KIND_HTTP, struct MHD_Response *, MHD_create_response_from_buffer, NULL, ENOMEM,
     (size_t size, void *bytes, enum MHD_ResponseMemoryMode mode), (size, bytes, mode))
WRAP(KIND_HTTP, struct MHD_Response *, MHD_create_response_from_buffer_with_free_callback, NULL, ENOMEM,
     (size_t size, void *bytes, MHD_ContentReaderFreeCallback done), (size, bytes, done))
WRAP(KIND_HTTP, enum MHD_Result, MHD_add_response_header, MHD_NO, ENOMEM,
     (struct MHD_Response * response, const char *name, const char *value), (response, name, value))
WRAP(KIND_HTTP, enum MHD_Result, MHD_queue_response, MHD_NO, ENOMEM,
     (struct MHD_Connection * connection, unsigned status, struct MHD_Response *response),
     (connection, status, response))

/* The socket is libmicrohttpd's once it is called, whatever comes of it. */
enum MHD_Result __real_MHD_add_connection(struct MHD_Daemon *daemon, int fd, const struct sockaddr *address,
                                          socklen_t length);
enum MHD_Result __wrap_MHD_add_connection(struct MHD_Daemon *daemon, int fd, const struct sockaddr *address,
                                          socklen_t length);
enum MHD_Result __wrap_MHD_add_connection(struct MHD_Daemon *daemon, int fd, const struct sockaddr *address,
                                          socklen_t length)
{
        if (faults_now(KIND_HTTP, "MHD_add_connection")) {
                (void)close(fd);
                errno = ENOMEM;
                return MHD_NO;
        }
        return __real_MHD_add_connection(daemon, fd, address, length);
}

/* ---- libcurl ---- */

WRAP(KIND_CURL, CURL *, curl_easy_init, NULL, ENOMEM, (void), ())
WRAP(KIND_CURL, CURLM *, curl_multi_init, NULL, ENOMEM, (void), ())
WRAP(KIND_CURL, struct curl_slist *, curl_slist_append, NULL, ENOMEM,
     (struct curl_slist * list, const char *text), (list, text))
WRAP(KIND_CURL, CURLMcode, curl_multi_add_handle, CURLM_OUT_OF_MEMORY, ENOMEM, (CURLM * multi, CURL *easy),
     (multi, easy))

/* ---- what only the gateway calls ---- */

#ifdef FAULTS_OF_GATEWAY
WRAP(KIND_MEMORY, void *, realloc, NULL, ENOMEM, (void *memory, size_t size), (memory, size))
WRAP(KIND_SOCKET, ssize_t, send, -1, ENOBUFS, (int fd, const void *bytes, size_t size, int flags),
     (fd, bytes, size, flags))
WRAP(KIND_HTTP, struct MHD_Response *, MHD_create_response_from_callback, NULL, ENOMEM,
     (uint64_t size, size_t block, MHD_ContentReaderCallback reader, void *userdata,
      MHD_ContentReaderFreeCallback done),
     (size, block, reader, userdata, done))
#endif

/* ---- begin and end ---- */

/* By write() alone: dprintf() would ask where in the file it is, which a frontend may not. */
static void report_line(const char *word, const char *value)
{
        char line[128];

        (void)snprintf(line, sizeof(line), "%s %s\n", word, value);
        (void)!__real_write(faults.report, line, strlen(line));
}

static void report(void)
{
        for (enum kind kind = 0; kind < _KIND_COUNT; kind++) {
                char count[24];
                (void)snprintf(count, sizeof(count), "%" PRIuFAST64, atomic_load(&faults.counts[kind]));
                report_line(kind_names[kind], count);
        }
        if (faults.failed) {
                report_line("failed", faults.failed);
        }
}

/* Above all numbers that the frontend's are copied to. */
static int open_report(const char *name)
{
        const char *path = getenv(name);
        int fd = path ? __real_open64(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
        int high =
                fd < 0 ? -1 : __real_fcntl64(fd, F_DUPFD_CLOEXEC, (void *)(intptr_t)(FAULTS_HANDED_FD + 1));

        if (fd >= 0) {
                (void)close(fd);
        }
        return high;
}

__attribute__((constructor)) static void begin(void)
{
        const char *text = getenv("EQP_FAULT");
        const char *colon = text ? strchr(text, ':') : NULL;

        faults.report = getenv("EQP_FAULT_REPORT_FD") ? FAULTS_HANDED_FD : open_report("EQP_FAULT_REPORT");
        faults_hand_report(open_report("EQP_FAULT_FRONTEND_REPORT"));
        for (enum kind kind = 0; colon && kind < _KIND_COUNT; kind++) {
                if (strlen(kind_names[kind]) == (size_t)(colon - text) &&
                    strncmp(text, kind_names[kind], (size_t)(colon - text)) == 0) {
                        faults.kind = kind;
                        faults.which = strtoull(colon + 1, NULL, 10);
                }
        }
        if (text && faults.which == 0) {
                (void)fprintf(stderr, "EQP_FAULT=%s makes no sense\n", text);
                _exit(2);
        }
        if (faults.report >= 0) {
                (void)atexit(report);
        }
}
