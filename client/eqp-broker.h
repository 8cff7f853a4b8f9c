/* libeqp-broker: session tokens of Adobe Commerce's EQP API from the local eqp-brokerd.
 *
 *         struct eqp_broker *broker = NULL;
 *         struct eqp_broker_token *token = NULL;
 *         int r;
 *
 *         r = eqp_broker_open(&broker, NULL, "nightly-report");
 *         if (r >= 0)
 *                 r = eqp_broker_get_token(broker, "production", 60, EQP_BROKER_WAIT_DEFAULT, &token);
 *
 * Words: a *broker* is the connection to the daemon, a *token* is one session token with what belongs to it,
 * an *environment* is a name such as "sandbox" or "production".
 *
 * Results. Every function that returns int gives 0 for success or one of these:
 *
 *         -ECONNREFUSED  no daemon: nothing listens at the address, or somebody who is not to be trusted
 *         -EACCES        not allowed: the daemon refuses this caller, or the socket may not be opened
 *         -EAGAIN        no token now (or not ready now); see eqp_broker_retry_after_sec()
 *         -EBUSY         too many connections, or a refresh too soon after the last ones; come back later
 *         -EINVAL        an argument is not valid, or the daemon says that the request is not
 *         -ENOENT        the daemon knows no such environment
 *         -ERANGE        no token of this environment can live as long as min_ttl_sec asks
 *         -EBADMSG       the daemon's configuration has a mistake: not reloaded
 *         -ETIMEDOUT     the daemon took the connection, and the answer did not come in time
 *         -ECONNRESET    the connection broke before the answer was complete
 *         -EPROTO        nonsense: the server is not an eqp-brokerd, or one of an unknown version
 *         -EINTR         something could be read from stop_fd
 *         -EREMOTEIO     the daemon reports an internal error
 *         -ENOMEM        out of memory
 *
 * After a failure eqp_broker_error_message() says in words what, why and what to do. ret_... arguments are
 * written on success only.
 *
 * Threads: a broker is for one thread at a time; two brokers know nothing of each other. Do not use one on
 * both sides of a fork.
 *
 * Functions block, each for a bounded time that is given there; twice as long at worst, if the connection
 * breaks and a reading request is sent once more. No signal handler is set, no proxy is used, no redirect
 * followed, and no answer beyond 1 MiB is read. */
#pragma once

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EQP_BROKER_PUBLIC __attribute__((visibility("default")))

/* Where the daemon listens unless it is configured otherwise. */
#define EQP_BROKER_DEFAULT_UNIX "unix:/run/eqp-broker/eqp-broker.sock"
#define EQP_BROKER_DEFAULT_TCP  "http://127.0.0.1:9377"

/* The environment variable that names another address. Not looked at in set-user-ID programs. */
#define EQP_BROKER_ADDRESS_VARIABLE "EQP_BROKER_ADDRESS"

/* For wait_sec: as long as the daemon thinks right (2 s). */
#define EQP_BROKER_WAIT_DEFAULT (-1)

/* The most that may be asked for. */
#define EQP_BROKER_WAIT_MAX_SEC    30
#define EQP_BROKER_MIN_TTL_MAX_SEC 2592000U

struct eqp_broker;
struct eqp_broker_token;

/* ---- broker ---- */

/* Makes a broker; no request is sent yet, so this succeeds without a daemon as well.
 *
 * address is "unix:/absolute/path" or "http://HOST:PORT" with HOST one of 127.0.0.1, localhost, [::1]. NULL
 * means the address in $EQP_BROKER_ADDRESS, and where that is unset or empty, the socket of this user's own
 * broker, $XDG_RUNTIME_DIR/eqp-broker/eqp-broker.sock (without the variable: /run/user/UID instead), if this
 * user has the directory and listens there; where there is none, the default unix socket, or, where there is
 * none, the default TCP address; this is decided anew at every request. A socket in the user's place that
 * another user listens at is passed over.
 *
 * On the default TCP address, before anything is sent, the kernel is asked who owns the other end. If this
 * machine has a user eqp-broker (in /etc/passwd), it must be that user, root or this process's own: any
 * local user could have taken the port. Where there is no such user, as in most containers, and where an
 * address was given, this is not checked.
 *
 * client_name says who asks. The daemon writes it to its log. 1 to 64 of A-Z a-z 0-9 . _ / @ -
 *
 * -EINVAL (address or name), -ENOMEM. Release the result with eqp_broker_free(). */
EQP_BROKER_PUBLIC int eqp_broker_open(struct eqp_broker **ret_broker, const char *address,
                                      const char *client_name);

/* Closes the connection and releases the broker. Tokens got through it stay. NULL is fine; returns NULL. */
EQP_BROKER_PUBLIC struct eqp_broker *eqp_broker_free(struct eqp_broker *broker);

/* ---- requests ---- */

/* Gets the current session token of an environment.
 *
 * min_ttl_sec: the token must have so much life left; the daemon gets a new one if need be. 0: any valid
 * one. wait_sec: how long to wait for a token that is not there yet, 0 to EQP_BROKER_WAIT_MAX_SEC, or
 * EQP_BROKER_WAIT_DEFAULT. Blocks for at most 5 s longer than that.
 *
 * Ask each time a token is needed: the daemon answers from memory. Release with eqp_broker_token_free(). */
EQP_BROKER_PUBLIC int eqp_broker_get_token(struct eqp_broker *broker, const char *environment,
                                           unsigned min_ttl_sec, int wait_sec,
                                           struct eqp_broker_token **ret_token);

/* Gets the token that comes after the one the caller has: waits until there is another one.
 *
 * previous: the one it has; NULL: any will do. *ret_token is NULL, with 0 as the result, if there was no
 * other one for wait_sec, 0 to EQP_BROKER_WAIT_MAX_SEC, or for less if the daemon ends: then ask again,
 * after a short pause if it came at once. Without previous that is a failure, -EAGAIN.
 *
 * stop_fd: the wait ends with -EINTR as soon as this can be read, a signalfd(2) for example; -1: with
 * nothing. It is not read here. The daemon keeps a waiting request without work, and obtains no token for
 * it. One of a version that knows no such wait is asked once, and what is left of wait_sec passes in here.
 *
 * Blocks for at most 5 s longer than wait_sec; when stop_fd can be read, for as long as it takes to connect,
 * at most 2 s. */
EQP_BROKER_PUBLIC int eqp_broker_get_next_token(struct eqp_broker *broker, const char *environment,
                                                const struct eqp_broker_token *previous, int wait_sec,
                                                int stop_fd, struct eqp_broker_token **ret_token);

/* Reports that the EQP API refused this token (401), and gets the one to go on with. The daemon acts on it
 * if ust is its current token, once per token and at most every 10 s; else the answer is the current token.
 *
 * ret_refreshed: whether a newer token was obtained for this report. Either ret_ argument may be NULL.
 * Blocks for at most 60 s. */
EQP_BROKER_PUBLIC int eqp_broker_report_rejected(struct eqp_broker *broker, const char *environment,
                                                 const char *ust, bool *ret_refreshed,
                                                 struct eqp_broker_token **ret_token);

/* Has a new token obtained now, whatever is left of the old one. For operators. Succeeds when the daemon has
 * made the attempt; ret_refreshed tells whether a token was granted, and ret_json is the daemon's account of
 * it: an object with "outcome", "key", "message" and, when granted, "expires_in" (seconds). It holds no
 * secret; release with free(). Either ret_ argument may be NULL. Blocks for at most 60 s. */
EQP_BROKER_PUBLIC int eqp_broker_refresh(struct eqp_broker *broker, const char *environment,
                                         bool *ret_refreshed, char **ret_json);

/* The same, and the daemon forgets which account the environment had: that of the next token is its account
 * from then on. So a key of another account comes into use; see eqpctl key set --new-account. Where
 * "account" is set in the configuration, that holds on. ret_json has "mage_id" as well, the account of the
 * token in hand, when there is one. */
EQP_BROKER_PUBLIC int eqp_broker_refresh_new_account(struct eqp_broker *broker, const char *environment,
                                                     bool *ret_refreshed, char **ret_json);

/* Gets the state of all environments that the caller may use, as JSON text: an object with an array
 * "environments". It holds no secret; release with free(). Blocks for at most 5 s. */
EQP_BROKER_PUBLIC int eqp_broker_get_status(struct eqp_broker *broker, char **ret_json);

/* Has the daemon read its configuration and keys again, and waits until that is done. For root, the daemon's
 * own user and operators. -EBADMSG: the new configuration has a mistake and the old one stands; the message
 * says which and where. ret_json is the daemon's account: an object with "reloaded" and an array
 * "environments" of the names there are now; it may be NULL, else release with free(). Blocks for at most
 * 60 s. */
EQP_BROKER_PUBLIC int eqp_broker_reload(struct eqp_broker *broker, char **ret_json);

/* 0 if every configured environment has a usable token; -EAGAIN if not, the message says which and why.
 * Blocks for at most 5 s. */
EQP_BROKER_PUBLIC int eqp_broker_ready(struct eqp_broker *broker);

/* 0 if the daemon runs and answers. Blocks for at most 5 s. */
EQP_BROKER_PUBLIC int eqp_broker_live(struct eqp_broker *broker);

/* the last failure
 *
 * Strings belong to the broker and last until its next request. None of them holds a token, nor a control
 * character. */

/* The error, its cause and its cure, as one line. "" if the last request succeeded. */
EQP_BROKER_PUBLIC const char *eqp_broker_error_message(const struct eqp_broker *broker);

/* The same as a word for programs: the daemon's own, such as "no_token" or "caller_refused", or one of ours:
 * "no_daemon", "not_trusted", "socket_refused", "timed_out", "connection_lost", "not_understood",
 * "bad_argument", "stopped", "out_of_memory".
 * "" if the last request succeeded. */
EQP_BROKER_PUBLIC const char *eqp_broker_error_slug(const struct eqp_broker *broker);

/* How many seconds the daemon asks to stay away before the next try, at most a day; 0 if it did not say. */
EQP_BROKER_PUBLIC unsigned eqp_broker_retry_after_sec(const struct eqp_broker *broker);

/* Where the last request went, e.g. "unix:/run/eqp-broker/eqp-broker.sock"; before the first, where it
 * would be tried first. */
EQP_BROKER_PUBLIC const char *eqp_broker_address(const struct eqp_broker *broker);

/* token
 *
 * One block of memory, immutable, wiped when released. Strings belong to the token. */

/* Wipes and releases. NULL is fine; returns NULL. */
EQP_BROKER_PUBLIC struct eqp_broker_token *eqp_broker_token_free(struct eqp_broker_token *token);

/* The session token, for "Authorization: Bearer ...": 1 to 4096 visible ASCII characters, no double quote. A
 * secret. */
EQP_BROKER_PUBLIC const char *eqp_broker_token_ust(const struct eqp_broker_token *token);

/* The account, as in /rest/v1/users/<mage_id>. */
EQP_BROKER_PUBLIC const char *eqp_broker_token_mage_id(const struct eqp_broker_token *token);

/* The environment asked for, and the URL its requests go to: "https://..." without a slash at the end. */
EQP_BROKER_PUBLIC const char *eqp_broker_token_environment(const struct eqp_broker_token *token);
EQP_BROKER_PUBLIC const char *eqp_broker_token_base_url(const struct eqp_broker_token *token);

/* Seconds of life left when the daemon answered, rounded down. */
EQP_BROKER_PUBLIC unsigned eqp_broker_token_expires_in_sec(const struct eqp_broker_token *token);

/* The end of its life as the daemon's clock has it, e.g. "2026-11-23T05:02:11Z". */
EQP_BROKER_PUBLIC const char *eqp_broker_token_expires_at(const struct eqp_broker_token *token);

#ifdef __cplusplus
}
#endif
