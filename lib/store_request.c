/* Requests to a store, by hiredis' formatter: each argument has its length in front, so no byte of a value
 * or a password can be taken for a command. */
#include "lib/store_request.h"

#include "lib/secret.h"
#include "lib/share_form.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>

#define ARGUMENTS_MAX 6
#define NUMBER_SIZE   24
#define LEFT_MAX_MSEC (UINT64_C(1000) * LIFETIME_MAX_SEC)

struct argument {
        const void *bytes;
        size_t size;
};

#define TEXT(text)                                                                                          \
        (struct argument)                                                                                   \
        {                                                                                                   \
                (text), strlen(text)                                                                        \
        }

/* Appends one command; the bytes that hiredis put it together in are wiped, as it may be the login. */
static int append(struct store_request *request, const struct argument *arguments, size_t n)
{
        const char *argv[ARGUMENTS_MAX];
        size_t lengths[ARGUMENTS_MAX];
        char *text = NULL;

        for (size_t i = 0; i < n; i++) {
                argv[i] = arguments[i].bytes;
                lengths[i] = arguments[i].size;
        }
        int length = (int)redisFormatCommandArgv(&text, (int)n, argv, lengths);
        if (length < 0 || !text) {
                return -ENOMEM;
        }
        bool fits = (size_t)length <= STORE_REQUEST_MAX - request->size;
        if (fits) {
                memcpy(request->bytes + request->size, text, (size_t)length);
                request->size += (size_t)length;
        }
        explicit_bzero(text, (size_t)length);
        redisFreeCommand(text);
        return fits ? 0 : -EINVAL;
}

static int append_word(struct store_request *request, const char *word)
{
        return append(request, &TEXT(word), 1);
}

static int log_in(struct store_request *request, const struct store_login *login)
{
        if (!login || !login->password) {
                return 0;
        }
        bool named = login->username && *login->username != '\0';
        const struct argument arguments[] = { TEXT("AUTH"), TEXT(named ? login->username : login->password),
                                              TEXT(login->password) };

        if (strlen(login->password) > STORE_PASSWORD_MAX ||
            (named && strlen(login->username) > STORE_USERNAME_MAX)) {
                return -EINVAL;
        }
        request->logs_in = true;
        return append(request, arguments, named ? 3 : 2);
}

/* The arguments of single commands, besides the names. */
struct details {
        struct argument value;
        char left[NUMBER_SIZE];
        char ends[NUMBER_SIZE];
        char spare[SHARE_NAME_MAX];
};

/* Words of a command that stand for something else; told by their addresses. */
static const char a_session[] = "session", a_lease[] = "lease", an_id[] = "id", a_value[] = "value",
                  a_left[] = "left", an_end[] = "end", a_spare[] = "spare";

#define DIGITS_OF(number)  DIGITS_OF_(number)
#define DIGITS_OF_(number) #number

static const char *const commands_as_words[_STORE_COMMAND_COUNT][ARGUMENTS_MAX + 1] = {
        [STORE_TIME] = { "TIME" },
        [STORE_SESSION_LEFT] = { "PTTL", a_session },
        [STORE_SESSION_GET] = { "GET", a_session },
        [STORE_SESSION_SET] = { "SET", a_session, a_value, "PX", a_left },
        [STORE_SESSION_END] = { "PEXPIREAT", a_session, an_end },
        [STORE_SESSION_DROP] = { "DEL", a_session },
        [STORE_LEASE_TAKE] = { "SET", a_lease, an_id, "NX", "PX", DIGITS_OF(STORE_LEASE_MSEC) },
        [STORE_LEASE_LEFT] = { "PTTL", a_lease },
        [STORE_LEASE_GET] = { "GET", a_lease },
        [STORE_LEASE_SET] = { "SET", a_lease, a_value, "PX", a_left },
        [STORE_LEASE_SHORTEN] = { "PEXPIRE", a_lease, DIGITS_OF(STORE_LAPSE_MSEC) },
        [STORE_LEASE_GIVE_BACK] = { "DEL", a_lease },
        [STORE_SPARE_DROP] = { "DEL", a_spare },
};

static struct argument argument_of(const char *word, const struct store_place *place,
                                   const struct details *details)
{
        if (word == an_id) {
                return (struct argument){ place->lease_id, sizeof(place->lease_id) };
        }
        if (word == a_value) {
                return details->value;
        }
        return word == a_session ? TEXT(place->session_name)
               : word == a_lease ? TEXT(place->lease_name)
               : word == a_left  ? TEXT(details->left)
               : word == an_end  ? TEXT(details->ends)
               : word == a_spare ? TEXT(details->spare)
                                 : TEXT(word);
}

static int add(struct store_request *request, enum store_command command, const struct store_place *place,
               const struct details *details)
{
        const char *const *words = commands_as_words[command];
        struct argument arguments[ARGUMENTS_MAX];
        size_t n = 0;

        for (; words[n]; n++) {
                arguments[n] = argument_of(words[n], place, details);
        }
        request->commands[request->n_commands++] = command;
        return append(request, arguments, n);
}

static int make(struct store_request **ret, const struct store_login *login, const struct store_place *place,
                const struct details *details, const enum store_command *commands, size_t n)
{
        _cleanup_(store_request_freep) struct store_request *request = calloc(1, sizeof(*request));

        if (!request) {
                return -ENOMEM;
        }
        request->bytes = secret_alloc(STORE_REQUEST_MAX);
        if (!request->bytes) {
                return -ENOMEM;
        }
        memcpy(request->lease_id, place->lease_id, sizeof(request->lease_id));
        int r = log_in(request, login);
        if (r < 0) {
                return r;
        }
        r = append_word(request, "MULTI");
        if (r < 0) {
                return r;
        }
        for (size_t i = 0; i < n; i++) {
                r = add(request, commands[i], place, details);
                if (r < 0) {
                        return r;
                }
        }
        r = append_word(request, "EXEC");
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(request);
        return 0;
}

int store_request_claim(struct store_request **ret, const struct store_login *login,
                        const struct store_place *place)
{
        static const enum store_command commands[] = { STORE_TIME,        STORE_SESSION_LEFT,
                                                       STORE_SESSION_GET, STORE_LEASE_TAKE,
                                                       STORE_LEASE_LEFT,  STORE_LEASE_GET };
        const struct details none = { .value = TEXT("") };

        return make(ret, login, place, &none, commands, ARRAY_SIZE(commands));
}

int store_request_look(struct store_request **ret, const struct store_login *login,
                       const struct store_place *place)
{
        static const enum store_command commands[] = { STORE_TIME, STORE_LEASE_LEFT, STORE_LEASE_GET,
                                                       STORE_SPARE_DROP };
        struct details details = { .value = TEXT("") };
        int n = snprintf(details.spare, sizeof(details.spare), "%s:x", place->session_name);

        if (n < 0 || (size_t)n >= sizeof(details.spare)) {
                return -EINVAL;
        }
        return make(ret, login, place, &details, commands, ARRAY_SIZE(commands));
}

static int set_details(struct details *details, const void *value, size_t n_value, uint64_t left_msec,
                       uint64_t ends_msec)
{
        if (n_value > SHARE_VALUE_MAX || left_msec == 0 || left_msec > LEFT_MAX_MSEC ||
            ends_msec > SHARE_TIME_MAX_USEC / USEC_PER_MSEC) {
                return -EINVAL;
        }
        details->value = (struct argument){ value, n_value };
        (void)snprintf(details->left, sizeof(details->left), "%" PRIu64, left_msec);
        (void)snprintf(details->ends, sizeof(details->ends), "%" PRIu64, ends_msec);
        return 0;
}

int store_request_publish(struct store_request **ret, const struct store_login *login,
                          const struct store_place *place, const void *value, size_t n_value,
                          uint64_t left_msec, uint64_t ends_msec, bool gives_back)
{
        static const enum store_command commands[] = { STORE_SESSION_SET, STORE_SESSION_END,
                                                       STORE_LEASE_GIVE_BACK };
        struct details details;
        int r = set_details(&details, value, n_value, left_msec, ends_msec);

        return r < 0 ? r : make(ret, login, place, &details, commands, gives_back ? 3 : 2);
}

int store_request_rehearse(struct store_request **ret, const struct store_login *login,
                           const struct store_place *place, uint64_t left_msec, uint64_t ends_msec)
{
        static const enum store_command commands[] = { STORE_SESSION_SET,     STORE_SESSION_END,
                                                       STORE_LEASE_SET,       STORE_LEASE_SHORTEN,
                                                       STORE_LEASE_GIVE_BACK, STORE_SESSION_DROP };
        struct details details;
        int r = set_details(&details, "x", 1, left_msec, ends_msec);

        return r < 0 ? r : make(ret, login, place, &details, commands, ARRAY_SIZE(commands));
}

int store_request_cool(struct store_request **ret, const struct store_login *login,
                       const struct store_place *place, const void *value, size_t n_value,
                       uint64_t left_msec)
{
        static const enum store_command commands[] = { STORE_LEASE_SET };
        struct details details;
        int r = set_details(&details, value, n_value, left_msec, 0);

        return r < 0 ? r : make(ret, login, place, &details, commands, ARRAY_SIZE(commands));
}

int store_request_lapse(struct store_request **ret, const struct store_login *login,
                        const struct store_place *place)
{
        static const enum store_command commands[] = { STORE_LEASE_SHORTEN };
        const struct details none = { .value = TEXT("") };

        return make(ret, login, place, &none, commands, ARRAY_SIZE(commands));
}

int store_request_give_back(struct store_request **ret, const struct store_login *login,
                            const struct store_place *place)
{
        static const enum store_command commands[] = { STORE_LEASE_GIVE_BACK };
        const struct details none = { .value = TEXT("") };

        return make(ret, login, place, &none, commands, ARRAY_SIZE(commands));
}

struct store_request *store_request_free(struct store_request *request)
{
        if (request) {
                (void)secret_free(request->bytes);
                free(request);
        }
        return NULL;
}

void store_request_freep(struct store_request **request)
{
        (void)store_request_free(*request);
}
