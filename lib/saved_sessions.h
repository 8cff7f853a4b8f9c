/* The sessions that are to survive a restart of the program, and their text: those in hand, and when
 * exchanges were sent. A session is bound to its environment's name and base URL, to the boot, and to the
 * access key that obtained it, of which only a keyed digest is kept. */
#pragma once

#include "lib/base_url.h"
#include "lib/keyed_size.h"
#include "lib/refresh_past.h"
#include "lib/saved_json.h"
#include "lib/session.h"
#include "lib/settings.h"

#include <stddef.h>
#include <stdint.h>

#define SAVED_VERSION        1
#define SAVED_SESSIONS_MAX   (512 * 1024) /* bytes of text */
#define SAVED_BOOT_ID_LENGTH 32           /* hexadecimal digits */
#define SAVED_NUMBER_MAX     (UINT64_C(1) << 60)
#define SAVED_CAUSED_MAX     15

struct saved_environment {
        char name[ENVIRONMENT_NAME_MAX + 1];
        char base_url[BASE_URL_MAX + 1];
        struct refresh_past past;               /* see saved_environment_set_past() */
        uint64_t caused_usec[SAVED_CAUSED_MAX]; /* of those that callers caused, the oldest first */
        size_t n_caused;
        struct session *session; /* one reference; NULL: none. The rest belongs to it */
        uint64_t refresh_point_usec;
        uint32_t attainable_sec;
        bool reported;
        uint8_t key_digest[KEYED_DIGEST_SIZE]; /* with saved_sessions.salt */
};

struct saved_sessions {
        uint64_t number; /* 1 and up; the highest is the newest */
        char boot_id[SAVED_BOOT_ID_LENGTH + 1];
        uint8_t salt[KEYED_SALT_SIZE];
        struct saved_environment environments[SETTINGS_ENVIRONMENTS_MAX];
        size_t n_environments;
};

/* An empty one. NULL: no memory. */
struct saved_sessions *saved_sessions_new(void);
/* Lets the sessions go. NULL is fine; returns NULL. */
struct saved_sessions *saved_sessions_free(struct saved_sessions *saved);
void saved_sessions_freep(struct saved_sessions **saved);

/* Writes the text (JSON on one line, no NUL at its end) into a block of secret memory, the caller's for
 * secret_free(). -ENOMEM. -E2BIG: it would be longer than SAVED_SESSIONS_MAX. */
int saved_sessions_format(const struct saved_sessions *saved, char **ret, size_t *ret_length);

/* Reads a text. Only what saved_sessions_format() writes, byte by byte, is taken, and only if a machine can
 * have left it: everything is bounded, and in order. Sessions get the serial 1. -EBADMSG: *reterr_why says
 * in what way, a static text without anything of the content. -ENOMEM. */
int saved_sessions_parse(const char *text, size_t length, struct saved_sessions **ret,
                         const char **reterr_why);

/* Puts the past in. Of the shares only this is written: the exchanges that callers caused. When it is read,
 * that is REFRESH_SHARE_DEMAND, and all else REFRESH_SHARE_NEED; lib/saved_knowledge knows better. */
void saved_environment_set_past(struct saved_environment *saved, const struct refresh_past *past);

/* Puts the session in (whose reference it takes over), and its times. A life that was attainable with a
 * token of before, and is longer than this one's, is not known any more: no text has more than that. */
void saved_environment_set_session(struct saved_environment *saved, struct session *session,
                                   const struct refresh_token *token);

/* Could a process have left this by now? False if any of it lies in a time to come. */
bool saved_environment_possible(const struct saved_environment *saved, uint64_t now_usec);
