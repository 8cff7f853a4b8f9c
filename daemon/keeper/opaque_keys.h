/* The secret of the opaque tokens of local keys: keys of a MAC (HMAC-SHA256).
 *
 * One is made when it is first needed, and kept by the service manager beside the sessions, over restarts of
 * the service. Where nobody keeps it, each access key gives one of its own (HKDF, RFC 5869): so the tokens
 * live as long as one of the environment's access keys is there, over restarts of a container as well. An
 * access key whose secret is short gives none, as it could be guessed by a holder of such a token; then
 * there is one that lasts as long as the process. */
#pragma once

#include "daemon/base/passed_sockets.h"
#include "daemon/keeper/key_files.h"
#include "lib/message.h"

#define OPAQUE_KEY_SIZE   MESSAGE_OPAQUE_KEY_SIZE
#define OPAQUE_KEYS_MAX   MESSAGE_OPAQUE_KEYS_MAX
#define OPAQUE_SECRET_MIN 32 /* characters of an access key's secret */

/* Of an environment. Secret. */
struct opaque_keys {
        size_t n; /* tokens are made with the first, and known by any */
        uint8_t keys[OPAQUE_KEYS_MAX][OPAQUE_KEY_SIZE];
};

struct opaque_maker;

/* Takes those of passed->kept over that are of this series. Nothing is made yet. -ENOMEM. */
int opaque_maker_new(struct opaque_maker **ret, struct passed_sockets *passed);
/* The manager keeps what it has. NULL is fine; returns NULL. */
struct opaque_maker *opaque_maker_free(struct opaque_maker *maker);

/* The keys of this environment, in a block that is the caller's for secret_free(); makes, and has kept, what
 * there is not yet. -ENOMEM. -EIO: there is no randomness, or the library refuses. */
int opaque_maker_keys(struct opaque_maker *maker, const struct key_files *files, const char *environment,
                      struct opaque_keys **ret);

/* HKDF-SHA256 of an access key's secret, for an environment. -EINVAL: the secret is too short. -EIO. */
int opaque_key_derive(const struct access_key *key, const char *environment,
                      uint8_t ret[static OPAQUE_KEY_SIZE]);
