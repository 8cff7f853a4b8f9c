/* Broker: the common part of all requests.
 *
 * A broker knows the addresses to try, up to three. Every request starts with the first: whether a socket is
 * there may change while a program runs, and finding out costs microseconds. First comes the socket of this
 * user's own broker, if the user has one; another user's socket in that place counts as none. The system's
 * follow: its socket, and its port for where there is no socket, which nobody but root can bring about. A
 * socket that is there and does not answer is the daemon's, and so is the failure. */
#include "client/broker.h"

#include "lib/names.h"
#include "lib/own_places.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

static_assert(sizeof("unix:") + PLACES_SOCKET_MAX <= ADDRESS_TEXT_MAX, "a path of a socket fits");

/* One that cannot be written as an address is as good as none. */
static void add_own_socket(struct eqp_broker *broker)
{
        struct address *own = &broker->addresses[broker->n_addresses];
        char path[PLACES_SOCKET_MAX], text[ADDRESS_TEXT_MAX];

        if (!own_places_socket(path)) {
                return;
        }
        (void)snprintf(text, sizeof(text), "unix:%s", path);
        if (address_parse(own, text) == 0) {
                own->own_only = true;
                broker->n_addresses++;
        }
}

static int add_system_addresses(struct eqp_broker *broker)
{
        static const char *const defaults[] = { EQP_BROKER_DEFAULT_UNIX, EQP_BROKER_DEFAULT_TCP };

        for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
                struct address *address = &broker->addresses[broker->n_addresses];
                int r = address_parse(address, defaults[i]);
                if (r < 0) {
                        return r;
                }
                address->check_owner = !address->unix_path;
                broker->n_addresses++;
        }
        return 0;
}

static int choose_addresses(struct eqp_broker *broker, const char *address)
{
        if (!address) {
                address = secure_getenv(EQP_BROKER_ADDRESS_VARIABLE);
        } else if (address[0] == '\0') {
                return -EINVAL; /* somebody meant to say where */
        }
        if (address && address[0] != '\0') {
                broker->n_addresses = 1;
                return address_parse(&broker->addresses[0], address);
        }

        add_own_socket(broker);
        return add_system_addresses(broker);
}

struct eqp_broker *eqp_broker_free(struct eqp_broker *broker)
{
        if (!broker) {
                return NULL;
        }

        broker->transport = transport_free(broker->transport);
        free(broker);
        return NULL;
}

static void broker_freep(struct eqp_broker **broker)
{
        *broker = eqp_broker_free(*broker);
}

int eqp_broker_open(struct eqp_broker **ret_broker, const char *address, const char *client_name)
{
        _cleanup_(broker_freep) struct eqp_broker *broker = NULL;
        int r;

        if (!client_name || !client_name_valid(client_name, strlen(client_name))) {
                return -EINVAL;
        }

        broker = calloc(1, sizeof(*broker));
        if (!broker) {
                return -ENOMEM;
        }

        r = choose_addresses(broker, address);
        if (r < 0) {
                return r;
        }

        r = transport_new(&broker->transport, client_name);
        if (r < 0) {
                return r;
        }

        *ret_broker = take_ptr(broker);
        return 0;
}

const char *eqp_broker_error_message(const struct eqp_broker *broker)
{
        return broker->trouble.message;
}

const char *eqp_broker_error_slug(const struct eqp_broker *broker)
{
        return broker->trouble.slug;
}

unsigned eqp_broker_retry_after_sec(const struct eqp_broker *broker)
{
        return broker->trouble.retry_after_sec;
}

const char *eqp_broker_address(const struct eqp_broker *broker)
{
        return broker->addresses[broker->last].text;
}

/* Is there no socket, or may this process have none of the kind? For a user's own, one that is closed to
 * this user, or another's, is none. */
static bool is_missing(const struct address *address, int connect_errno)
{
        return connect_errno == ENOENT || connect_errno == ENOTDIR || connect_errno == EAFNOSUPPORT ||
               (address->own_only && (connect_errno == EACCES || connect_errno == EPERM));
}

/* The last address could not be reached either. */
static int nobody_there(struct eqp_broker *broker, const int errors[static ADDRESSES_MAX])
{
        char others[2 * (ADDRESS_TEXT_MAX + 64)] = "";
        size_t length = 0, last = broker->n_addresses - 1;

        for (size_t i = 0; i < last && length < sizeof(others); i++) {
                int n = snprintf(others + length, sizeof(others) - length, "%s%s (%s)", i > 0 ? ", at " : "",
                                 broker->addresses[i].text, strerror(errors[i]));
                length += n > 0 ? (size_t)n : 0;
        }
        return trouble_set(&broker->trouble, -ECONNREFUSED, "no_daemon",
                           "No eqp-brokerd can be reached, neither at %s nor at %s (%s).", others,
                           broker->addresses[last].text, strerror(errors[last]));
}

static int read_answer(struct eqp_broker *broker, const struct request *request, const struct answer *answer,
                       struct json_object **ret_object)
{
        if (answer->status == 304 && request->etag && request->etag[0] != '\0') {
                *ret_object = NULL;
                return 0;
        }
        return answer_read(answer, &broker->addresses[broker->last], ret_object, &broker->trouble);
}

int broker_request(struct eqp_broker *broker, const struct request *request, struct json_object **ret_object)
{
        _cleanup_(answer_clear) struct answer answer = { .body = BODY_INIT(ANSWER_BODY_MAX) };
        int errors[ADDRESSES_MAX] = { 0 };
        int r = -ECONNREFUSED;

        for (size_t i = 0; i < broker->n_addresses; i++) {
                broker->last = i;
                trouble_clear(&broker->trouble);
                answer_clear(&answer);
                r = transport_perform(broker->transport, &broker->addresses[i], request, &answer,
                                      &broker->trouble);
                if (r >= 0) {
                        memcpy(broker->etag, answer.etag, sizeof(broker->etag));
                        return read_answer(broker, request, &answer, ret_object);
                }
                errors[i] = answer.connect_errno;
                if (i > 0 && i + 1 == broker->n_addresses && errors[i] != 0) {
                        return nobody_there(broker, errors);
                }
                if (!is_missing(&broker->addresses[i], errors[i])) {
                        return r;
                }
        }

        return r;
}

int broker_bad_argument(struct eqp_broker *broker, const char *message)
{
        trouble_clear(&broker->trouble);
        return trouble_set(&broker->trouble, -EINVAL, "bad_argument", "%s", message);
}

int broker_check_environment(struct eqp_broker *broker, const char *environment)
{
        if (!environment || !environment_name_valid(environment, strlen(environment))) {
                return broker_bad_argument(
                        broker, "An environment's name is 1 to 32 of a-z 0-9 - and starts with a letter; "
                                "the usual ones are sandbox and production.");
        }
        return 0;
}

int broker_nonsense(struct eqp_broker *broker, const char *what)
{
        return answer_is_nonsense(&broker->addresses[broker->last], what, &broker->trouble);
}
