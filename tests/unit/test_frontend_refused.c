/* The frontend, confined: all other calls worked before, and are refused after. */
#include "daemon/base/confinement.h"
#include "lib/util.h"
#include "tests/unit/confined_child.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define PIDFD_OPEN  434 /* as everywhere but on alpha */
#define PIDFD_GETFD 438
#define UPPER_HALF  (INT64_C(1) << 32)

static struct belongings my;
static pid_t victim; /* a child, which waits */
static int fresh[2]; /* TCP sockets, connected to nowhere */
static void *page;

/* ---- what it must not ---- */

static int open_file(void)
{
        return result_of(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
}

static int open_file_by_the_old_call(void)
{
#ifdef SYS_open
        return result_of(syscall(SYS_open, "/proc/self/exe", O_RDONLY | O_CLOEXEC));
#else
        return open_file();
#endif
}

static int open_own_memory(void)
{
        return result_of(open("/proc/self/mem", O_RDWR | O_CLOEXEC));
}

static int read_a_link(void)
{
        char to[64];

        return result_of(readlink("/proc/self/exe", to, sizeof(to)));
}

static int make_a_socket(void)
{
        return result_of(socket(AF_INET, SOCK_STREAM, 0));
}

static int make_a_pair(void)
{
        int pair[2];

        return result_of(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
}

/* Of two fresh sockets, the first is for the try before. */
static int take_fresh(void)
{
        return fresh[0] >= 0 ? take_fd(fresh[0]) : fresh[1];
}

static int connect_out(void)
{
        return result_of(connect(take_fresh(), (const struct sockaddr *)&my.other, sizeof(my.other)));
}

static int connect_by_sendto(void)
{
        return result_of(sendto(take_fresh(), "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL,
                                (const struct sockaddr *)&my.other, sizeof(my.other)));
}

static int bind_a_port(void)
{
        const struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

        return result_of(bind(take_fresh(), (const struct sockaddr *)&any, sizeof(any)));
}

static int listen_anew(void)
{
        return result_of(listen(take_fresh(), 1));
}

static int make_a_process(void)
{
        pid_t pid = fork();

        if (pid == 0) {
                _exit(0);
        }
        return pid < 0 ? -errno : result_of(waitpid(pid, NULL, 0));
}

/* Before, in a child, as it does not return; after, when there can be none, itself. */
static int run_a_program(void)
{
        static char *const arguments[] = { (char *)"true", NULL };
        int status;

        pid_t pid = fork();
        if (pid > 0) {
                (void)waitpid(pid, &status, 0);
                return -WEXITSTATUS(status);
        }
        int r = result_of(execve("/bin/true", arguments, arguments + 1));
        if (pid == 0) {
                _exit(-r);
        }
        return r;
}

static int signal_its_parent(void)
{
        return result_of(syscall(SYS_kill, getppid(), 0));
}

static int signal_itself_by_kill(void)
{
        return result_of(kill(getpid(), 0));
}

static int signal_a_thread_of_its_own(void)
{
        return result_of(syscall(SYS_tgkill, getpid(), getpid(), 0));
}

static int trace(void)
{
        return result_of(ptrace(PTRACE_SEIZE, victim, NULL, NULL));
}

static int read_memory_of_another(void)
{
        char bytes[8];
        const struct iovec here = { bytes, sizeof(bytes) }, there = { page, sizeof(bytes) };

        return result_of(process_vm_readv(victim, &here, 1, &there, 1, 0));
}

static int take_hold_of_a_process(void)
{
        return result_of(syscall(PIDFD_OPEN, victim, 0));
}

static int victim_fd;

static int take_a_descriptor_of_another(void)
{
        return result_of(syscall(PIDFD_GETFD, victim_fd, 0, 0));
}

static int map_code(void)
{
        return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
                       ? -errno
                       : 0;
}

static int make_code(void)
{
        return result_of(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static int shut_a_listener(void)
{
        int fd = my.other_listener >= 0 ? take_fd(my.other_listener) : my.listener;

        return result_of(shutdown(fd, SHUT_RDWR));
}

#if __SIZEOF_LONG__ == 8
/* The kernel takes the lower half for the descriptor. */
static int shut_a_listener_by_a_large_number(void)
{
        int fd = my.other_listener >= 0 ? take_fd(my.other_listener) : my.listener;

        return result_of(syscall(SYS_shutdown, fd + UPPER_HALF, SHUT_RDWR));
}
#endif

static int set_a_listeners_option(void)
{
        int yes = 1;

        return result_of(setsockopt(my.listener, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)));
}

static int set_an_option_of_sockets(void)
{
        int yes = 1;

        return result_of(setsockopt(my.client, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes)));
}

static int receive_descriptors_elsewhere(void)
{
        struct msghdr message = { 0 };

        return result_of(recvmsg(my.pair[1], &message, MSG_DONTWAIT)) == -EAGAIN ? 0 : -errno;
}

static int copy_a_descriptor(void)
{
        return result_of(fcntl(my.listener, F_DUPFD, 0));
}

static int copy_a_descriptor_that_closes(void)
{
        return result_of(fcntl(my.listener, F_DUPFD_CLOEXEC, 0));
}

static int copy_by_dup(void)
{
        return result_of(dup(my.listener));
}

static int copy_by_dup3(void)
{
        return result_of(dup3(my.listener, 200, O_CLOEXEC));
}

static int have_a_listener_wait(void)
{
        return result_of(fcntl(my.listener, F_SETFL, fcntl(my.listener, F_GETFL) & ~O_NONBLOCK));
}

#if __SIZEOF_LONG__ == 8
/* The kernel takes the lower half for the flags. */
static int have_a_listener_wait_by_a_large_number(void)
{
        return result_of(syscall(SYS_fcntl, my.listener, F_SETFL, O_NONBLOCK * UPPER_HALF));
}
#endif

static int make_memory_file(void)
{
        return result_of(memfd_create("x", MFD_CLOEXEC));
}

static int be_traceable(void)
{
        return result_of(prctl(PR_SET_DUMPABLE, 1));
}

static int make_a_namespace(void)
{
        return result_of(unshare(CLONE_FS));
}

static int ask_a_terminal(void)
{
        int n;

        return result_of(ioctl(my.client, SIOCATMARK, &n));
}

static const struct refusal {
        const char *name;
        int (*attempt)(void);
        bool may_fail_before; /* where a container or a hardened kernel refuses it to anybody */
} refusals[] = {
        { "open a file", open_file, false },
        { "open a file by open()", open_file_by_the_old_call, false },
        { "open its own memory", open_own_memory, false },
        { "read a link", read_a_link, false },
        { "make a socket", make_a_socket, false },
        { "make a pair of sockets", make_a_pair, false },
        { "connect", connect_out, false },
        { "connect by sendto", connect_by_sendto, true },
        { "bind", bind_a_port, false },
        { "listen", listen_anew, false },
        { "make a process", make_a_process, false },
        { "run a program", run_a_program, false },
        { "signal its parent", signal_its_parent, false },
        { "signal itself by kill", signal_itself_by_kill, false },
        { "send itself another signal than SIGABRT", signal_a_thread_of_its_own, false },
        { "trace", trace, true },
        { "read the memory of another process", read_memory_of_another, true },
        { "take hold of a process", take_hold_of_a_process, true },
        { "take a descriptor of another process", take_a_descriptor_of_another, true },
        { "map code", map_code, true },
        { "make memory code", make_code, true },
        { "shut a listener", shut_a_listener, false },
#if __SIZEOF_LONG__ == 8
        { "shut a listener by a large number", shut_a_listener_by_a_large_number, false },
#endif
        { "set a listener's option", set_a_listeners_option, false },
        { "set an option of sockets", set_an_option_of_sockets, false },
        { "receive a message but on the pair", receive_descriptors_elsewhere, false },
        { "copy a descriptor", copy_a_descriptor, false },
        { "copy a descriptor that closes", copy_a_descriptor_that_closes, false },
        { "copy by dup", copy_by_dup, false },
        { "copy by dup3", copy_by_dup3, false },
        { "have a listener wait", have_a_listener_wait, false },
#if __SIZEOF_LONG__ == 8
        { "have a listener wait by a large number", have_a_listener_wait_by_a_large_number, false },
#endif
        { "make a memory file", make_memory_file, false },
        { "be traceable", be_traceable, false },
        { "leave what it shares", make_a_namespace, false },
        { "ask a descriptor other things", ask_a_terminal, false },
};

static const struct refusal *refusal; /* of this child */

static void set_up(void)
{
        page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        EXPECT(page != MAP_FAILED);
        make_belongings(&my);
        victim = fork();
        if (victim == 0) {
                for (;;) {
                        (void)pause();
                }
        }
        victim_fd = (int)syscall(PIDFD_OPEN, victim, 0);
        for (size_t i = 0; i < ARRAY_SIZE(fresh); i++) {
                fresh[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                EXPECT(fresh[i] > my.highest_fd);
        }
}

static void confine(void)
{
        struct confinement confinement;

        EXPECT(confine_frontend(my.pair[0], my.highest_fd, &confinement) == 0);
        EXPECT(confinement.no_new_privileges && confinement.filter);
}

static void works_then_is_refused(void)
{
        set_up();
        int before = refusal->attempt();
        errno = -before;
        EXPECT(before == 0 || refusal->may_fail_before);
        confine();
        int after = refusal->attempt();
        errno = -after;
        EXPECT(after == -ENOSYS);
}

static void all_other_calls_are_refused(void **state)
{
        int n_bad = 0;

        for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
                refusal = &refusals[i];
                if (status_of_child(works_then_is_refused) != 0) {
                        print_error("not so: %s\n", refusal->name);
                        n_bad++;
                }
        }
        assert_int_equal(n_bad, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(all_other_calls_are_refused),
        };

        return has_filters() ? cmocka_run_group_tests(tests, NULL, NULL) : SKIPPED;
}
