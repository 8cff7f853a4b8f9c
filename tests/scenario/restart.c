/* The program ends, and another process begins. As in daemon/keeper: the token goes on, and so does what is
 * known of the keys whose files are still there. Or it goes on, with another upstream. */
#include "tests/scenario/restart.h"

#include "lib/saved_knowledge.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <assert.h>
#include <stdio.h>

/* The remains of one machine, for the next. */
struct remains {
        struct refresh_past past;
        struct refresh_token token;
        bool has_token;
        struct key_knowledge known[MODEL_KEYS_MAX]; /* by serial */
};

/* ---- texts, as daemon/keeper/survival writes and reads them ---- */

/* A text's lifetimes are of a second at least. */
static bool has_saved_token(const struct remains *remains)
{
        return remains->has_token && remains->token.life_usec >= USEC_PER_SEC;
}

static struct session *make_session(const struct model *model)
{
        static struct grant grant = { .mage_id = "MAG000111222", .ust = "made-up-token" };
        struct session *session = NULL;

        grant.lifetime_sec = (uint32_t)((model->expires_usec - model->token_sent_usec) / USEC_PER_SEC);
        int r = session_new(&session, &grant, 1, model->token_sent_usec, "1-main");
        assert(r >= 0);
        return session;
}

static void name_key(uint64_t serial, uint8_t ret[static KEYED_DIGEST_SIZE])
{
        memset(ret, 0, KEYED_DIGEST_SIZE);
        ret[0] = (uint8_t)serial; /* below MODEL_KEYS_MAX */
}

/* Only what was written is read; anything else would be lost at a restart. */
static void must_be_read(int r, const char *why, const char *text, size_t length)
{
        if (r < 0) {
                fprintf(stderr, "what a machine left is not read again, %s: %.*s\n", why, (int)length, text);
                abort();
        }
}

static void sessions_through_text(const struct model *model, struct remains *remains)
{
        _cleanup_(saved_sessions_freep) struct saved_sessions *saved = saved_sessions_new(), *again = NULL;
        struct saved_environment *one = &saved->environments[saved->n_environments++];
        bool lives = has_saved_token(remains);
        const char *why = "";
        char *text = NULL;
        size_t length = 0;

        saved->number = 1;
        (void)snprintf(saved->boot_id, sizeof(saved->boot_id), "0123456789abcdef0123456789abcdef");
        (void)snprintf(one->name, sizeof(one->name), "sandbox");
        (void)snprintf(one->base_url, sizeof(one->base_url), "%s", BASE_URL_SANDBOX);
        saved_environment_set_past(one, &remains->past);
        if (lives) {
                saved_environment_set_session(one, make_session(model), &remains->token);
        }
        int r = saved_sessions_format(saved, &text, &length);
        assert(r >= 0);
        r = saved_sessions_parse(text, length, &again, &why);
        must_be_read(r, why, text, length);
        (void)secret_free(text);
        one = &again->environments[0];
        if (lives) {
                remains->token.refresh_point_usec = one->refresh_point_usec;
                remains->token.attainable_sec = one->attainable_sec;
                remains->token.reported = one->reported;
        }
        refresh_past_join(&remains->past, &one->past); /* of which the knowledge has more */
}

static void knowledge_through_text(const struct model *model, struct remains *remains)
{
        static struct exchange_ledger nothing_sent;
        _cleanup_(saved_knowledge_freep) struct saved_knowledge *saved = saved_knowledge_new(),
                                                                *again = NULL;
        struct known_environment *one = saved_knowledge_add(saved);
        const struct keyring *keyring = &model->machine.keyring;
        const char *why = "";
        char *text = NULL;
        size_t length = 0;

        saved->number = 1;
        saved->ledger = &nothing_sent;
        (void)snprintf(saved->boot_id, sizeof(saved->boot_id), "0123456789abcdef0123456789abcdef");
        (void)snprintf(one->name, sizeof(one->name), "sandbox");
        (void)snprintf(one->base_url, sizeof(one->base_url), "%s", BASE_URL_SANDBOX);
        one->past = remains->past;
        for (size_t i = 0; i < keyring->n; i++) {
                const struct key_state *key = &keyring->keys[i];
                if (key->known.standing != KEY_UNTRIED) {
                        name_key(key->serial, one->keys[one->n_keys].digest);
                        one->keys[one->n_keys++].known = key->known;
                }
        }
        int r = saved_knowledge_format(saved, &text, &length);
        assert(r >= 0);
        r = saved_knowledge_parse(text, length, &again, &why);
        must_be_read(r, why, text, length);
        (void)secret_free(text);
        remains->past = again->environments[0]->past;
        memset(remains->known, 0, sizeof(remains->known));
        for (size_t i = 0; i < again->environments[0]->n_keys; i++) {
                const struct known_key *key = &again->environments[0]->keys[i];
                remains->known[key->digest[0]] = key->known;
        }
}

/* ---- the next machine ---- */

static struct remains leave(const struct model *model)
{
        const struct keyring *keyring = &model->machine.keyring;
        struct remains remains = { .has_token = model_token_lives(model) };

        refresh_leave(&model->machine, &remains.past, &remains.token);
        remains.token.life_usec = model->expires_usec - model->token_sent_usec;
        for (size_t i = 0; i < keyring->n; i++) {
                remains.known[keyring->keys[i].serial] = keyring->keys[i].known;
        }
        return remains;
}

/* The machine is another one; the key files are read. */
static void begin_anew(struct world *world, const struct refresh *machine,
                       const struct key_knowledge known[MODEL_KEYS_MAX], bool token_survives,
                       bool same_upstream)
{
        struct model *model = &world->model;
        struct key_name files[KEYS_PER_ENVIRONMENT_MAX];

        world->answer_usec = world->store_usec = USEC_NEVER;
        memcpy(files, model->files, sizeof(files));
        for (size_t i = 0; i < model->n_files; i++) {
                files[i].rewritten = false;
                files[i].known = known ? known[files[i].serial] : (struct key_knowledge){ 0 };
        }
        model_begin_anew(model, machine, token_survives, same_upstream);
        model_keys(model, files, model->n_files);
}

void world_restart(struct world *world, uint64_t down_usec, bool through_text)
{
        struct model *model = &world->model;
        struct remains remains = leave(model);
        struct refresh next;

        if (through_text) {
                knowledge_through_text(model, &remains);
                sessions_through_text(model, &remains);
                if (has_saved_token(&remains) &&
                    model->attainable_sec > remains.token.life_usec / USEC_PER_SEC) {
                        model->attainable_sec = 0; /* no text has more than the token's life */
                }
        }
        model->now_usec += down_usec;
        bool survives = model_token_lives(model);
        refresh_init(&next);
        refresh_use_store(&next, model->reference.store);
        refresh_restore(&next, &remains.past, survives ? &remains.token : NULL, model->token_serial);
        begin_anew(world, &next, remains.known, survives, /* same_upstream= */ true);
        if (survives && model->now_usec < remains.token.refresh_point_usec && !remains.token.reported &&
            model->step.exchange && model->step.reason != REFRESH_TRIAL && !model->broken) {
                model->broken = "restart: an exchange though the token survived";
        }
        world_after_event(world);
}

void world_move(struct world *world)
{
        struct refresh next = world->model.machine;

        refresh_move(&next);
        begin_anew(world, &next, /* known= */ NULL, /* token_survives= */ false, /* same_upstream= */ false);
        world_after_event(world);
}
