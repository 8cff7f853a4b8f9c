/* The player's events that callers cause, one by one and as storms; and the storms of restarts and moves. */
#include "tests/scenario/player.h"
#include "tests/scenario/restart.h"

static void ask(struct player *player, bool demand, uint64_t min_ttl_sec, uint64_t token_serial)
{
        struct model *model = &player->world.model;
        player->verdict =
                demand ? model_demand(model, (uint32_t)min_ttl_sec) : model_report(model, token_serial);
        world_after_event(&player->world);
}

bool player_report(struct player *player)
{
        const char *word = next_word(&player->script);
        if (word && !streq(word, "stale")) {
                return complain(&player->script, "expected \"stale\" or nothing, found \"%s\"", word);
        }
        ask(player, /* demand= */ false, 0, player->world.model.token_serial - (word ? 1 : 0));
        return true;
}

bool player_demand(struct player *player)
{
        uint64_t seconds;
        if (!read_number(&player->script, next_word(&player->script), &seconds)) {
                return false;
        }
        ask(player, /* demand= */ true, seconds, 0);
        return true;
}

/* All key files are gone for so long. */
static void take_away_and_back(struct player *player, uint64_t length)
{
        struct world *world = &player->world;
        struct key_name names[KEYS_PER_ENVIRONMENT_MAX];
        size_t n = world->model.n_files;

        memcpy(names, world->model.files, sizeof(names));
        model_keys(&world->model, NULL, 0);
        world_after_event(world);
        world_run_until(world, world->model.now_usec + length);
        model_keys(&world->model, names, n);
        world_after_event(world);
}

bool player_storm(struct player *player)
{
        struct script *script = &player->script;
        struct world *world = &player->world;
        const char *word = next_word(script);
        bool demand = word && streq(word, "demand"), restart = word && streq(word, "restart"),
             move = word && streq(word, "move"), files = word && streq(word, "files");
        uint64_t seconds = 0, every, length;

        if (!word || (!demand && !restart && !move && !files && !streq(word, "report"))) {
                return complain(script,
                                "a storm is of \"demand\", \"report\", \"restart\", \"move\" or \"files\"");
        }
        if ((demand && !read_number(script, next_word(script), &seconds)) || !demand_word(script, "every") ||
            !read_duration(script, next_word(script), &every) || !demand_word(script, "for") ||
            !read_duration(script, next_word(script), &length)) {
                return false;
        }
        uint64_t end = world->model.now_usec + length;
        while (world->model.now_usec < end && !world->model.broken) {
                if (restart) {
                        world_restart(world, 100 * USEC_PER_MSEC, /* through_text= */ true);
                } else if (move) {
                        world_move(world);
                } else if (files) {
                        take_away_and_back(player, every / 2);
                } else {
                        ask(player, demand, seconds, world->model.token_serial);
                }
                world_run_until(world, world->model.now_usec + MAX_OF(every, USEC_PER_MSEC));
        }
        return true;
}
