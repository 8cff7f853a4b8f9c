/* An environment's memory when it begins anew. */
#include "daemon/keeper/environment_memory.h"

#include "daemon/base/clock.h"
#include "daemon/keeper/key_digest.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <stdio.h>

bool environment_key_digest(const struct environment *environment, uint64_t key_serial,
                            uint8_t ret[static KEYED_DIGEST_SIZE])
{
        const struct access_key *key = key_files_find(environment->tools.keys, key_serial);
        return key && key_digest(key, environment->tools.salt, ret) >= 0;
}

static const struct known_key *find(const struct environment_memory *memory, const uint8_t *digest)
{
        for (size_t i = 0; i < memory->n_keys; i++) {
                if (secret_equal(memory->keys[i].digest, digest, sizeof(memory->keys[i].digest))) {
                        return &memory->keys[i];
                }
        }
        return NULL;
}

static void add(struct environment_memory *memory, const uint8_t *digest, const struct key_knowledge *known)
{
        if (memory->n_keys < ARRAY_SIZE(memory->keys) && known->standing != KEY_UNTRIED &&
            !find(memory, digest)) {
                struct known_key *key = &memory->keys[memory->n_keys++];
                memcpy(key->digest, digest, sizeof(key->digest));
                key->known = *known;
        }
}

void environment_restore(struct environment *environment, const struct environment_memory *memory)
{
        struct session *session = memory->session;

        refresh_restore(&environment->view.refresh, &memory->past, session ? &memory->token : NULL,
                        session ? session->serial : 0);
        memcpy(environment->account, memory->account, sizeof(environment->account));
        if (session) {
                environment->session = session_ref(session);
                memcpy(environment->session_key_digest, memory->session_key_digest,
                       sizeof(environment->session_key_digest));
                environment->last_serial = session->serial;
                environment->view.last_refresh_usec = session->sent_usec;
        }
        /* Without memory for it, the keys are tried once more. */
        environment->memory = malloc(sizeof(*memory));
        if (environment->memory) {
                *environment->memory = *memory;
                environment->memory->session = NULL;
        }
}

void environment_remember(const struct environment *environment, struct environment_memory *ret)
{
        const struct refresh *refresh = &environment->view.refresh;
        const struct environment_memory *waiting = environment->memory;

        *ret = (struct environment_memory){ .n_keys = 0 };
        refresh_leave(refresh, &ret->past, &ret->token);
        memcpy(ret->account, environment->account, sizeof(ret->account));
        if (environment->session && refresh->has_token) {
                ret->session = environment->session;
                ret->token.life_usec = environment->session->lifetime_sec * USEC_PER_SEC;
                memcpy(ret->session_key_digest, environment->session_key_digest,
                       sizeof(ret->session_key_digest));
        }
        for (size_t i = 0; i < refresh->keyring.n; i++) {
                uint8_t digest[KEYED_DIGEST_SIZE];
                if (environment_key_digest(environment, refresh->keyring.keys[i].serial, digest)) {
                        add(ret, digest, &refresh->keyring.keys[i].known);
                }
        }
        for (size_t i = 0; waiting && i < waiting->n_keys; i++) {
                add(ret, waiting->keys[i].digest, &waiting->keys[i].known);
        }
}

/* Was the file of a refused key written again, while nobody looked? Then it is as if it were new. */
static bool is_overtaken(const struct environment *environment, uint64_t key_serial,
                         const struct key_knowledge *known)
{
        uint64_t age_usec = usec_sub(clock_now_usec(), known->seen_usec);
        int64_t seen_sec = clock_wall_sec() - (int64_t)(age_usec / USEC_PER_SEC);

        int64_t written_sec = key_files_written_sec(environment->tools.keys, key_serial);

        /* A time to come says nothing, but that a clock was wrong. */
        return known->standing == KEY_REFUSED && written_sec > seen_sec && written_sec <= clock_wall_sec();
}

void environment_memory_tell(struct environment *environment, struct key_name *names, size_t n)
{
        const struct environment_memory *waiting = environment->memory;

        if (!waiting || n == 0) {
                return;
        }
        for (size_t i = 0; i < n; i++) {
                uint8_t digest[KEYED_DIGEST_SIZE];
                if (!environment_key_digest(environment, names[i].serial, digest)) {
                        continue;
                }
                const struct known_key *key = find(waiting, digest);
                bool holds = key && !is_overtaken(environment, names[i].serial, &key->known);
                names[i].known = holds ? key->known : (struct key_knowledge){ 0 };
        }
        free(take_ptr(environment->memory));
}
