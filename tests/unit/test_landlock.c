/* Landlock alone, as if a process found a way to every system call. */
#include "daemon/base/landlock.h"
#include "lib/util.h"
#include "tests/unit/confined_child.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static struct belongings my;
static char folder[64];                                         /* is not there */
static struct sockaddr_un abstract = { .sun_family = AF_UNIX }; /* where the test listens */
static socklen_t abstract_length;

static int open_file(int flags)
{
        return result_of(open("/proc/self/exe", flags | O_CLOEXEC));
}

static int open_folder(void)
{
        return result_of(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int make_a_folder(void)
{
        return result_of(mkdir(folder, 0700)) == 0 ? result_of(rmdir(folder)) : -errno;
}

static int connect_out(void)
{
        return result_of(connect(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                                 (const struct sockaddr *)&my.other, sizeof(my.other)));
}

static int bind_a_port(void)
{
        const struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

        return result_of(bind(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), (const struct sockaddr *)&any,
                              sizeof(any)));
}

static int connect_to_abstract(void)
{
        return result_of(connect(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0),
                                 (const struct sockaddr *)&abstract, abstract_length));
}

static int signal_its_parent(void)
{
        return result_of(kill(getppid(), 0));
}

static int signal_itself(void)
{
        return result_of(kill(getpid(), 0));
}

static uint32_t restrict_by(int (*landlock)(uint32_t *ret))
{
        uint32_t version = 0;

        make_belongings(&my);
        EXPECT(open_file(O_RDONLY) == 0 && open_folder() == 0 && make_a_folder() == 0);
        EXPECT(connect_out() == 0 && bind_a_port() == 0 && connect_to_abstract() == 0 &&
               signal_its_parent() == 0);
        EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && landlock(&version) == 0 && version > 0);
        return version;
}

static void with_nothing(void)
{
        uint32_t version = restrict_by(landlock_nothing);

        EXPECT(open_file(O_RDONLY) == -EACCES && open_folder() == -EACCES && make_a_folder() == -EACCES);
        EXPECT(version < 4 || (connect_out() == -EACCES && bind_a_port() == -EACCES));
        EXPECT(version < 6 || (signal_its_parent() == -EPERM && connect_to_abstract() == -EPERM));
        EXPECT(signal_itself() == 0);
}

static void with_connections(void)
{
        uint32_t version = restrict_by(landlock_connect_only);

        EXPECT(open_file(O_RDONLY) == -EACCES && open_folder() == -EACCES && make_a_folder() == -EACCES);
        EXPECT(connect_out() == 0);
        EXPECT(version < 4 || bind_a_port() == -EACCES);
        EXPECT(version < 6 || (signal_its_parent() == -EPERM && connect_to_abstract() == -EPERM));
        EXPECT(signal_itself() == 0);
}

static void with_files_to_read(void)
{
        (void)restrict_by(landlock_read_only);

        EXPECT(open_file(O_RDONLY) == 0 && open_folder() == 0);
        EXPECT(open("/dev/null", O_WRONLY | O_CLOEXEC) < 0 && errno == EACCES);
        EXPECT(make_a_folder() == -EACCES && rmdir(folder) < 0); /* it is made, and stays */
        EXPECT(connect_out() == 0 && bind_a_port() == 0 && connect_to_abstract() == 0 &&
               signal_its_parent() == 0);
}

static void the_remaining_rights_are_the_reported_ones(void **state)
{
        assert_int_equal(status_of_child(with_nothing), 0);
        assert_int_equal(status_of_child(with_connections), 0);
        assert_int_equal(status_of_child(with_files_to_read), 0);
        assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_remaining_rights_are_the_reported_ones),
        };
        int length = snprintf(abstract.sun_path + 1, sizeof(abstract.sun_path) - 1, "eqp-test-landlock-%d",
                              (int)getpid());
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        abstract_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
        (void)snprintf(folder, sizeof(folder), "/tmp/eqp-test-landlock-%d", (int)getpid());
        if (bind(fd, (const struct sockaddr *)&abstract, abstract_length) < 0) {
                return 1;
        }
        return has_landlock() ? cmocka_run_group_tests(tests, NULL, NULL) : SKIPPED;
}
