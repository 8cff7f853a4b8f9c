/* Virtual time around a model. Time moves only here. */
#include "tests/scenario/world.h"

#include "lib/util.h"
#include "tests/scenario/random_bits.h"

void world_init(struct world *world, uint64_t seed, FILE *trace)
{
        *world = (struct world){ .random_state = seed,
                                 .fixed_random = RANDOM_SEEDED,
                                 .answer_usec = USEC_NEVER,
                                 .store_usec = USEC_NEVER };
        model_init(&world->model, trace);
}

void world_clear(struct world *world)
{
        model_clear(&world->model);
}

uint64_t world_random(struct world *world)
{
        return random_bits(&world->random_state);
}

void world_expect_answer(struct world *world)
{
        world->pending = world->upstream(world);
        world->answer_usec = usec_add(world->model.now_usec, world->pending.after_usec);
}

void world_after_event(struct world *world)
{
        if (world->model.step.cancel) {
                world->answer_usec = USEC_NEVER;
        }
        if (world->model.step.exchange && world->upstream) {
                world_expect_answer(world);
        }
        if (!world->model.claiming && !world->store_pending.late) {
                world->store_usec = USEC_NEVER;
        }
        if (world->model.step.claim && world->store) {
                world->store_pending = world->store(world);
                world->store_usec = usec_add(world->model.now_usec, world->store_pending.after_usec);
        }
        if (world->observer) {
                world->observer(world);
        }
}

static uint32_t some_bits(struct world *world)
{
        return world->fixed_random == RANDOM_SEEDED ? (uint32_t)world_random(world)
                                                    : (uint32_t)world->fixed_random;
}

void world_answer(struct world *world, const struct refresh_outcome *outcome)
{
        world->answer_usec = USEC_NEVER;
        model_outcome(&world->model, outcome, some_bits(world));
        world_after_event(world);
}

void world_claim(struct world *world, const struct refresh_claim *claim)
{
        world->store_usec = USEC_NEVER;
        model_claim(&world->model, claim, some_bits(world));
        world_after_event(world);
}

void world_run_until(struct world *world, uint64_t until_usec)
{
        for (;;) {
                uint64_t next =
                        MIN_OF(MIN_OF(world->answer_usec, world->store_usec), world->model.wake_usec);
                if (next > until_usec || world->model.broken) {
                        break;
                }
                world->model.now_usec = MAX_OF(world->model.now_usec, next);
                if (next == world->answer_usec && world->pending.held_usec > 0) {
                        world->answer_usec = USEC_NEVER;
                        model_held(&world->model, world->pending.held_key,
                                   world->model.now_usec + world->pending.held_usec);
                        world_after_event(world);
                } else if (next == world->answer_usec) {
                        world_answer(world, &world->pending.outcome);
                } else if (next == world->store_usec) {
                        struct refresh_claim claim = world->store_pending.claim;
                        world_claim(world, &claim);
                } else {
                        model_timer(&world->model);
                        world_after_event(world);
                }
        }
        world->model.now_usec = MAX_OF(world->model.now_usec, until_usec);
}

void world_sleep_until(struct world *world, uint64_t until_usec)
{
        world->model.now_usec = MAX_OF(world->model.now_usec, until_usec);
        world_run_until(world, world->model.now_usec);
}
