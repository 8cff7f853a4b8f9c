/* The frontend's way to the keeper. A question that finds no room is not asked: a request that waits for its
 * answer comes to the end of the wait. */
#include "daemon/frontend/keeper_link.h"

#include "lib/message.h"
#include "lib/secret.h"
#include "lib/util.h"

static void send_message(struct keeper *keeper, const void *message, size_t length)
{
        (void)channel_send(keeper->channel, message, length, -1);
}

static void ask(struct keeper *keeper, const struct message_question *question, const char *environment)
{
        struct message_question message;

        memset(&message, 0, sizeof(message));
        message.type = question->type;
        message.number = question->number;
        message.min_ttl_sec = question->min_ttl_sec;
        message.new_account = question->new_account;
        message_set_text(message.environment, sizeof(message.environment), environment);
        send_message(keeper, &message, sizeof(message));
}

static void demand(struct keeper *keeper, uint64_t number, const char *environment, uint32_t min_ttl_sec)
{
        ask(keeper,
            &(struct message_question){
                    .type = MESSAGE_DEMAND, .number = number, .min_ttl_sec = min_ttl_sec },
            environment);
}

static void refresh(struct keeper *keeper, uint64_t number, const char *environment, bool new_account)
{
        ask(keeper,
            &(struct message_question){
                    .type = MESSAGE_REFRESH, .number = number, .new_account = new_account },
            environment);
}

static void alive(struct keeper *keeper, uint64_t number)
{
        ask(keeper, &(struct message_question){ .type = MESSAGE_ALIVE, .number = number }, NULL);
}

static void reload(struct keeper *keeper, uint64_t number)
{
        ask(keeper, &(struct message_question){ .type = MESSAGE_RELOAD, .number = number }, NULL);
}

static void report(struct keeper *keeper, uint64_t number, const char *environment, const char *ust,
                   size_t length)
{
        _cleanup_secret_ struct message_report *message = secret_alloc(sizeof(*message));

        if (!message) {
                return;
        }
        message->type = MESSAGE_REPORT;
        message->number = number;
        message->length = (uint32_t)MIN_OF(length, (size_t)MESSAGE_TOKEN_MAX);
        message_set_text(message->environment, sizeof(message->environment), environment);
        memcpy(message->ust, ust, message->length);
        (void)channel_send_secret(keeper->channel, message, sizeof(*message));
}

static void groups(struct keeper *keeper, uid_t uid)
{
        const struct message_groups message = { .type = MESSAGE_GROUPS, .uid = uid };

        send_message(keeper, &message, sizeof(message));
}

static void names(struct keeper *keeper)
{
        const struct message_plain message = { .type = MESSAGE_NAMES };

        send_message(keeper, &message, sizeof(message));
}

static void unit(struct keeper *keeper, uint64_t cgroup)
{
        struct message_unit message;

        memset(&message, 0, sizeof(message));
        message.type = MESSAGE_UNIT;
        message.cgroup = cgroup;
        send_message(keeper, &message, sizeof(message));
}

static void lane_dead(struct keeper *keeper, uint32_t id, uint64_t serial, bool broken)
{
        const struct message_lane message = { .type = broken ? MESSAGE_LANE_BROKEN : MESSAGE_LANE_DEAD,
                                              .id = id,
                                              .serial = serial };

        send_message(keeper, &message, sizeof(message));
}

static void carrying(struct keeper *keeper, uint64_t now_usec)
{
        const struct message_plain message = { .type = MESSAGE_CARRYING };

        if (keeper->carrying_usec == 0 || usec_sub(now_usec, keeper->carrying_usec) >= CARRYING_PAUSE_USEC) {
                keeper->carrying_usec = now_usec;
                send_message(keeper, &message, sizeof(message));
        }
}

const struct keeper_calls keeper_link_calls = {
        .demand = demand,
        .report = report,
        .refresh = refresh,
        .alive = alive,
        .reload = reload,
        .groups = groups,
        .names = names,
        .unit = unit,
        .lane_dead = lane_dead,
        .carrying = carrying,
};
