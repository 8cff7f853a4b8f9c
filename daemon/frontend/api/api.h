/* The HTTP interface: routes to answers. */
#pragma once

#include "daemon/frontend/api/token_answer.h"
#include "daemon/frontend/http/request.h"
#include "daemon/keeper/environment.h"
#include "lib/settings.h"

/* What the answers are made from; owned by the broker, which changes it on reload. */
struct api {
        const struct settings *settings;
        uint64_t rights_generation; /* grows with every change of the rules; from 1 */
        struct environment
                *environments[SETTINGS_ENVIRONMENTS_MAX]; /* in the order of settings->environments */
        struct token_answers answers[SETTINGS_ENVIRONMENTS_MAX];
        size_t n_environments;
        struct upstream *upstream;
        uint64_t started_usec;
        struct audit *audit;
        struct user_groups *user_groups;
        struct rule_names *rule_names;
        struct http_server *server; /* for its numbers; NULL until it is there */
        struct reload *reload;

        /* counters for /metrics */
        uint64_t n_requests, n_tokens_served, n_refused, n_errors;
        uint64_t n_credentials_given, n_credentials_refused;
};

/* http_handler.on_request; userdata is the api. */
void api_on_request(struct request *request, uint64_t now_usec, void *userdata);
