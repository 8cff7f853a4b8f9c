/* Virtual time around a model. Time moves only here. */
#include "tests/scenario/world.h"

#include "lib/util.h"

void world_init(struct world *world, uint64_t seed, FILE *trace)
{
        *world = (struct world){ .random_state = seed,
                                 .fixed_random = RANDOM_SEEDED,
                                 .answer_usec = USEC_NEVER };
        model_init(&world->model, trace);
}

uint64_t world_random(struct world *world)
{
        /* An odd increment walks through all 64-bit states; two multiply-and-fold rounds mix each one. */
        uint64_t bits = world->random_state += UINT64_C(0x9e3779b97f4a7c15);
        for (int round = 0; round < 2; round++) {
                unsigned __int128 product = (unsigned __int128)bits * UINT64_C(0xd6e8feb86659fd93);
                bits = (uint64_t)(product >> 64) ^ (uint64_t)product;
        }
        return bits;
}

void world_expect_answer(struct world *world)
{
        world->pending = world->upstream(world);
        world->answer_usec = usec_add(world->model.now_usec, world->pending.after_usec);
}

void world_after_event(struct world *world)
{
        if (world->model.step.exchange && world->upstream) {
                world_expect_answer(world);
        }
        if (world->observer) {
                world->observer(world);
        }
}

void world_answer(struct world *world, const struct refresh_outcome *outcome)
{
        uint32_t random = world->fixed_random == RANDOM_SEEDED ? (uint32_t)world_random(world)
                                                               : (uint32_t)world->fixed_random;
        world->answer_usec = USEC_NEVER;
        model_outcome(&world->model, outcome, random);
        world_after_event(world);
}

void world_run_until(struct world *world, uint64_t until_usec)
{
        for (;;) {
                uint64_t next = MIN_OF(world->answer_usec, world->model.wake_usec);
                if (next > until_usec || world->model.broken) {
                        break;
                }
                world->model.now_usec = MAX_OF(world->model.now_usec, next);
                if (next == world->answer_usec) {
                        world_answer(world, &world->pending.outcome);
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
