/* The broker: owns every object, built bottom-up, torn down in mirror order. */
#pragma once

#include "daemon/exit_code.h"
#include "lib/settings.h"

struct broker;

/* Builds all and listens. settings are taken over in any case. config_path: where a reload reads from, NULL
 * for the default. Troubles are logged; returns the exit code then, or 0. */
int broker_new(struct broker **ret, struct settings *settings, const char *config_path);

/* Runs until asked to stop. Returns the exit code. */
int broker_run(struct broker *broker);

/* NULL is fine; returns NULL. */
struct broker *broker_free(struct broker *broker);
void broker_freep(struct broker **broker);
