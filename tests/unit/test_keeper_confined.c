/* The keeper, confined: its own calls work, and those that would change the machine are refused.
 *
 *     test_keeper_confined frontend      what it starts: confines itself once more, and ends with 0 if it
 * can */
#include "daemon/base/confinement.h"
#include "lib/util.h"
#include "tests/unit/confined_child.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>

static char folder[] = "/tmp/eqp-test-keeper-XXXXXX"; /* with a file in it */
static char file[sizeof(folder) + 16], other[sizeof(folder) + 16];
static bool landlock;

static void confine(void)
{
        struct confinement confinement;

        EXPECT(confine_keeper(&confinement) == 0);
        EXPECT(confinement.no_new_privileges && confinement.filter &&
               landlock == (confinement.landlock > 0));
        EXPECT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && prctl(PR_GET_SECCOMP) == 2);
}

/* ---- what it needs ---- */

static void *look_up(void *unused)
{
        struct addrinfo *found = NULL;

        EXPECT(getaddrinfo("localhost", "80", &(struct addrinfo){ .ai_socktype = SOCK_STREAM }, &found) ==
               0);
        freeaddrinfo(found);
        return NULL;
}

static void asks_names_in_a_thread(void)
{
        pthread_t thread;

        confine();
        EXPECT(pthread_create(&thread, NULL, look_up, NULL) == 0 && pthread_join(thread, NULL) == 0);
        EXPECT(getpwuid(0));
}

static void makes_a_socket_for_callers(void)
{
        struct sockaddr_un name = { .sun_family = AF_UNIX };

        confine();
        mode_t mask = umask(0077);
        EXPECT(mkdir(other, 0755) == 0 && (umask(mask), true));
        (void)snprintf(name.sun_path, sizeof(name.sun_path), "%s/socket", other);
        for (int i = 0; i < 2; i++) {
                int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
                EXPECT(bind(fd, (const struct sockaddr *)&name, sizeof(name)) == 0 && listen(fd, 1) == 0);
                EXPECT(fchmodat(AT_FDCWD, name.sun_path, 0660, AT_SYMLINK_NOFOLLOW) == 0 ||
                       errno == EOPNOTSUPP);
                EXPECT(lchown(name.sun_path, (uid_t)-1, getgid()) == 0);
                EXPECT(connect(socket(AF_UNIX, SOCK_STREAM, 0), (const struct sockaddr *)&name,
                               sizeof(name)) == 0);
                EXPECT(unlink(name.sun_path) == 0);
        }
}

static void keeps_sessions_in_memory(void)
{
        char bytes[4];

        confine();
        int fd = memfd_create("sessions", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        EXPECT(fd >= 0 && fchmod(fd, 0600) == 0 && write(fd, "word", 4) == 4 && ftruncate(fd, 4) == 0);
        EXPECT(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0);
        EXPECT(fcntl(fd, F_GET_SEALS) > 0 && pread(fd, bytes, 4, 0) == 4);
}

static void reads_and_watches_files(void)
{
        char bytes[4];

        confine();
        int fd = open(file, O_RDONLY | O_CLOEXEC);
        EXPECT(fd >= 0 && read(fd, bytes, 4) == 4);
        EXPECT(open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0);
        EXPECT(inotify_add_watch(inotify_init1(IN_CLOEXEC), folder, IN_CREATE) >= 0);
        EXPECT(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
}

static int end_with_status(sd_event_source *source, const siginfo_t *info, void *userdata)
{
        return sd_event_exit(sd_event_source_get_event(source),
                             info->si_code == CLD_EXITED ? info->si_status : 1);
}

/* As the keeper does: with SIGCHLD held, an empty mask for the child, and waited for by the loop. */
static void starts_itself(void)
{
        static char *const arguments[] = { (char *)"keeper", (char *)"frontend", NULL };
        posix_spawnattr_t attributes;
        sigset_t child, none;
        sd_event *event;
        pid_t pid;

        (void)sigemptyset(&none);
        (void)sigemptyset(&child);
        (void)sigaddset(&child, SIGCHLD);
        (void)sigprocmask(SIG_BLOCK, &child, NULL);
        confine();
        EXPECT(posix_spawnattr_init(&attributes) == 0 &&
               posix_spawnattr_setsigmask(&attributes, &none) == 0);
        EXPECT(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK) == 0);
        for (int i = 0; i < 2; i++) {
                EXPECT(sd_event_new(&event) >= 0);
                errno = posix_spawn(&pid, "/proc/self/exe", NULL, &attributes, arguments, environ);
                EXPECT(errno == 0);
                EXPECT(sd_event_add_child(event, NULL, pid, WEXITED, end_with_status, NULL) >= 0);
                errno = sd_event_loop(event);
                EXPECT(errno == 0);
                sd_event_unref(event);
        }
}

static void ends_what_it_started(void)
{
        pid_t pid = fork();
        int status;

        if (pid == 0) {
                (void)pause();
        }
        confine();
        EXPECT(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
}

static void aborts(void)
{
        confine();
        abort();
}

static void its_own_calls_work(void **state)
{
        assert_int_equal(status_of_child(asks_names_in_a_thread), 0);
        assert_int_equal(status_of_child(makes_a_socket_for_callers), 0);
        assert_int_equal(rmdir(other), 0); /* which itself could not */
        assert_int_equal(status_of_child(keeps_sessions_in_memory), 0);
        assert_int_equal(status_of_child(reads_and_watches_files), 0);
        assert_int_equal(status_of_child(starts_itself), 0);
        assert_int_equal(status_of_child(ends_what_it_started), 0);
        int status = status_of_child(aborts);
        assert_true(status != -1 && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* ---- what it must not ---- */

static int write_a_file(void)
{
        return result_of(open(file, O_WRONLY | O_CLOEXEC));
}

static int write_to_a_device(void)
{
        return result_of(open("/dev/null", O_WRONLY | O_CLOEXEC));
}

static int empty_a_file(void)
{
        return result_of(open(file, O_RDONLY | O_TRUNC | O_CLOEXEC));
}

static int truncate_a_file(void)
{
        return result_of(truncate(file, 4));
}

static int make_a_file(void)
{
        int r = result_of(open(other, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));

        (void)unlink(other);
        return r;
}

static int make_a_link(void)
{
        int r = result_of(symlink("/etc/passwd", other));

        (void)unlink(other);
        return r;
}

static int make_a_pipe(void)
{
        int r = result_of(mknod(other, S_IFIFO | 0600, 0));

        (void)unlink(other);
        return r;
}

static int move_a_file(void)
{
        return result_of(rename(file, other)) == 0 ? result_of(rename(other, file)) : -errno;
}

/* Before, in a child; after, too: that is not what is refused. */
static int run(const char *path)
{
        char *const arguments[] = { (char *)"sh", (char *)"-c", (char *)"exit 0", NULL };
        int status;

        pid_t pid = fork();
        if (pid == 0) {
                (void)execv(path, arguments);
                _exit(errno);
        }
        (void)waitpid(pid, &status, 0);
        return -WEXITSTATUS(status);
}

static int run_a_shell(void)
{
        return run("/bin/sh");
}

static int map_writable_code(void)
{
        return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                               MAP_FAILED
                       ? -errno
                       : 0;
}

static int make_code(void)
{
        void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        return result_of(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static int make_a_namespace(void)
{
        pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);

        if (pid == 0) {
                _exit(0);
        }
        return pid < 0 ? -errno : result_of(waitpid(pid, NULL, 0));
}

static int make_a_socket_of_another_kind(void)
{
        return result_of(socket(AF_ALG, SOCK_SEQPACKET, 0));
}

static const struct refusal {
        const char *name;
        int (*attempt)(void);
        int answer; /* after */
        bool by_landlock;
        bool may_fail_before;
} refusals[] = {
        { "write to a file", write_a_file, -EACCES, true, false },
        { "write to a device", write_to_a_device, -EACCES, true, false },
        { "empty a file", empty_a_file, -EACCES, true, false },
        { "truncate a file", truncate_a_file, -ENOSYS, false, false },
        { "make a file", make_a_file, -EACCES, true, false },
        { "make a link", make_a_link, -ENOSYS, false, false },
        { "make a pipe", make_a_pipe, -ENOSYS, false, false },
        { "move a file", move_a_file, -ENOSYS, false, false },
        { "run a shell", run_a_shell, -EACCES, true, false },
        { "map writable code", map_writable_code, -ENOSYS, false, true },
        { "make memory code", make_code, -ENOSYS, false, true },
        { "make a namespace", make_a_namespace, -ENOSYS, false, true },
        { "make a socket of another kind", make_a_socket_of_another_kind, -ENOSYS, false, true },
};

static const struct refusal *refusal; /* of this child */

static void works_then_is_refused(void)
{
        int before = refusal->attempt();
        errno = -before;
        EXPECT(before == 0 || refusal->may_fail_before);
        confine();
        int after = refusal->attempt();
        errno = -after;
        EXPECT(after == refusal->answer);
}

static void all_other_calls_are_refused(void **state)
{
        int n_bad = 0;

        for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
                refusal = &refusals[i];
                if (refusal->by_landlock && !landlock) {
                        print_message("without Landlock: %s\n", refusal->name);
                } else if (status_of_child(works_then_is_refused) != 0) {
                        print_error("not so: %s\n", refusal->name);
                        n_bad++;
                }
        }
        assert_int_equal(n_bad, 0);
}

/* ---- a child of its own kind ---- */

static int be_a_frontend(void)
{
        struct confinement confinement;

        EXPECT(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
        EXPECT(confine_frontend(STDIN_FILENO, STDERR_FILENO, &confinement) == 0);
        EXPECT(confinement.no_new_privileges && confinement.filter &&
               landlock == (confinement.landlock > 0));
        EXPECT(open("/dev/null", O_RDONLY | O_CLOEXEC) < 0 && errno == ENOSYS);
        return 0;
}

static int make_folder(void **state)
{
        assert_non_null(mkdtemp(folder));
        (void)snprintf(file, sizeof(file), "%s/file", folder);
        (void)snprintf(other, sizeof(other), "%s/other", folder);
        _cleanup_close_ int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        return write(fd, "word", 4) == 4 ? 0 : -1;
}

static int remove_folder(void **state)
{
        return unlink(file) == 0 && rmdir(folder) == 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(its_own_calls_work),
                cmocka_unit_test(all_other_calls_are_refused),
        };

        landlock = has_landlock();
        if (argc > 1) {
                return be_a_frontend();
        }
        return has_filters() ? cmocka_run_group_tests(tests, make_folder, remove_folder) : SKIPPED;
}
