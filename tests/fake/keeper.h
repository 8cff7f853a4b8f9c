/* A stand-in for the keeper: it answers every question in a turn of its own, and has a token of the sandbox,
 * or none, or one to come. No file, no upstream, no user database: for fuzzing, and for tests that need a
 * frontend without its surroundings. */
#pragma once

#include "daemon/frontend/known/known.h"

#include <systemd/sd-event.h>

#define FAKE_KEEPER_TOKEN "fakeTOKENfakeTOKENfakeTOKENfakeTOKENfakeTOKEN"
#define FAKE_KEEPER_ID    "AQ17NZ49WC"

/* Events; any of them together. */
enum {
        FAKE_KEEPER_HAS_NO_TOKEN = 1 << 0, /* at first; one is on its way */
        FAKE_KEEPER_AGREES = 1 << 1,       /* questions cause an exchange; otherwise they come too soon */
        FAKE_KEEPER_FAILS = 1 << 2,        /* the exchange; otherwise it brings a new token */
        FAKE_KEEPER_STORIES = 1 << 3,      /* how many there are */
};

/* Tells what is known to the frontend's side: the default settings, and story 0. Ends the program where
 * memory is short. */
struct keeper *fake_keeper_new(sd_event *event, struct known *known);

/* Other settings are in force: the text of a configuration, which has to be a good one. */
void fake_keeper_configure(struct keeper *keeper, const char *text);

/* Is told of lanes that are dead. */
void fake_keeper_watch_lanes(struct keeper *keeper, void (*on_dead)(uint32_t id, void *userdata),
                             void *userdata);

/* Begins this story, whatever the one before left. */
void fake_keeper_begin(struct keeper *keeper, unsigned story);

/* The exchange that is under way, if one is, ends. */
void fake_keeper_go_on(struct keeper *keeper);

/* How many questions could have caused an exchange. */
unsigned fake_keeper_n_exchanges(const struct keeper *keeper);
