/* The keeper's objects, for the files that work on them: daemon/keeper/keeper builds them,
 * daemon/keeper/changes follows settings, keys and environments, daemon/keeper/answers serves the frontend.
 */
#pragma once

#include "daemon/base/signals.h"
#include "daemon/keeper/child_process.h"
#include "daemon/keeper/child_records.h"
#include "daemon/keeper/credential_refusal.h"
#include "daemon/keeper/environments.h"
#include "daemon/keeper/forwarding.h"
#include "daemon/keeper/group_lookup.h"
#include "daemon/keeper/listen_sockets.h"
#include "daemon/keeper/opaque_keys.h"
#include "daemon/keeper/reload.h"
#include "daemon/keeper/rule_names.h"
#include "daemon/keeper/service.h"
#include "daemon/keeper/share.h"
#include "daemon/keeper/survival.h"
#include "daemon/keeper/unit_lookup.h"

struct keeper {
        const struct settings_source *source;
        struct settings *settings;
        struct access_settings *access; /* the frontend's part of them */
        struct environment_tools tools; /* the loop, libcurl's loop, the key files */
        struct share share;             /* tokens with other hosts */
        struct environments environments;
        struct keys_view *keys; /* of the latest reading */
        struct group_lookup *groups;
        struct unit_lookup *units;
        struct rule_names *names;
        uint64_t names_again_usec, names_until_usec; /* see rule_names_told_fn */
        struct passed_sockets passed;                /* not taken over yet */
        struct listen_sockets listening;
        struct child_process *frontend;
        bool frontend_held_back;
        struct forwarding *forwarding; /* with the forwarder */
        struct child_records records;
        uint64_t n_dropped_told; /* records of the log that were dropped, as the frontend knows */
        struct credential_refusal credential_refusal;
        struct confinement confinement; /* ours */
        struct service service;
        struct survival *survival;
        struct opaque_maker *opaque;
        struct reload reload;
        struct signals signals;
        bool stopping;
        bool keys_changing; /* some environments have their keys already, others not yet */
};

/* Something is different about the service as a whole. */
void changes_tell_service(struct keeper *keeper);

/* For key_files_new(): the key files were read. For reload_work: takes the settings over when it succeeds;
 * negative errno with a message. userdata is the keeper. */
void changes_on_keys(void *userdata);
int changes_apply(struct settings *settings, char reterr_message[static SETTINGS_ERROR_MAX], void *userdata);

/* For child_process_new(); userdata is the keeper, here and below. */
void answers_on_start(void *userdata);
void answers_on_message(int type, const void *message, void *userdata);

/* These rules hold from now on. Takes them over. */
void answers_put_rules(struct keeper *keeper, struct access_settings *access);

/* Tells what opaque tokens are made with, where there are local keys. */
void answers_tell_opaque(struct keeper *keeper);

/* Tells how much of the log was dropped, if that is news. */
void answers_tell_log(struct keeper *keeper);

/* For reload_init(), group_lookup_new(), unit_lookup_new() and rule_names_new(). */
void answers_on_reloaded(uint64_t number, bool stopping, const char *why, void *userdata);
void answers_on_groups(uid_t uid, const gid_t *groups, size_t n, bool told, void *userdata);
bool answers_names_unit(const char *unit, void *userdata);
void answers_on_unit(uint64_t cgroup, const char *unit, void *userdata);
bool answers_on_names(bool changed, uint64_t again_usec, uint64_t until_usec, void *userdata);
