/* What the keeper owns, for the two files that work on it: daemon/keeper/keeper builds and reloads,
 * daemon/keeper/answers serves the frontend. */
#pragma once

#include "daemon/base/signals.h"
#include "daemon/keeper/environments.h"
#include "daemon/keeper/group_lookup.h"
#include "daemon/keeper/outbox.h"
#include "daemon/keeper/reload.h"
#include "daemon/keeper/rule_names.h"
#include "daemon/keeper/service.h"
#include "daemon/keeper/survival.h"

struct keeper {
        const char *config_path;
        struct settings *settings;
        struct environment_tools tools; /* the loop, libcurl's loop, the key files */
        struct environments environments;
        struct keys_view *keys; /* of the latest reading */
        struct group_lookup *groups;
        struct rule_names *names;
        struct outbox *outbox;
        struct passed_sockets passed; /* what nobody has taken over yet */
        struct sides sides;           /* us, and the frontend */
        struct service service;
        struct survival *survival;
        struct reload reload;
        struct signals signals;
        bool stopping;
        bool keys_changing; /* some environments have their keys already, others not yet */
};

/* What the frontend can ask. */
extern const struct keeper_calls answers_calls;

/* For group_lookup_new() and rule_names_new(); userdata is the keeper. */
void answers_on_groups(uid_t uid, const gid_t *groups, size_t n, bool told, void *userdata);
bool answers_on_names(bool changed, uint64_t again_usec, uint64_t until_usec, void *userdata);
