/* The gateway's numbers for /metrics. */
#include "daemon/frontend/gateway/gateway_metrics.h"

#include "daemon/frontend/gateway/transfer.h"
#include "lib/util.h"

#include <inttypes.h>

static void describe(FILE *out, const char *name, const char *type, const char *help)
{
        (void)fprintf(out, "# HELP eqp_broker_gateway_%s %s\n# TYPE eqp_broker_gateway_%s %s\n", name, help,
                      name, type);
}

static void plain(FILE *out, const char *name, const char *type, const char *help, uint64_t value)
{
        describe(out, name, type, help);
        (void)fprintf(out, "eqp_broker_gateway_%s %" PRIu64 "\n", name, value);
}

static void write_classes(FILE *out, const struct gateway_counts *counts)
{
        static const char *const names[] = { "none", NULL, "2xx", "3xx", "4xx", "5xx" };

        describe(out, "requests_total", "counter", "Requests that were to be passed on, by their answers.");
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (names[i]) {
                        (void)fprintf(out, "eqp_broker_gateway_requests_total{class=\"%s\"} %" PRIu64 "\n",
                                      names[i], counts->n_by_class[i]);
                }
        }
}

static void write_aborts(FILE *out, const struct gateway_counts *counts)
{
        static const char *const names[] = { [TRANSFER_CLIENT_GONE] = "client",
                                             [TRANSFER_UPSTREAM_GONE] = "upstream",
                                             [TRANSFER_ENDED] = "broker" };

        describe(out, "aborts_total", "counter", "Requests that were cut off, by the side that did it.");
        for (size_t i = TRANSFER_CLIENT_GONE; i < ARRAY_SIZE(names); i++) {
                (void)fprintf(out, "eqp_broker_gateway_aborts_total{side=\"%s\"} %" PRIu64 "\n", names[i],
                              counts->n_aborted[i]);
        }
}

void gateway_write_metrics(FILE *out, void *userdata)
{
        const struct gateway *gateway = userdata;
        const struct gateway_counts *counts = &gateway->counts;

        write_classes(out, counts);
        plain(out, "refused_total", "counter", "Requests that were refused before they were passed on.",
              counts->n_refused);
        plain(out, "errors_total", "counter", "Requests that were answered with an error of the gateway.",
              counts->n_failed);
        write_aborts(out, counts);
        plain(out, "repeats_total", "counter", "Requests that were sent once more, with another token.",
              counts->n_repeated);
        plain(out, "in_flight", "gauge", "Requests on their way.", gateway->turns.n);
        plain(out, "waiting", "gauge", "Requests that wait for their turn.", gateway->turns.n_waiting);
        plain(out, "lanes", "gauge", "Ways to the process that carries requests.",
              lanes_count(gateway->lanes));
        plain(out, "body_bytes_in_total", "counter", "Bytes of requests' bodies.", counts->n_in);
        plain(out, "body_bytes_out_total", "counter", "Bytes of answers' bodies.", counts->n_out);
        plain(out, "answers_total", "counter", "Answers of the upstream.", counts->n_timed);
        describe(out, "upstream_seconds_total", "counter",
                 "Time from requests to the heads of their answers.");
        (void)fprintf(out, "eqp_broker_gateway_upstream_seconds_total %.6f\n",
                      (double)counts->timed_usec / (double)USEC_PER_SEC);
}
