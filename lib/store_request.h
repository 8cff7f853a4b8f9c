/* Requests to a store, as bytes of RESP: a login if there is one, then a single transaction. Nothing is
 * asked of the store that a user without scripts may not do. */
#pragma once

#include "lib/util.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_LEASE_ID_SIZE 16
#define STORE_LEASE_MSEC    25000 /* of one that nobody gives back: longer than an exchange */
#define STORE_LAPSE_MSEC    5000  /* the rest of it after a failure of our own network */
#define STORE_COMMANDS_MAX  6     /* between MULTI and EXEC */
#define STORE_REQUEST_MAX   16384 /* bytes of a request, whatever it is */
#define STORE_USERNAME_MAX  256
#define STORE_PASSWORD_MAX  1024

/* The commands between MULTI and EXEC, by what they are for. */
enum store_command {
        STORE_TIME,            /* TIME */
        STORE_SESSION_LEFT,    /* PTTL session */
        STORE_SESSION_GET,     /* GET session */
        STORE_SESSION_SET,     /* SET session value PX left */
        STORE_SESSION_END,     /* PEXPIREAT session time */
        STORE_SESSION_DROP,    /* DEL session */
        STORE_LEASE_TAKE,      /* SET lease id NX PX 25000 */
        STORE_LEASE_LEFT,      /* PTTL lease */
        STORE_LEASE_GET,       /* GET lease */
        STORE_LEASE_SET,       /* SET lease cool-down PX left */
        STORE_LEASE_SHORTEN,   /* PEXPIRE lease 5000 */
        STORE_LEASE_GIVE_BACK, /* DEL lease */
        STORE_SPARE_DROP,      /* DEL spare: a name that nobody uses; it is a write */
        _STORE_COMMAND_COUNT,
};

struct store_login {
        const char *username; /* NULL or "": the store's default user */
        const char *password; /* NULL: none is asked for, and no login is sent */
};

/* Under which names, and by whom. The lease ID is random bytes of the one who asks, new for each claim. */
struct store_place {
        const char *session_name;
        const char *lease_name;
        uint8_t lease_id[STORE_LEASE_ID_SIZE];
};

struct store_request {
        char *bytes; /* secret memory: they hold the password */
        size_t size;
        bool logs_in;
        size_t n_commands;
        enum store_command commands[STORE_COMMANDS_MAX]; /* store_reply.h expects their answers */
        uint8_t lease_id[STORE_LEASE_ID_SIZE];
};

/* Each makes one request; it is the caller's. login may be NULL. -ENOMEM. -EINVAL: a username or a password
 * is longer than above, left_msec is not from 1 ms to LIFETIME_MAX_SEC, a value is over SHARE_VALUE_MAX. */

/* TIME; PTTL and GET of the session; the lease is taken if nobody has it; PTTL and GET of it. */
int store_request_claim(struct store_request **ret, const struct store_login *login,
                        const struct store_place *place);

/* TIME; PTTL and GET of the lease: before anything below, so that it happens to a lease of our own only. And
 * a write that changes nothing, so that a replica refuses this one: another store can be asked still.
 * -EINVAL if the session's name is too long. */
int store_request_look(struct store_request **ret, const struct store_login *login,
                       const struct store_place *place);

/* The session for left_msec from now on, and not beyond ends_msec by the store's clock (Unix time), however
 * late the store gets it. gives_back: the lease is known to be ours and ends. */
int store_request_publish(struct store_request **ret, const struct store_login *login,
                          const struct store_place *place, const void *value, size_t n_value,
                          uint64_t left_msec, uint64_t ends_msec, bool gives_back);

/* All that the others write, with a value of no meaning, and it is gone at the end: for a place that nobody
 * else has. ends_msec: as above, by the store's clock. */
int store_request_rehearse(struct store_request **ret, const struct store_login *login,
                           const struct store_place *place, uint64_t left_msec, uint64_t ends_msec);

/* A sealed cool-down instead of the lease, for left_msec. */
int store_request_cool(struct store_request **ret, const struct store_login *login,
                       const struct store_place *place, const void *value, size_t n_value,
                       uint64_t left_msec);

/* Lets the lease lapse after STORE_LAPSE_MSEC. */
int store_request_lapse(struct store_request **ret, const struct store_login *login,
                        const struct store_place *place);

/* Ends the lease, which is known to be ours. */
int store_request_give_back(struct store_request **ret, const struct store_login *login,
                            const struct store_place *place);

/* Wipes and frees; NULL is fine. Returns NULL. */
struct store_request *store_request_free(struct store_request *request);
void store_request_freep(struct store_request **request);
