/* The broker: owns every object, built bottom-up, torn down in mirror order. */
#pragma once

#include "lib/settings.h"

struct broker;

/* Exit codes; 0 is "was asked to stop". sysexits.h knows the names. */
enum broker_exit {
        BROKER_EXIT_UNAVAILABLE = 69, /* cannot listen */
        BROKER_EXIT_INTERNAL = 70,
        BROKER_EXIT_PERMISSION = 77,
        BROKER_EXIT_CONFIGURATION = 78,
};

/* Builds all and listens. settings are taken over in any case. config_path: where a reload reads from, NULL
 * for the default. Troubles are logged; returns the exit code then, or 0. */
int broker_new(struct broker **ret, struct settings *settings, const char *config_path);

/* Runs until asked to stop. Returns the exit code. */
int broker_run(struct broker *broker);

/* NULL is fine; returns NULL. */
struct broker *broker_free(struct broker *broker);
void broker_freep(struct broker **broker);
