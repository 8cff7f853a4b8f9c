/* What the daemon says. The only state is where to. */
#include "daemon/journal.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#define MESSAGE_MAX 1024 /* with the prefix well below PIPE_BUF, so that one write is whole */

static struct {
        bool to_journal;
        bool prefixes;
        int max_priority;
        uint64_t dropped;
} journal = { .prefixes = true, .max_priority = LOG_INFO };

/* systemd tells a service which device and inode its journal stream has. */
static bool stderr_is_journal(void)
{
        const char *stream = getenv("JOURNAL_STREAM");
        unsigned long long device, inode;
        struct stat status;

        return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
               fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

void journal_open(int max_priority, enum journal_form form)
{
        journal.to_journal = stderr_is_journal();
        journal.prefixes = form != JOURNAL_PLAIN && !isatty(STDERR_FILENO);
        journal.max_priority = max_priority;
}

uint64_t journal_dropped(void)
{
        return journal.dropped;
}

static void say_on_stderr(const struct journal_record *record, const char *message)
{
        char line[MESSAGE_MAX + 128];
        int length = snprintf(line, sizeof(line), journal.prefixes ? "<%d>%s%s%s\n" : "%.0d%s%s%s\n",
                              journal.prefixes ? record->priority : 0,
                              record->environment ? record->environment : "",
                              record->environment ? ": " : "", message);
        struct pollfd writable = { .fd = STDERR_FILENO, .events = POLLOUT };

        if (length <= 0 || poll(&writable, 1, 0) != 1 || !(writable.revents & POLLOUT) ||
            write(STDERR_FILENO, line, MIN_OF((size_t)length, sizeof(line) - 1)) < 0) {
                journal.dropped++;
        }
}

struct fields {
        struct iovec items[8];
        char texts[8][256];
        int n;
};

static void add_field(struct fields *fields, const char *name, const char *value)
{
        if (!value) {
                return;
        }
        int length = snprintf(fields->texts[fields->n], sizeof(fields->texts[0]), "%s=%s", name, value);
        if (length > 0) {
                fields->items[fields->n].iov_base = fields->texts[fields->n];
                fields->items[fields->n].iov_len = MIN_OF((size_t)length, sizeof(fields->texts[0]) - 1);
                fields->n++;
        }
}

static void say_to_journal(const struct journal_record *record, const char *message)
{
        struct fields fields = { 0 };
        char text[MESSAGE_MAX + 128], priority[16];
        int length = snprintf(text, sizeof(text), "MESSAGE=%s%s%s",
                              record->environment ? record->environment : "",
                              record->environment ? ": " : "", message);

        (void)snprintf(priority, sizeof(priority), "%d", record->priority);
        fields.items[fields.n++] =
                (struct iovec){ text, MIN_OF(length > 0 ? (size_t)length : 0, sizeof(text) - 1) };
        add_field(&fields, "PRIORITY", priority);
        add_field(&fields, "MESSAGE_ID", record->id);
        add_field(&fields, "EQP_ENVIRONMENT", record->environment);
        add_field(&fields, "EQP_KEY", record->key);
        add_field(&fields, "EQP_CLIENT", record->client);
        add_field(&fields, "EQP_UID", record->uid);
        add_field(&fields, "EQP_UNIT", record->unit);
        if (sd_journal_sendv(fields.items, fields.n) < 0) {
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
        if (journal.to_journal) {
                say_to_journal(record, message);
        } else {
                say_on_stderr(record, message);
        }
}
