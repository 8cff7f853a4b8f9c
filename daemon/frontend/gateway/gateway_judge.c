/* May this request be passed on?
 *
 * Its credentials have been checked. First requests that make no sense or are never passed on, whatever the
 * rules; then the rules; then whether there is a place for its connection. */
#include "daemon/frontend/gateway/gateway_judge.h"

#include "daemon/frontend/callers/caller.h"
#include "daemon/frontend/gateway/gateway_answer.h"
#include "daemon/frontend/http/answer.h"
#include "daemon/frontend/http/connection.h"
#include "daemon/frontend/http/request_wait.h"
#include "daemon/frontend/http/room.h"
#include "lib/gateway_headers.h"
#include "lib/util.h"

#include <stdio.h>
#include <strings.h>

struct judge {
        struct gateway *gateway;
        struct request *request;
        uint64_t now_usec;
        struct gateway_judgement *judgement;
};

static bool refuse(const struct judge *judge, unsigned status, const char *slug, const char *message)
{
        judge->gateway->counts.n_refused++;
        gateway_audit_refused(judge->gateway->audit, &judge->judgement->what, status, slug, judge->now_usec);
        gateway_answer(judge->request, status, slug, message, status == 429 ? 1 : ANSWER_NO_RETRY);
        return false;
}

/* ---- for the log ---- */

static void describe(const struct judge *judge)
{
        const struct request *request = judge->request;
        const struct peer *peer = &request->connection->caller.peer;
        const struct audit_caller caller = connection_caller(request->connection);
        struct gateway_audit_what *what = &judge->judgement->what;
        const struct carried_key *carried = &request->carried;

        *what = (struct gateway_audit_what){ .known = peer->known, .uid = peer->uid };
        (void)snprintf(what->client, sizeof(what->client), "%s", caller.client ? caller.client : "");
        (void)snprintf(what->environment, sizeof(what->environment), "%s", request->environment->view.name);
        (void)snprintf(what->method, sizeof(what->method), "%.16s", request->method_text);
        if (carried->kind == CARRIED_LOCAL) {
                (void)snprintf(what->local, sizeof(what->local), "%s", carried->key->name);
        }
        what->path = request_target(request);
        what->path_length = strcspn(what->path, "?");
}

/* ---- what is never passed on ---- */

static bool check_target(const struct judge *judge)
{
        struct gateway_target *target = &judge->judgement->target;
        const char *raw = request_target(judge->request);
        char message[256];

        gateway_target_check(raw, strlen(raw), judge->judgement->rules->encoded_slash, target);
        (void)snprintf(message, sizeof(message), "this request is not passed on: %s",
                       target->why ? target->why : "its path is none of the EQP API");
        switch (target->fault) {
        case GATEWAY_TARGET_FINE:
                judge->judgement->what.path = target->path;
                judge->judgement->what.path_length = target->path_length;
                return true;
        case GATEWAY_TARGET_TOO_LONG:
                return refuse(judge, 414, "path_ambiguous", message);
        case GATEWAY_TARGET_METHOD_OVERRIDE:
                return refuse(judge, 400, "method_override_refused", message);
        case GATEWAY_TARGET_AMBIGUOUS:
                return refuse(judge, 400, "path_ambiguous", message);
        case GATEWAY_TARGET_SESSION:
                return refuse(judge, 403, "rule_refused",
                              "nothing below rest/v1/app/session is passed on: ask for a token with POST "
                              "/{environment}/rest/v1/app/session/token, spelt like that");
        default:
                return refuse(judge, 404, "unknown_path", message);
        }
}

/* The headers that have to do with passing on. */
struct seen {
        struct gateway_connection connection;
        bool overrides, upgrades;
};

static enum MHD_Result see_header(void *userdata, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
        struct seen *seen = userdata;

        gateway_connection_note(&seen->connection, name, value);
        seen->overrides = seen->overrides || gateway_header_overrides_method(name);
        seen->upgrades = seen->upgrades ||
                         (strcasecmp(name, "Upgrade") == 0 && gateway_upgrade_matters(value ? value : ""));
        return MHD_YES;
}

static bool check_head(const struct judge *judge)
{
        const struct request *request = judge->request;
        struct seen seen = { 0 };

        (void)MHD_get_connection_values(request->connection->mhd, MHD_HEADER_KIND, see_header, &seen);
        if (!gateway_method_valid(request->method_text)) {
                return refuse(
                        judge, 400, "bad_request",
                        "the method is none that is passed on: a token of up to 16 characters, but not "
                        "TRACE or CONNECT");
        }
        if (seen.overrides) {
                return refuse(
                        judge, 400, "method_override_refused",
                        "a header may have the upstream take the request for one of another method or path: "
                        "send it with those instead");
        }
        if (seen.upgrades) {
                return refuse(judge, 400, "bad_request",
                              "other protocols are not passed on: send the request without Upgrade");
        }
        if (seen.connection.too_many) {
                return refuse(judge, 400, "bad_request", "there are too many Connection headers");
        }
        if (request->method == METHOD_HEAD && request_announced(request) != 0) {
                return refuse(judge, 400, "bad_request", "a HEAD request must not have a body");
        }
        return true;
}

/* ---- rules ---- */

static struct gateway_decision decide(const struct gateway *gateway, const struct request *request,
                                      const struct local_key *key, const struct gateway_target *target)
{
        const struct access_environment *environment =
                &gateway->known->settings->environments[request->environment_index];
        const char *account = request->environment->view.account;
        struct caller_identity identity;
        struct rule_group_list room;

        caller_identify(&request->connection->caller, gateway->known, &room, &identity);
        identity.local = key ? key->name : NULL;
        return gateway_rules_decide(&environment->gateway_rules, key ? &key->rules : NULL, &identity,
                                    request->method_text, target->path, target->path_length,
                                    *account ? account : NULL);
}

static bool check_rules(const struct judge *judge)
{
        struct request *request = judge->request;
        struct gateway_judgement *judgement = judge->judgement;
        const struct local_key *key = request->carried.kind == CARRIED_LOCAL ? request->carried.key : NULL;
        const struct gateway_decision decision = decide(judge->gateway, request, key, &judgement->target);

        if (decision.rule) {
                (void)snprintf(judgement->what.rule, sizeof(judgement->what.rule), "%s",
                               decision.rule->place);
        }
        if (decision.allowed) {
                return true;
        }
        caller_doubt(&request->connection->caller, judge->gateway->known, judge->now_usec);
        return refuse(judge, 403, "rule_refused",
                      decision.rule ? "a deny rule of the gateway names this request"
                                    : "no rule of the gateway or of the local key allows this request: see "
                                      "'eqpctl gateway explain'");
}

enum transfer_step gateway_judge_again(struct transfer *transfer, uint64_t now_usec)
{
        struct gateway *gateway = transfer->gateway;
        struct request *request = transfer->request;
        struct known *known = gateway->known;
        const char *local = transfer->what.local;
        bool last_time = request->cut_short && now_usec >= request->wait_until_usec;
        uint64_t until_usec;

        if (!caller_judge(&request->connection->caller, known, now_usec, last_time, &request->waiter,
                          &until_usec)) {
                return transfer_wait(transfer, until_usec);
        }
        const struct local_key *key = *local ? access_settings_key(known->settings, local) : NULL;
        if ((*local && !key) || !decide(gateway, request, key, &transfer->target).allowed) {
                gateway->counts.n_refused++;
                transfer_fail(transfer, 403, "rule_refused",
                              "the rules, or the account, are others by now: this request is not allowed "
                              "any more",
                              ANSWER_NO_RETRY);
                return TRANSFER_ANSWERED;
        }
        transfer->generation = known->generation;
        memcpy(transfer->account, request->environment->view.account, sizeof(transfer->account));
        return TRANSFER_GOES_ON;
}

/* ---- all of it ---- */

static bool check_room(const struct judge *judge)
{
        struct request *request = judge->request;

        if (room_find(request->connection, judge->now_usec)) {
                return true;
        }
        return room_wait(request, judge->now_usec) ? false
                                                   : refuse(judge, 429, "too_many_requests",
                                                            "there are too many open connections, in all or "
                                                            "of this user: reuse or close "
                                                            "some");
}

bool gateway_judge(struct gateway *gateway, struct request *request, uint64_t now_usec,
                   struct gateway_judgement *ret)
{
        struct judge judge = {
                .gateway = gateway, .request = request, .now_usec = now_usec, .judgement = ret
        };

        *ret = (struct gateway_judgement){
                .rules = &gateway->known->settings->environments[request->environment_index]
        };
        describe(&judge);
        return check_head(&judge) && check_target(&judge) && check_rules(&judge) && check_room(&judge);
}
