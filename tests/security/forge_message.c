/* Writes to standard output what processes of the daemon could send each other: messages as lib/message.h
 * has them. Messages that a child could send to the keeper:
 *
 *     forge-message demand ENVIRONMENT NUMBER MIN_TTL    also refresh, reload
 *     forge-message report ENVIRONMENT NUMBER TOKEN
 *     forge-message record PRIORITY TEXT
 *     forge-message groups UID
 *     forge-message names                                also carrying
 *     forge-message lane-dead ID SERIAL                  also lane-broken
 *     forge-message confined
 *     forge-message stale ENVIRONMENT
 *
 * Messages that the keeper could send:
 *
 *     forge-message session                              zeros
 *     forge-message hello VERSION
 *     forge-message upstream ENVIRONMENT BASE_URL AUTHORITIES_LENGTH ADDRESS
 *     forge-message gone ENVIRONMENT
 *     forge-message lane ID
 *     forge-message ping NUMBER                          also pong
 *     forge-message drain */
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

static int put_plain(uint32_t type)
{
        const struct message_plain message = { .type = type };

        return put(&message, sizeof(message));
}

static int put_lane(uint32_t type, const char *id, const char *serial)
{
        const struct message_lane message = { .type = type,
                                              .id = (uint32_t)strtoul(id, NULL, 10),
                                              .serial = strtoull(serial, NULL, 10) };

        return put(&message, sizeof(message));
}

static int put_confined(void)
{
        struct message_confined message;

        memset(&message, 0, sizeof(message));
        message.type = MESSAGE_CONFINED;
        message.confinement.no_new_privileges = true;
        message.confinement.filter = true;
        return put(&message, sizeof(message));
}

static int put_ping(uint32_t type, const char *number)
{
        struct message_ping message;

        memset(&message, 0, sizeof(message));
        message.type = type;
        message.number = strtoull(number, NULL, 10);
        return put(&message, sizeof(message));
}

static int put_upstream_name(uint32_t type, const char *environment)
{
        struct message_upstream_name message;

        memset(&message, 0, sizeof(message));
        message.type = type;
        fill(message.environment, sizeof(message.environment), environment);
        return put(&message, sizeof(message));
}

static int put_hello(const char *version)
{
        struct message_hello message;

        memset(&message, 0, sizeof(message));
        message.type = MESSAGE_HELLO;
        message.log_max_priority = MESSAGE_PRIORITY_MAX;
        fill(message.version, sizeof(message.version), version);
        return put(&message, sizeof(message));
}

static int put_upstream(char **words)
{
        struct message_upstream message;

        memset(&message, 0, sizeof(message));
        message.type = MESSAGE_UPSTREAM;
        fill(message.environment, sizeof(message.environment), words[0]);
        fill(message.base_url, sizeof(message.base_url), words[1]);
        message.authorities_length = (uint32_t)strtoul(words[2], NULL, 10);
        message.n_addresses = 1;
        fill(message.addresses[0], sizeof(message.addresses[0]), words[3]);
        message.connect_timeout_usec = message.answer_timeout_usec = USEC_PER_MIN;
        return put(&message, sizeof(message));
}

static int put_from_child(int n, char **words)
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
                return put_plain(MESSAGE_NAMES);
        }
        if (n == 2 && streq(words[1], "confined")) {
                return put_confined();
        }
        if (n == 2 && streq(words[1], "carrying")) {
                return put_plain(MESSAGE_CARRYING);
        }
        if (n == 4 && streq(words[1], "lane-dead")) {
                return put_lane(MESSAGE_LANE_DEAD, words[2], words[3]);
        }
        if (n == 4 && streq(words[1], "lane-broken")) {
                return put_lane(MESSAGE_LANE_BROKEN, words[2], words[3]);
        }
        if (n == 3 && streq(words[1], "stale")) {
                return put_upstream_name(MESSAGE_STALE, words[2]);
        }
        return -1;
}

static int put_from_keeper(int n, char **words)
{
        if (n == 2 && streq(words[1], "session")) {
                static const struct message_session message = { .type = MESSAGE_SESSION };
                return put(&message, sizeof(message));
        }
        if (n == 3 && streq(words[1], "hello")) {
                return put_hello(words[2]);
        }
        if (n == 6 && streq(words[1], "upstream")) {
                return put_upstream(words + 2);
        }
        if (n == 3 && streq(words[1], "gone")) {
                return put_upstream_name(MESSAGE_UPSTREAM_GONE, words[2]);
        }
        if (n == 3 && streq(words[1], "lane")) {
                return put_lane(MESSAGE_LANE, words[2], "1");
        }
        if (n == 3 && streq(words[1], "ping")) {
                return put_ping(MESSAGE_PING, words[2]);
        }
        if (n == 3 && streq(words[1], "pong")) {
                return put_ping(MESSAGE_PONG, words[2]);
        }
        if (n == 2 && streq(words[1], "drain")) {
                return put_plain(MESSAGE_DRAIN);
        }
        return -1;
}

int main(int n, char **words)
{
        int r = put_from_child(n, words);

        if (r < 0) {
                r = put_from_keeper(n, words);
        }
        if (r < 0) {
                (void)fputs("forge-message: see its source\n", stderr);
        }
        return r < 0 ? EXIT_FAILURE : r;
}
