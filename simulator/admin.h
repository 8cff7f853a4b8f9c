/* admin: the admin listener's requests: looking at the environments and telling them what to do. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct answer;
struct environment;
struct request;

/* The objects of the admin requests; everything belongs to somebody else. */
struct admin {
        struct environment **environments;
        size_t n_environments;

        /* Called when an environment's list of faults has changed; `cleared` when that has let go all of
         * them. */
        void (*faults_changed)(struct environment *environment, bool cleared, void *userdata);
        void *userdata;
};

/* An http_decide_t; `userdata` is the struct admin. */
int admin_decide(struct request *request, struct answer **ret, void *userdata);

/* Bodies of admin requests may be so long. */
#define ADMIN_BODY_MAX (1024 * 1024)
