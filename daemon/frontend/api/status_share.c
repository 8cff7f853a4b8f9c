/* The sharing with other hosts: names, counts and times; nothing that is secret. */
#include "daemon/frontend/api/status_share.h"

#include "lib/json_form.h"
#include "lib/share_view.h"
#include "lib/util.h"

#include <inttypes.h>

/* Did the store put the token in hand here? */
static bool is_from_store(const struct environment_view *view)
{
        return view->refresh.has_token && view->refresh.store.found;
}

void status_share_add(struct json_object *status, const struct environment_view *view)
{
        const struct share_view *share = &view->share;
        struct json_object *json, *claims;

        if (share->mode == SHARE_OFF) {
                return;
        }
        json = json_object_new_object();
        claims = json_object_new_object();
        json_put(json, "state", json_object_new_string(share_view_state(share)));
        if (share->asked) {
                json_put(json, "store", json_object_new_string(share->store));
        } else {
                json_put_null(json, "store");
        }
        json_put(json, "from_store", json_object_new_boolean(is_from_store(view)));
        json_put(json, "lease", json_object_new_string(share_lease_name(share->lease)));
        if (share->skew_known) {
                json_put(json, "clock_skew_seconds", json_object_new_int64(share->skew_sec));
        } else {
                json_put_null(json, "clock_skew_seconds");
        }
        json_put(json, "adopted", json_object_new_int64((int64_t)share->n_adopted));
        json_put(json, "published", json_object_new_int64((int64_t)share->n_published));
        json_put(json, "rejected", json_object_new_int64((int64_t)share->n_rejected));
        json_put(json, "unusable", json_object_new_int64((int64_t)share->n_unusable));
        for (int kind = 0; kind < _REFRESH_CLAIM_COUNT; kind++) {
                json_put(claims, share_claim_name((enum refresh_claim_kind)kind),
                         json_object_new_int64((int64_t)share->n_claims[kind]));
        }
        json_put(json, "claims", claims);
        json_put(status, "share", json);
}

/* ---- metrics ---- */

static void write_up(FILE *out, const char *name, const struct environment_view *view)
{
        const struct share_view *share = &view->share;
        bool up = share->mode == SHARE_ON && (!share->asked || share->state == STORE_FINE);

        (void)fprintf(out, "%s{environment=\"%s\"} %d\n", name, view->name, up);
}

static void write_adopted(FILE *out, const char *name, const struct environment_view *view)
{
        (void)fprintf(out, "%s{environment=\"%s\"} %" PRIu64 "\n", name, view->name, view->share.n_adopted);
}

static void write_published(FILE *out, const char *name, const struct environment_view *view)
{
        (void)fprintf(out, "%s{environment=\"%s\"} %" PRIu64 "\n", name, view->name,
                      view->share.n_published);
}

static void write_rejected(FILE *out, const char *name, const struct environment_view *view)
{
        (void)fprintf(out, "%s{environment=\"%s\"} %" PRIu64 "\n", name, view->name, view->share.n_rejected);
}

static void write_unusable(FILE *out, const char *name, const struct environment_view *view)
{
        (void)fprintf(out, "%s{environment=\"%s\"} %" PRIu64 "\n", name, view->name, view->share.n_unusable);
}

static void write_claims(FILE *out, const char *name, const struct environment_view *view)
{
        for (int kind = 0; kind < _REFRESH_CLAIM_COUNT; kind++) {
                (void)fprintf(out, "%s{environment=\"%s\",result=\"%s\"} %" PRIu64 "\n", name, view->name,
                              share_claim_name((enum refresh_claim_kind)kind), view->share.n_claims[kind]);
        }
}

static void write_skew(FILE *out, const char *name, const struct environment_view *view)
{
        if (view->share.skew_known) {
                (void)fprintf(out, "%s{environment=\"%s\"} %" PRId64 "\n", name, view->name,
                              view->share.skew_sec);
        }
}

static bool is_shared(const struct known *known)
{
        for (size_t i = 0; i < known->n_environments; i++) {
                if (known->environments[i]->view.share.mode != SHARE_OFF) {
                        return true;
                }
        }
        return false;
}

void status_share_metrics(FILE *out, const struct known *known)
{
        static const struct {
                const char *name, *type, *help;
                void (*write)(FILE *out, const char *name, const struct environment_view *view);
        } rows[] = {
                { "eqp_broker_share_up", "gauge",
                  "1 unless the store through which tokens are shared failed when it was asked last.",
                  write_up },
                { "eqp_broker_share_adopted_total", "counter", "Tokens taken over from other hosts.",
                  write_adopted },
                { "eqp_broker_share_published_total", "counter",
                  "Tokens put into the store for other hosts.", write_published },
                { "eqp_broker_share_rejected_total", "counter",
                  "Tokens taken over that were reported as refused by the upstream.", write_rejected },
                { "eqp_broker_share_unusable_total", "counter",
                  "Tokens found in the store that could not be taken over.", write_unusable },
                { "eqp_broker_share_claims_total", "counter", "Questions to the store by what came of them.",
                  write_claims },
                { "eqp_broker_share_clock_skew_seconds", "gauge",
                  "How far this host's clock is ahead of the upstream's or the store's.", write_skew },
        };

        for (size_t row = 0; row < ARRAY_SIZE(rows) && is_shared(known); row++) {
                (void)fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", rows[row].name, rows[row].help,
                              rows[row].name, rows[row].type);
                for (size_t i = 0; i < known->n_environments; i++) {
                        rows[row].write(out, rows[row].name, &known->environments[i]->view);
                }
        }
}
