/* Key take-up: the daemon's view of a key file that was just written. */
#pragma once

#include "client/eqp-broker.h"
#include "ctl/key_store.h"

/* The daemon's knowledge before the file was written. */
struct key_takeup {
        struct eqp_broker *broker;
        int error;      /* 0: it answered; else the library's result */
        int64_t serial; /* of the key of this name; 0: none */
        int64_t total;  /* exchanges of the environment */
        bool refused;   /* it did not use the file */
};

/* Looks before the file is written. Never fails: without a daemon there is less to tell later. */
void key_takeup_begin(struct key_takeup *ret_takeup, const char *address, const struct key_file_name *name);

/* Waits until the daemon has taken the file up and tried its key, for 20 s at most, and prints what became
 * of it. unchanged: the file held this key before. EXIT_DONE if the key is good, or not tried yet, or no
 * daemon is there; else EXIT_FAILED. */
int key_takeup_finish(struct key_takeup *takeup, const struct key_file_name *name, bool unchanged);

void key_takeup_clear(struct key_takeup *takeup);
