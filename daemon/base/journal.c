/* The daemon's log. The only state is where to, and the rest of a line that was not taken whole.
 *
 * libsystemd's function for the journal would wait until that reads: were it to hang, so would we. */
#include "daemon/base/journal.h"

#include "daemon/base/clock.h"
#include "daemon/base/journal_entry.h"
#include "daemon/base/log_line.h"
#include "daemon/base/mailbox.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define JOURNAL_SOCKET   "/run/systemd/journal/socket"
#define MESSAGE_MAX      1024
#define SETTLE_TRIES_MAX 500 /* of a millisecond each */

static struct {
        enum journal_form form; /* JOURNAL_AUTO: to the journal */
        bool prefixes;
        bool is_socket;
        int max_priority;
        uint64_t dropped;
        struct mailbox socket; /* of the systemd journal */
        bool socket_open;
        char line[LOG_LINE_MAX]; /* of which line_sent of line_length bytes are gone */
        size_t line_length, line_sent;
        journal_pass_fn pass; /* NULL: it is ours to write */
        void *pass_userdata;
} journal = { .form = JOURNAL_TEXT, .prefixes = true, .max_priority = LOG_INFO };

/* systemd tells a service which device and inode its journal stream has. */
static bool stderr_is_journal(const struct stat *status)
{
        const char *stream = getenv("JOURNAL_STREAM");
        unsigned long long device, inode;

        return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && status->st_dev == device &&
               status->st_ino == inode;
}

int journal_form_parse(const char *word, enum journal_form *ret)
{
        static const char *const words[_JOURNAL_FORM_COUNT] = {
                [JOURNAL_AUTO] = "auto",
                [JOURNAL_TEXT] = "text",
                [JOURNAL_JSON] = "json",
        };

        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                if (streq(word, words[i])) {
                        *ret = (enum journal_form)i;
                        return 0;
                }
        }
        return -EINVAL;
}

void journal_open(int max_priority, enum journal_form form, bool plain)
{
        struct stat status = { 0 };

        (void)fstat(STDERR_FILENO, &status); /* of a closed one: neither */
        journal.is_socket = S_ISSOCK(status.st_mode);
        journal.prefixes = !isatty(STDERR_FILENO) && !(plain && form == JOURNAL_AUTO);
        journal.form = form == JOURNAL_AUTO && !stderr_is_journal(&status) ? JOURNAL_TEXT : form;
        journal.max_priority = max_priority;
}

void journal_pass_to(journal_pass_fn pass, void *userdata)
{
        journal.pass = pass;
        journal.pass_userdata = userdata;
}

void journal_set_max_priority(int max_priority)
{
        journal.max_priority = max_priority;
}

int journal_max_priority(void)
{
        return journal.max_priority;
}

uint64_t journal_dropped(void)
{
        return journal.dropped;
}

/* Sends what is left of the line. False: not all of it was taken.
 *
 * A pipe that poll() finds writable takes PIPE_BUF bytes as a whole. A socket may take a part of them, or
 * block although it is writable. */
static bool send_rest(void)
{
        struct pollfd writable = { .fd = STDERR_FILENO, .events = POLLOUT };
        const char *rest = journal.line + journal.line_sent;
        size_t length = journal.line_length - journal.line_sent;

        if (length == 0) {
                return true;
        }
        if (poll(&writable, 1, 0) != 1 || !(writable.revents & POLLOUT)) {
                return false;
        }
        ssize_t n = journal.is_socket ? send(STDERR_FILENO, rest, length, MSG_DONTWAIT | MSG_NOSIGNAL)
                                      : write(STDERR_FILENO, rest, length);
        journal.line_sent += n > 0 ? (size_t)n : 0;
        return journal.line_sent == journal.line_length;
}

static void say_on_stderr(const struct journal_record *record, const char *message)
{
        char time[CLOCK_TEXT_MAX];

        if (!send_rest()) {
                journal.dropped++; /* else it would begin in the middle of another line */
                return;
        }
        journal.line_sent = 0;
        journal.line_length = journal.form == JOURNAL_JSON
                                      ? log_line_json(record, message, clock_format_wall(time), journal.line)
                                      : log_line_text(record, message, journal.prefixes, journal.line);
        if (!send_rest() && journal.line_sent == 0) {
                journal.line_length = 0;
                journal.dropped++;
        }
}

static void say_to_journal(const struct journal_record *record, const char *message)
{
        char entry[JOURNAL_ENTRY_MAX];
        size_t length = journal_entry(record, message, entry);

        if (!journal.socket_open) {
                journal.socket_open = mailbox_open(&journal.socket, JOURNAL_SOCKET) >= 0;
        }
        if (!journal.socket_open || mailbox_send(&journal.socket, entry, length, -1) < 0) {
                journal.dropped++;
        }
}

void journal_say(const struct journal_record *record, const char *format, ...)
{
        char message[MESSAGE_MAX];
        va_list arguments;

        if (record->priority > journal.max_priority) {
                return;
        }
        va_start(arguments, format);
        (void)vsnprintf(message, sizeof(message), format, arguments);
        va_end(arguments);
        if (journal.pass) {
                journal.dropped += !journal.pass(record, message, journal.pass_userdata);
        } else if (journal.form == JOURNAL_AUTO) {
                say_to_journal(record, message);
        } else {
                say_on_stderr(record, message);
        }
}

/* The journal reads in order, and skips a datagram without content: when an empty one has been read, then so
 * has all before it. */
void journal_settle(void)
{
        const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET };
        const struct timespec pause = { .tv_nsec = 1000 * 1000 };
        int unread = 0;

        if (journal.form != JOURNAL_AUTO) {
                return;
        }
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) {
                return;
        }
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
            send(fd, "", 0, MSG_NOSIGNAL) == 0) {
                for (int i = 0; i < SETTLE_TRIES_MAX && ioctl(fd, SIOCOUTQ, &unread) == 0 && unread > 0;
                     i++) {
                        (void)nanosleep(&pause, NULL);
                }
        }
}
