/* The program ends, and another process begins. As in daemon/keeper/survival: the token goes on if a file
 * still gives the key that obtained it. Or it goes on, with another upstream. */
#include "tests/scenario/restart.h"

#include "lib/saved_sessions.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <assert.h>
#include <stdio.h>

static const struct key_name *file_of(const struct model *model, uint64_t serial)
{
        for (size_t i = 0; i < model->n_files; i++) {
                if (model->files[i].serial == serial) {
                        return &model->files[i];
                }
        }
        return NULL;
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

/* Writes and reads it. */
static void through_its_text(const struct model *model, struct refresh_past *past,
                             struct refresh_token *token)
{
        _cleanup_(saved_sessions_freep) struct saved_sessions *saved = saved_sessions_new(), *again = NULL;
        struct saved_environment *environment = &saved->environments[saved->n_environments++];
        const char *why = "";
        char *text = NULL;
        size_t length = 0;

        saved->number = 1;
        (void)snprintf(environment->name, sizeof(environment->name), "sandbox");
        (void)snprintf(environment->base_url, sizeof(environment->base_url), "%s", BASE_URL_SANDBOX);
        environment->past = *past;
        if (model->has_token) {
                environment->session = make_session(model);
                environment->refresh_point_usec = token->refresh_point_usec;
                environment->attainable_sec = token->attainable_sec;
                environment->reported = token->reported;
        }
        int r = saved_sessions_format(saved, &text, &length);
        assert(r >= 0);
        r = saved_sessions_parse(text, length, &again, &why);
        if (r < 0) {
                fprintf(stderr, "%s: %.*s\n", why, (int)length, text);
                abort();
        }
        (void)secret_free(text);
        environment = &again->environments[0];
        assert(saved_environment_possible(environment, model->now_usec));
        *past = environment->past;
        if (model->has_token) {
                *token = (struct refresh_token){ environment->session->expires_usec,
                                                 environment->refresh_point_usec,
                                                 environment->attainable_sec, environment->reported };
        }
}

/* The machine is another one; the key files are read. */
static void begin_anew(struct world *world, const struct refresh *machine, bool token_survives)
{
        struct model *model = &world->model;
        struct key_name files[KEYS_PER_ENVIRONMENT_MAX];

        world->answer_usec = USEC_NEVER;
        memcpy(files, model->files, sizeof(files));
        for (size_t i = 0; i < model->n_files; i++) {
                files[i].rewritten = false;
        }
        model_begin_anew(model, machine, token_survives);
        model_keys(model, files, model->n_files);
}

void world_restart(struct world *world, uint64_t down_usec, bool through_text)
{
        struct model *model = &world->model;
        struct refresh_past past;
        struct refresh_token token = { 0 };
        struct refresh next;

        refresh_leave(&model->machine, &past, &token);
        model->now_usec += down_usec;
        if (through_text) {
                through_its_text(model, &past, &token);
        }
        const struct key_name *key = model_token_lives(model) ? file_of(model, model->token_key) : NULL;
        refresh_init(&next);
        refresh_restore(&next, &past, key ? &token : NULL, model->token_serial, key);
        begin_anew(world, &next, key != NULL);
        if (key && model->now_usec < token.refresh_point_usec && model->step.exchange && !model->broken) {
                model->broken = "restart: an exchange though the token survived";
        }
        world_after_event(world);
}

void world_move(struct world *world)
{
        struct refresh next = world->model.machine;

        refresh_move(&next);
        world->model.patience_until_usec = 0;
        begin_anew(world, &next, /* token_survives= */ false);
        world_after_event(world);
}
