/* The program ends, and another process begins. As in daemon/keeper: the token goes on, and so does what is
 * known of the keys whose files are still there. Or it goes on, with another upstream. */
#include "tests/scenario/restart.h"

#include "lib/refresh_past.h"
#include "lib/util.h"

/* The machine is another one; the key files are read. */
static void begin_anew(struct world *world, const struct refresh *machine, bool token_survives,
                       bool same_upstream)
{
        struct model *model = &world->model;
        struct key_name files[KEYS_PER_ENVIRONMENT_MAX];

        world->answer_usec = world->store_usec = USEC_NEVER;
        memcpy(files, model->files, sizeof(files));
        for (size_t i = 0; i < model->n_files; i++) {
                const struct key_state *key = keyring_find(&model->machine.keyring, files[i].serial);
                files[i].rewritten = false;
                files[i].known = key && same_upstream ? key->known : (struct key_knowledge){ 0 };
        }
        model_begin_anew(model, machine, token_survives, same_upstream);
        model_keys(model, files, model->n_files);
}

void world_restart(struct world *world, uint64_t down_usec, bool through_text)
{
        struct model *model = &world->model;
        struct refresh_past past;
        struct refresh_token token = { 0 };
        struct refresh next;

        (void)through_text; /* the remains have a new form, which is not written as text yet */
        refresh_leave(&model->machine, &past, &token);
        token.life_usec = model->expires_usec - model->token_sent_usec;
        model->now_usec += down_usec;
        bool survives = model_token_lives(model);
        refresh_init(&next);
        refresh_use_store(&next, model->reference.store);
        refresh_restore(&next, &past, survives ? &token : NULL, model->token_serial);
        begin_anew(world, &next, survives, /* same_upstream= */ true);
        if (survives && model->now_usec < token.refresh_point_usec && !token.reported &&
            model->step.exchange && model->step.reason != REFRESH_TRIAL && !model->broken) {
                model->broken = "restart: an exchange though the token survived";
        }
        world_after_event(world);
}

void world_move(struct world *world)
{
        struct refresh next = world->model.machine;

        refresh_move(&next);
        begin_anew(world, &next, /* token_survives= */ false, /* same_upstream= */ false);
        world_after_event(world);
}
