/* A stand-in for the keeper: it answers every question in a turn of its own, and has one token. No file, no
 * upstream, no user database: for fuzzing, and for tests that need a frontend without its surroundings. */
#pragma once

#include "daemon/frontend/known/known.h"

#define FAKE_KEEPER_TOKEN "fakeTOKENfakeTOKENfakeTOKENfakeTOKENfakeTOKEN"
#define FAKE_KEEPER_ID    "AQ17NZ49WC"

/* Tells what is known to the frontend's side: the default settings, and a token of the sandbox. Ends the
 * program where memory is short. */
struct keeper *fake_keeper_new(sd_event *event, struct known *known);

/* How many questions could have caused an exchange. */
unsigned fake_keeper_n_exchanges(const struct keeper *keeper);
