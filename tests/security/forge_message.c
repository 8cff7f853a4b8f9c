/* Writes to standard output what a frontend could send to the keeper: messages as lib/message.h has them.
 *
 *     forge-message demand ENVIRONMENT NUMBER MIN_TTL    also refresh, reload
 *     forge-message report ENVIRONMENT NUMBER TOKEN
 *     forge-message record PRIORITY TEXT
 *     forge-message groups UID
 *     forge-message names
 *     forge-message session                              which only the keeper may send */
#include "lib/message.h"
#include "lib/util.h"

#include <stdio.h>
#include <stdlib.h>

static int put(const void *message, size_t size)
{
        return fwrite(message, 1, size, stdout) == size && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void fill(char *room, size_t size, const char *text)
{
        (void)snprintf(room, size, "%s", text);
}

static int put_question(uint32_t type, char **words)
{
        struct message_question message;

        memset(&message, 0, sizeof(message));
        message.type = type;
        fill(message.environment, sizeof(message.environment), words[0]);
        message.number = strtoull(words[1], NULL, 10);
        message.min_ttl_sec = (uint32_t)strtoul(words[2], NULL, 10);
        return put(&message, sizeof(message));
}

static int put_report(char **words)
{
        struct message_report message;

        memset(&message, 0, sizeof(message));
        message.type = MESSAGE_REPORT;
        fill(message.environment, sizeof(message.environment), words[0]);
        message.number = strtoull(words[1], NULL, 10);
        fill(message.ust, sizeof(message.ust), words[2]);
        message.length = (uint32_t)strlen(message.ust);
        return put(&message, sizeof(message));
}

static int put_record(char **words)
{
        struct message_record message;

        memset(&message, 0, sizeof(message));
        message.type = MESSAGE_RECORD;
        message.priority = (int32_t)strtol(words[0], NULL, 10);
        fill(message.text, sizeof(message.text), words[1]);
        return put(&message, sizeof(message));
}

int main(int n, char **words)
{
        if (n == 5 && streq(words[1], "demand")) {
                return put_question(MESSAGE_DEMAND, words + 2);
        }
        if (n == 5 && streq(words[1], "refresh")) {
                return put_question(MESSAGE_REFRESH, words + 2);
        }
        if (n == 5 && streq(words[1], "reload")) {
                return put_question(MESSAGE_RELOAD, words + 2);
        }
        if (n == 5 && streq(words[1], "report")) {
                return put_report(words + 2);
        }
        if (n == 4 && streq(words[1], "record")) {
                return put_record(words + 2);
        }
        if (n == 3 && streq(words[1], "groups")) {
                const struct message_groups message = { .type = MESSAGE_GROUPS,
                                                        .uid = (uid_t)strtoul(words[2], NULL, 10) };
                return put(&message, sizeof(message));
        }
        if (n == 2 && streq(words[1], "names")) {
                const struct message_plain message = { .type = MESSAGE_NAMES };
                return put(&message, sizeof(message));
        }
        if (n == 2 && streq(words[1], "session")) {
                static const struct message_session message = { .type = MESSAGE_SESSION };
                return put(&message, sizeof(message));
        }
        (void)fputs("forge-message: see its source\n", stderr);
        return EXIT_FAILURE;
}
