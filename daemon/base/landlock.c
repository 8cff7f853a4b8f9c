/* Landlock by its system calls: libc has no functions for them. Numbers and names are the kernel's, as its
 * header may be older (Debian 12's is of 6.1, which knows version 2). */
#include "daemon/base/landlock.h"

#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same on every architecture but alpha, where it is 110 more. */
#ifndef __NR_landlock_create_ruleset
#define __NR_landlock_create_ruleset 444
#define __NR_landlock_add_rule       445
#define __NR_landlock_restrict_self  446
#endif

#define CREATE_RULESET_VERSION (1U << 0)
#define RULE_PATH_BENEATH      1
#define NEWEST_KNOWN           6 /* newer ones have nothing to add to what is used here */

enum {
        FS_EXECUTE = 1 << 0,
        FS_WRITE_FILE = 1 << 1,
        FS_READ_FILE = 1 << 2,
        FS_READ_DIR = 1 << 3,
        FS_REMOVE_DIR = 1 << 4,
        FS_REMOVE_FILE = 1 << 5,
        FS_MAKE_CHAR = 1 << 6,
        FS_MAKE_DIR = 1 << 7,
        FS_MAKE_REG = 1 << 8,
        FS_MAKE_SOCK = 1 << 9,
        FS_MAKE_FIFO = 1 << 10,
        FS_MAKE_BLOCK = 1 << 11,
        FS_MAKE_SYM = 1 << 12,
        FS_REFER = 1 << 13,     /* from version 2 on; without it, as if it were always handled */
        FS_TRUNCATE = 1 << 14,  /* 3 */
        FS_IOCTL_DEV = 1 << 15, /* 5 */

        NET_BIND_TCP = 1 << 0, /* 4 */
        NET_CONNECT_TCP = 1 << 1,

        SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0, /* 6 */
        SCOPE_SIGNAL = 1 << 1,
};

struct ruleset {
        uint64_t files, network, scopes; /* forbidden where no rule allows it */
};

struct path_rule {
        uint64_t allowed;
        int32_t parent_fd;
} __attribute__((packed));

/* A field that is newer than the kernel would count as a mistake. Returns the size of the struct that it
 * knows.
 */
static size_t cut_to(uint32_t version, struct ruleset *rules)
{
        rules->files &= version < 2 ? FS_REFER - 1 : UINT64_MAX;
        rules->files &= version < 3 ? FS_TRUNCATE - 1 : UINT64_MAX;
        rules->files &= version < 5 ? FS_IOCTL_DEV - 1 : UINT64_MAX;
        return version < 4   ? offsetof(struct ruleset, network)
               : version < 6 ? offsetof(struct ruleset, scopes)
                             : sizeof(*rules);
}

static int make(struct ruleset rules, uint32_t *ret_version)
{
        long version = syscall(__NR_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);

        if (version < 0) {
                return -errno;
        }
        *ret_version = (uint32_t)MIN_OF(version, NEWEST_KNOWN);
        size_t size = cut_to(*ret_version, &rules);
        long fd = syscall(__NR_landlock_create_ruleset, &rules, size, 0);
        return fd < 0 ? -errno : (int)fd;
}

static int apply(int ruleset)
{
        return syscall(__NR_landlock_restrict_self, ruleset, 0) < 0 ? -errno : 0;
}

static int allow(int ruleset, const char *path, uint64_t what)
{
        _cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
        const struct path_rule rule = { .allowed = what, .parent_fd = fd };

        if (fd < 0) {
                return -errno;
        }
        return syscall(__NR_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) < 0 ? -errno : 0;
}

static int nothing_but(uint64_t ports, uint32_t *ret)
{
        const struct ruleset rules = {
                .files = (FS_IOCTL_DEV << 1) - 1, /* everything */
                .network = (NET_BIND_TCP | NET_CONNECT_TCP) & ~ports,
                .scopes = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL,
        };
        uint32_t version = 0;
        _cleanup_close_ int ruleset = make(rules, &version);

        int r = ruleset < 0 ? ruleset : apply(ruleset);
        if (r == 0) {
                *ret = version;
        }
        return r;
}

int landlock_nothing(uint32_t *ret)
{
        return nothing_but(0, ret);
}

int landlock_connect_only(uint32_t *ret)
{
        return nothing_but(NET_CONNECT_TCP, ret);
}

/* The program itself is the first; its path to the loader, if it has one, is in its memory. */
static int find_loader(struct dl_phdr_info *program, size_t size, void *ret)
{
        for (int i = 0; i < program->dlpi_phnum; i++) {
                if (program->dlpi_phdr[i].p_type == PT_INTERP) {
                        *(const char **)ret =
                                (const char *)program->dlpi_addr + program->dlpi_phdr[i].p_vaddr;
                }
        }
        return 1;
}

/* An update of libc puts another file in the loader's place, and the program has to start then, too: hence
 * the folder. A process that can run the loader could have it run any file that may be mapped: against that
 * are mounts (NoExecPaths= in the unit). */
static int allow_loader(int ruleset)
{
        const char *loader = NULL;
        char path[PATH_MAX];

        (void)dl_iterate_phdr(find_loader, &loader);
        if (!loader) {
                return 0; /* linked statically */
        }
        if (!realpath(loader, path)) {
                return -errno;
        }
        char *slash = strrchr(path, '/');
        if (!slash || slash == path) {
                return allow(ruleset, path, FS_EXECUTE);
        }
        *slash = '\0';
        return allow(ruleset, path, FS_EXECUTE);
}

int landlock_read_only(uint32_t *ret)
{
        /* Not FS_MAKE_SOCK, FS_MAKE_DIR, FS_REMOVE_FILE: where its sockets are to be, the settings say, and
         * the next ones may say otherwise. No scope either: $NOTIFY_SOCKET may be abstract. */
        const struct ruleset rules = {
                .files = FS_EXECUTE | FS_WRITE_FILE | FS_TRUNCATE | FS_MAKE_REG | FS_MAKE_CHAR |
                         FS_MAKE_BLOCK | FS_MAKE_FIFO | FS_MAKE_SYM | FS_REMOVE_DIR | FS_REFER |
                         FS_IOCTL_DEV,
        };
        uint32_t version = 0;
        _cleanup_close_ int ruleset = make(rules, &version);

        if (ruleset < 0) {
                return ruleset;
        }
        int r = allow(ruleset, "/proc/self/exe", FS_EXECUTE);
        if (r < 0) {
                return r;
        }
        r = allow_loader(ruleset);
        if (r < 0) {
                return r;
        }
        r = apply(ruleset);
        if (r == 0) {
                *ret = version;
        }
        return r;
}
