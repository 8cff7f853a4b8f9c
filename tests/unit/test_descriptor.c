/* Whole texts through a descriptor. */
#include "lib/descriptor.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <signal.h>

struct ends {
        int reading, writing;
};

static struct ends open_pipe(void)
{
        int fds[2];

        assert_return_code(pipe(fds), errno);
        return (struct ends){ fds[0], fds[1] };
}

static void pieces_are_put_together(void **state)
{
        struct ends ends = open_pipe();
        char text[16];

        assert_int_equal(write_fully(ends.writing, "one", 3), 0);
        assert_int_equal(write_fully(ends.writing, "", 0), 0);
        assert_int_equal(write_fully(ends.writing, "two", 3), 0);
        close_fd(&ends.writing);
        assert_int_equal(read_fully(ends.reading, text, sizeof(text)), 6);
        assert_memory_equal(text, "onetwo", 6);
        assert_int_equal(read_fully(ends.reading, text, sizeof(text)), 0);
        close_fd(&ends.reading);
}

static void no_more_is_read_than_there_is_room_for(void **state)
{
        struct ends ends = open_pipe();
        char text[4] = "";

        assert_int_equal(write_fully(ends.writing, "onetwo", 6), 0);
        assert_int_equal(read_fully(ends.reading, text, 3), 3);
        assert_string_equal(text, "one");
        assert_int_equal(read_fully(ends.reading, text, 3), 3);
        assert_string_equal(text, "two");
        close_fd(&ends.reading);
        close_fd(&ends.writing);
}

/* Data that fills a pipe more than once goes through all the same. */
static void a_pipe_that_is_full_is_waited_for(void **state)
{
        static char sent[1024 * 1024], came[sizeof(sent) + 1];
        struct ends ends = open_pipe();
        pid_t writer;

        memset(sent, 'x', sizeof(sent));
        writer = fork();
        assert_return_code(writer, errno);
        if (writer == 0) {
                close_fd(&ends.reading);
                _exit(write_fully(ends.writing, sent, sizeof(sent)) == 0 ? 0 : 1);
        }
        close_fd(&ends.writing);
        assert_int_equal(read_fully(ends.reading, came, sizeof(came)), sizeof(sent));
        assert_memory_equal(came, sent, sizeof(sent));
        close_fd(&ends.reading);
}

static void errors_come_back(void **state)
{
        struct ends ends = open_pipe();
        char text[4];

        assert_int_equal(read_fully(ends.writing, text, sizeof(text)), -EBADF);
        assert_int_equal(write_fully(ends.reading, "one", 3), -EBADF);
        close_fd(&ends.reading);
        assert_int_equal(write_fully(ends.writing, "one", 3), -EPIPE);
        close_fd(&ends.writing);
        assert_int_equal(ends.writing, -1);
        close_fd(&ends.writing);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(pieces_are_put_together),
                cmocka_unit_test(no_more_is_read_than_there_is_room_for),
                cmocka_unit_test(a_pipe_that_is_full_is_waited_for),
                cmocka_unit_test(errors_come_back),
        };

        (void)signal(SIGPIPE, SIG_IGN);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
