/* The data behind the answers of the HTTP interface. */
#pragma once

#include "daemon/frontend/api/token_answer.h"
#include "daemon/frontend/callers/audit.h"
#include "daemon/frontend/callers/local_keys.h"
#include "daemon/frontend/http/request.h"
#include "daemon/frontend/known/known.h"
#include "lib/confinement.h"
#include "lib/message.h"

#include <stdio.h>

struct http_server;

/* The part that passes requests of the EQP API on: daemon/frontend/gateway. */
struct api_passer {
        /* As http_handler.on_request, for a request that api_passes_on() holds for: the kernel's word on its
         * caller is known, and its headers are in order. NULL: none is passed on. */
        void (*on_request)(struct request *request, uint64_t now_usec, void *userdata);
        void (*write_metrics)(FILE *out, void *userdata);
        void *userdata;
};

/* The data behind the answers; owned by the frontend. */
struct api {
        struct known *known;
        struct token_answers answers[SETTINGS_ENVIRONMENTS_MAX]; /* in the order of known->environments */
        uint64_t started_usec;                                   /* the service, not this process */
        int32_t service_pid;
        struct confinement keeper_confinement, own_confinement;
        struct message_forwarder forwarder; /* as the keeper told it last */
        struct audit *audit;
        struct local_keys local_keys;             /* their history */
        bool unheld_ports[MESSAGE_LISTENERS_MAX]; /* TCP, and not the service manager's: by the listener's id
                                                   */
        struct http_server *server;               /* for its numbers; NULL until it is there */
        struct api_passer passer;
        struct known_sighting without_environment; /* requests of clients whose base URL names none */

        /* counters for /metrics */
        uint64_t n_log_dropped; /* by the keeper */
        uint64_t n_requests, n_tokens_served, n_refused, n_errors;
};
