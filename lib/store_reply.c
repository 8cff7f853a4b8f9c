/* Answers of a store, by hiredis' reader. It calls us for each item, and we build nothing but what was asked
 * for: whatever is not the next thing that has to come ends the reading. So it never gets to take memory for
 * an array's count, to nest, or to wait for a bulk that is longer than ours. */
#include "lib/store_reply.h"

#include "lib/token_exchange.h"

#include <hiredis/hiredis.h>

#define LEFT_MAX_MSEC (INT64_C(1000) * LIFETIME_MAX_SEC)

#if HIREDIS_MAJOR >= 1
typedef size_t element_count;
#else
typedef int element_count;
#endif

struct store_reply {
        redisReader *reader;
        size_t n_fed;
        bool ended;
        enum store_state state; /* once it has ended */
        const char *word;

        bool logs_in;
        size_t n_answers; /* that were whole: of the login, of MULTI, of each command, of EXEC */
        size_t n_commands;
        enum store_command commands[STORE_COMMANDS_MAX];
        uint8_t lease_id[STORE_LEASE_ID_SIZE];

        bool lease_taken; /* so it says */
        struct store_claim claim;
        uint8_t session[SHARE_VALUE_MAX];
        uint8_t lease[SHARE_VALUE_MAX];
};

/* Ends the reading; the reader takes it for a lack of memory. */
static void *end(struct store_reply *reply, enum store_state state)
{
        reply->ended = true;
        reply->state = state;
        return NULL;
}

static void *take(struct store_reply *reply, bool good)
{
        return good ? reply : end(reply, STORE_NONSENSE);
}

/* 0: an answer of its own; 1: one inside that of EXEC; 2: one inside that. */
static unsigned depth_of(const redisReadTask *task)
{
        unsigned depth = 0;

        for (const redisReadTask *one = task->parent; one; one = one->parent) {
                depth++;
        }
        return depth;
}

static size_t index_of_exec(const struct store_reply *reply)
{
        return reply->logs_in + 1 + reply->n_commands;
}

/* The command that an item inside EXEC's answer belongs to. */
static enum store_command command_of(const struct store_reply *reply, const redisReadTask *task)
{
        return reply->commands[depth_of(task) == 1 ? task->idx : task->parent->idx];
}

static bool is(const char *text, size_t length, const char *expected)
{
        return length == strlen(expected) && memcmp(text, expected, length) == 0;
}

static void *take_error(struct store_reply *reply, const char *text, size_t length)
{
        enum store_state state = store_state_of_error(text, length, &reply->word);
        bool of_login = reply->logs_in && reply->n_answers == 0;

        return end(reply, of_login && state == STORE_REFUSED ? STORE_NO_LOGIN : state);
}

static void *take_status(struct store_reply *reply, const redisReadTask *task, const char *text,
                         size_t length)
{
        bool begins = reply->n_answers < (size_t)reply->logs_in + 1;

        if (depth_of(task) == 0) {
                return take(reply, reply->n_answers < index_of_exec(reply) &&
                                           is(text, length, begins ? "OK" : "QUEUED"));
        }
        enum store_command command = command_of(reply, task);
        if (command == STORE_LEASE_TAKE) {
                reply->lease_taken = true;
        }
        return take(reply,
                    is(text, length, "OK") && (command == STORE_LEASE_TAKE || command == STORE_SESSION_SET ||
                                               command == STORE_LEASE_SET));
}

/* Digits of a clock: seconds, then microseconds. */
static void *take_time(struct store_reply *reply, int index, const char *text, size_t length)
{
        uint64_t number = 0;

        if (length == 0 || length > (index == 0 ? 12 : 6)) {
                return end(reply, STORE_NONSENSE);
        }
        for (size_t i = 0; i < length; i++) {
                if (text[i] < '0' || text[i] > '9') {
                        return end(reply, STORE_NONSENSE);
                }
                number = 10 * number + (uint64_t)(text[i] - '0');
        }
        reply->claim.store_wall_usec += index == 0 ? number * USEC_PER_SEC : number;
        return take(reply, reply->claim.store_wall_usec <= SHARE_TIME_MAX_USEC);
}

static void *take_value(struct store_reply *reply, enum store_command command, const char *text,
                        size_t length)
{
        if (length > SHARE_VALUE_MAX) {
                return end(reply, STORE_NONSENSE);
        }
        if (command == STORE_SESSION_GET) {
                memcpy(reply->session, text, length);
                reply->claim.session = reply->session;
                reply->claim.n_session = length;
                return reply;
        }
        if (command == STORE_LEASE_GET) {
                memcpy(reply->lease, text, length);
                reply->claim.lease = reply->lease;
                reply->claim.n_lease = length;
                return reply;
        }
        return end(reply, STORE_NONSENSE);
}

static void *on_string(const redisReadTask *task, char *text, size_t length)
{
        struct store_reply *reply = task->privdata;

        if (task->type == REDIS_REPLY_ERROR) {
                return take_error(reply, text, length);
        }
        if (task->type == REDIS_REPLY_STATUS) {
                return take_status(reply, task, text, length);
        }
        if (task->type != REDIS_REPLY_STRING || depth_of(task) == 0) {
                return end(reply, STORE_NONSENSE);
        }
        return depth_of(task) == 1 ? take_value(reply, command_of(reply, task), text, length)
                                   : take_time(reply, task->idx, text, length);
}

/* Of EXEC, and of TIME inside it. */
static void *on_array(const redisReadTask *task, element_count n)
{
        struct store_reply *reply = task->privdata;
        bool is_array = task->type == REDIS_REPLY_ARRAY; /* and no map, set or push */
        unsigned depth = depth_of(task);

        if (depth == 0) {
                return take(reply, is_array && reply->n_answers == index_of_exec(reply) &&
                                           n == (element_count)reply->n_commands);
        }
        return take(reply, is_array && depth == 1 && command_of(reply, task) == STORE_TIME && n == 2);
}

static void *on_integer(const redisReadTask *task, long long number)
{
        struct store_reply *reply = task->privdata;

        if (depth_of(task) != 1) {
                return end(reply, STORE_NONSENSE);
        }
        switch (command_of(reply, task)) {
        case STORE_SESSION_LEFT:
                reply->claim.session_left_msec = MIN_OF(number, LEFT_MAX_MSEC);
                return take(reply, number >= STORE_LEFT_NONE);
        case STORE_LEASE_LEFT:
                reply->claim.lease_left_msec = MIN_OF(number, LEFT_MAX_MSEC);
                return take(reply, number >= STORE_LEFT_NONE);
        case STORE_SESSION_END:
        case STORE_SESSION_DROP:
        case STORE_LEASE_SHORTEN:
        case STORE_LEASE_GIVE_BACK:
        case STORE_SPARE_DROP:
                return take(reply, number == 0 || number == 1);
        default:
                return end(reply, STORE_NONSENSE);
        }
}

static void *on_nil(const redisReadTask *task)
{
        struct store_reply *reply = task->privdata;

        if (depth_of(task) != 1) {
                return end(reply, STORE_NONSENSE);
        }
        enum store_command command = command_of(reply, task);
        return take(reply, command == STORE_SESSION_GET || command == STORE_LEASE_TAKE ||
                                   command == STORE_LEASE_GET);
}

#if HIREDIS_MAJOR >= 1
/* Of the protocol's third version, which nobody has asked for. */
static void *on_double(const redisReadTask *task, double number, char *text, size_t length)
{
        return end(task->privdata, STORE_NONSENSE);
}

static void *on_bool(const redisReadTask *task, int value)
{
        return end(task->privdata, STORE_NONSENSE);
}
#endif

static void on_free(void *object)
{
}

static redisReplyObjectFunctions functions = {
        .createString = on_string,
        .createArray = on_array,
        .createInteger = on_integer,
        .createNil = on_nil,
#if HIREDIS_MAJOR >= 1
        .createDouble = on_double,
        .createBool = on_bool,
#endif
        .freeObject = on_free,
};

int store_reply_new(struct store_reply **ret, const struct store_request *request)
{
        _cleanup_(store_reply_freep) struct store_reply *reply = calloc(1, sizeof(*reply));

        if (!reply) {
                return -ENOMEM;
        }
        reply->reader = redisReaderCreateWithFunctions(&functions);
        if (!reply->reader) {
                return -ENOMEM;
        }
        reply->reader->privdata = reply;
        reply->word = "";
        reply->logs_in = request->logs_in;
        reply->n_commands = request->n_commands;
        memcpy(reply->commands, request->commands, sizeof(reply->commands));
        memcpy(reply->lease_id, request->lease_id, sizeof(reply->lease_id));
        reply->claim.session_left_msec = reply->claim.lease_left_msec = STORE_LEFT_NONE;
        *ret = take_ptr(reply);
        return 0;
}

/* All has come. A value without life, or life without a value, is what a store says just as it expires. */
static void conclude(struct store_reply *reply)
{
        struct store_claim *claim = &reply->claim;

        if (reply->reader->pos < reply->reader->len) {
                (void)end(reply, STORE_NONSENSE); /* more than was asked for */
                return;
        }
        if (!claim->session || claim->session_left_msec == STORE_LEFT_NONE) {
                claim->session = NULL;
                claim->n_session = 0;
                claim->session_left_msec = STORE_LEFT_NONE;
        }
        if (!claim->lease || claim->lease_left_msec == STORE_LEFT_NONE) {
                claim->lease = NULL;
                claim->n_lease = 0;
                claim->lease_left_msec = STORE_LEFT_NONE;
        }
        claim->lease_ours = claim->lease && claim->n_lease == sizeof(reply->lease_id) &&
                            memcmp(claim->lease, reply->lease_id, sizeof(reply->lease_id)) == 0;
        (void)end(reply, reply->lease_taken && !claim->lease_ours ? STORE_NONSENSE : STORE_FINE);
}

/* Reads as far as the bytes go. */
static int read_on(struct store_reply *reply)
{
        while (!reply->ended) {
                void *answer = NULL;

                if (redisReaderGetReply(reply->reader, &answer) != REDIS_OK && !reply->ended) {
                        if (reply->reader->err == REDIS_ERR_OOM) {
                                return -ENOMEM;
                        }
                        (void)end(reply, STORE_NONSENSE);
                }
                if (reply->ended || !answer) {
                        return 0;
                }
                reply->n_answers++;
                if (reply->n_answers > index_of_exec(reply)) {
                        conclude(reply);
                }
        }
        return 0;
}

int store_reply_feed(struct store_reply *reply, const void *bytes, size_t size, enum store_state *ret_state)
{
        if (!reply->ended && size > STORE_REPLY_MAX - reply->n_fed) {
                (void)end(reply, STORE_NONSENSE);
        }
        if (!reply->ended && size > 0) {
                reply->n_fed += size;
                if (redisReaderFeed(reply->reader, bytes, size) != REDIS_OK) {
                        return -ENOMEM;
                }
                int r = read_on(reply);
                if (r < 0) {
                        return r;
                }
        }
        if (!reply->ended) {
                return 0;
        }
        *ret_state = reply->state;
        return 1;
}

const struct store_claim *store_reply_claim(const struct store_reply *reply)
{
        return &reply->claim;
}

const char *store_reply_word(const struct store_reply *reply)
{
        return reply->word;
}

struct store_reply *store_reply_free(struct store_reply *reply)
{
        if (reply) {
                if (reply->reader) {
                        redisReaderFree(reply->reader);
                }
                free(reply);
        }
        return NULL;
}

void store_reply_freep(struct store_reply **reply)
{
        (void)store_reply_free(*reply);
}
