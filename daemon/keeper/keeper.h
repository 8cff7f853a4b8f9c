/* The keeper: owns every object of the daemon, and starts the frontend. */
#pragma once

#include "daemon/base/exit_code.h"
#include "daemon/keeper/settings_files.h"
#include "lib/confinement.h"
#include "lib/settings.h"

struct keeper;

/* Takes the settings over (also when it fails), opens the sockets, reads the keys and starts to get tokens.
 * source: the file that a reload reads again; stays the caller's. confinement: of this
 * process, to be shown. Returns 0, or the exit code of the daemon (logged). */
int keeper_new(struct keeper **ret, struct settings *settings, const struct settings_source *source,
               const struct confinement *confinement);

/* Runs until it is asked to stop; returns the exit code of the daemon. */
int keeper_run(struct keeper *keeper);

/* NULL is fine; returns NULL. */
struct keeper *keeper_free(struct keeper *keeper);
void keeper_freep(struct keeper **keeper);
