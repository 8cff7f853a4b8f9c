/* The texts that the service manager keeps for us: the sessions and the knowledge. */
#include "daemon/keeper/kept_texts.h"

#include "lib/secret.h"
#include "lib/util.h"

static int parse_sessions(const char *text, size_t length, void **ret, uint64_t *ret_number,
                          const char **ret_boot_id, const char **reterr_why)
{
        struct saved_sessions *saved = NULL;
        int r = saved_sessions_parse(text, length, &saved, reterr_why);

        if (r >= 0) {
                *ret = saved;
                *ret_number = saved->number;
                *ret_boot_id = saved->boot_id;
        }
        return r;
}

static int parse_knowledge(const char *text, size_t length, void **ret, uint64_t *ret_number,
                           const char **ret_boot_id, const char **reterr_why)
{
        struct saved_knowledge *saved = NULL;
        int r = saved_knowledge_parse(text, length, &saved, reterr_why);

        if (r >= 0) {
                *ret = saved;
                *ret_number = saved->number;
                *ret_boot_id = saved->boot_id;
        }
        return r;
}

static void free_sessions(void *saved)
{
        (void)saved_sessions_free(saved);
}

static void free_knowledge(void *saved)
{
        (void)saved_knowledge_free(saved);
}

/* While one takes the place of another there are two of each; where that is too much, a store that is full
 * would let the session go. */
static const struct store_series sessions_series = { "sessions", SAVED_SESSIONS_MAX, 1, parse_sessions,
                                                     free_sessions };
static const struct store_series knowledge_series = { "knowledge", SAVED_KNOWLEDGE_MAX, 4, parse_knowledge,
                                                      free_knowledge };

static int format_sessions(const void *saved, char **ret, size_t *ret_length)
{
        return saved_sessions_format(saved, ret, ret_length);
}

static int format_knowledge(const void *saved, char **ret, size_t *ret_length)
{
        return saved_knowledge_format(saved, ret, ret_length);
}

/* Puts it into the store if that has anything else. number: its own. */
static int keep(struct session_store *store, const void *saved, uint64_t *number,
                int (*format)(const void *saved, char **ret, size_t *ret_length))
{
        _cleanup_secret_ char *text = NULL;
        size_t length = 0;

        *number = store->number;
        int r = format(saved, &text, &length);
        if (r < 0 || session_store_has(store, text, length)) {
                return r;
        }
        text = secret_free(text);
        r = session_store_next(store, number);
        if (r < 0) {
                return r;
        }
        r = format(saved, &text, &length);
        return r < 0 ? r : session_store_put(store, text, length);
}

static int keep_sessions(struct session_store *store, struct saved_sessions *saved)
{
        if (saved->n_environments == 0) {
                session_store_drop(store);
                return 0;
        }
        memcpy(saved->boot_id, store->boot_id, sizeof(saved->boot_id));
        return keep(store, saved, &saved->number, format_sessions);
}

static int keep_knowledge(struct session_store *store, struct saved_knowledge *saved)
{
        if (!store->usable) {
                return 0;
        }
        if (saved->n_environments == 0 && saved->ledger->n_keys == 0) {
                session_store_drop(store);
                return 0;
        }
        memcpy(saved->boot_id, store->boot_id, sizeof(saved->boot_id));
        return keep(store, saved, &saved->number, format_knowledge);
}

/* ---- both ---- */

void kept_texts_init(struct kept_texts *texts, struct passed_sockets *passed,
                     struct saved_sessions **ret_sessions, struct saved_knowledge **ret_knowledge)
{
        void *sessions = NULL, *knowledge = NULL;

        session_store_init(&texts->sessions, &sessions_series, passed, &sessions);
        session_store_init(&texts->knowledge, &knowledge_series, passed, &knowledge);
        *ret_sessions = sessions;
        *ret_knowledge = knowledge;
}

/* The knowledge first: a session that is kept is of the account that is known. */
int kept_texts_put(struct kept_texts *texts, struct saved_sessions *sessions,
                   struct saved_knowledge *knowledge, const char **reterr_what)
{
        int known = keep_knowledge(&texts->knowledge, knowledge);
        int r = keep_sessions(&texts->sessions, sessions);

        if (r < 0) {
                /* Rather none than one that is not true any more. */
                session_store_drop(&texts->sessions);
                *reterr_what =
                        known < 0 ? "the sessions, and the knowledge of keys and budgets," : "the sessions";
                return r;
        }
        if (known < 0) {
                *reterr_what = "the knowledge of keys and budgets";
                return known;
        }
        *reterr_what = NULL;
        known = session_store_settle(&texts->knowledge);
        r = session_store_settle(&texts->sessions);
        return r < 0 ? r : known;
}

void kept_texts_clear(struct kept_texts *texts)
{
        session_store_clear(&texts->sessions);
        session_store_clear(&texts->knowledge);
}
