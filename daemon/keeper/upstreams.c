/* The upstreams of the environments that have a gateway.
 *
 * Each is looked up by one thread at a time, however often that is asked for: with a name server that does
 * not answer, a look-up lasts for half a minute and more. An answer for a place where requests no longer go
 * is dropped. */
#include "daemon/keeper/upstreams.h"

#include "daemon/base/clock.h"
#include "daemon/keeper/forwarding_upstream.h"
#include "lib/util.h"

#include <errno.h>

#define OLD_USEC   (60 * USEC_PER_SEC) /* then it is looked up again, if it is in use */
#define PAUSE_USEC (5 * USEC_PER_SEC)  /* between two look-ups, whatever the forwarder says */

struct upstreams {
        struct child_process *forwarder;
        struct helper_threads *threads;
        struct forwarding_upstream *list[SETTINGS_ENVIRONMENTS_MAX];
        size_t n;
        bool wanted;
        uint64_t last_number;
        void (*ready)(void *userdata);
        void *userdata;
};

/* ---- what the forwarder is told ---- */

void upstreams_tell_all(const struct upstreams *upstreams)
{
        for (size_t i = 0; i < upstreams->n; i++) {
                forwarding_upstream_tell(upstreams->list[i], upstreams->forwarder);
        }
}

/* ---- questions, and answers ---- */

static struct forwarding_upstream *find(const struct upstreams *upstreams, const char *environment)
{
        for (size_t i = 0; i < upstreams->n; i++) {
                if (streq(upstreams->list[i]->environment, environment)) {
                        return upstreams->list[i];
                }
        }
        return NULL;
}

static void on_done(const char *environment, uint64_t number, struct upstream_found *found,
                    uint64_t now_usec, void *userdata);

static void look_up(struct upstreams *upstreams, struct forwarding_upstream *upstream, uint64_t now_usec)
{
        const struct upstream_question question = {
                .environment = upstream->environment,
                .base_url = upstream->base_url,
                .ca_file = upstream->ca_file,
                .number = upstreams->last_number + 1,
                .done = on_done,
        };

        upstream->asked_usec = now_usec;
        int r = upstream_lookup_begin(upstreams->threads, &question);
        if (r < 0) {
                forwarding_upstream_fail(upstream, r);
                upstream->looked_up = true; /* without success; it is tried again when it is in use */
                forwarding_upstream_tell(upstream, upstreams->forwarder);
                return;
        }
        upstreams->last_number++;
        upstream->number = question.number;
        upstream->under_way = true;
        upstream->due = false;
}

/* While one is under way its end is waited for: it may have begun before what is new. */
static void look_up_due(struct upstreams *upstreams, struct forwarding_upstream *upstream, uint64_t now_usec)
{
        if (upstreams->wanted && upstream->due && !upstream->under_way) {
                look_up(upstreams, upstream, now_usec);
        }
}

static void on_done(const char *environment, uint64_t number, struct upstream_found *found,
                    uint64_t now_usec, void *userdata)
{
        struct upstreams *upstreams = userdata;
        struct forwarding_upstream *upstream = find(upstreams, environment);

        if (!upstream || upstream->number != number) {
                return;
        }
        bool first = !upstream->looked_up;
        bool news = forwarding_upstream_take(upstream, found);
        upstream->under_way = false;
        upstream->looked_up = true;
        upstream->stale = upstream->due;
        if (news || first) {
                forwarding_upstream_tell(upstream, upstreams->forwarder);
        }
        look_up_due(upstreams, upstream, now_usec);
        if (first && upstreams_are_ready(upstreams)) {
                upstreams->ready(upstreams->userdata);
        }
}

static void look_up_all_due(struct upstreams *upstreams)
{
        for (size_t i = 0; i < upstreams->n; i++) {
                look_up_due(upstreams, upstreams->list[i], clock_now_usec());
        }
}

void upstreams_stale(struct upstreams *upstreams, const char *environment, uint64_t now_usec)
{
        struct forwarding_upstream *upstream = find(upstreams, environment);

        if (!upstream || !upstreams->wanted) {
                return;
        }
        upstream->stale = true;
        if (!upstream->under_way && usec_sub(now_usec, upstream->asked_usec) >= PAUSE_USEC) {
                look_up(upstreams, upstream, now_usec);
        }
}

void upstreams_in_use(struct upstreams *upstreams, uint64_t now_usec)
{
        for (size_t i = 0; upstreams->wanted && i < upstreams->n; i++) {
                struct forwarding_upstream *upstream = upstreams->list[i];
                bool well = !*upstream->said && !*upstream->said_authorities;
                uint64_t age_usec = usec_sub(now_usec, upstream->asked_usec);

                if (!upstream->under_way && age_usec >= (well ? OLD_USEC : PAUSE_USEC)) {
                        look_up(upstreams, upstream, now_usec);
                }
        }
}

bool upstreams_are_ready(const struct upstreams *upstreams)
{
        for (size_t i = 0; i < upstreams->n; i++) {
                if (!upstreams->list[i]->looked_up) {
                        return false;
                }
        }
        return true;
}

void upstreams_want(struct upstreams *upstreams, bool wanted)
{
        if (wanted && !upstreams->wanted) {
                upstreams->wanted = true;
                look_up_all_due(upstreams);
        }
        upstreams->wanted = wanted;
}

/* ---- settings ---- */

/* The earlier addresses of this environment, if requests go where they went before. */
static struct forwarding_upstream *take_old(struct upstreams *upstreams,
                                            const struct environment_settings *settings)
{
        for (size_t i = 0; i < upstreams->n; i++) {
                struct forwarding_upstream *old = upstreams->list[i];
                if (old && forwarding_upstream_is_same_place(old, settings)) {
                        upstreams->list[i] = NULL;
                        old->connect_timeout_usec = settings->connect_timeout_usec;
                        old->answer_timeout_usec = settings->gateway_answer_timeout_usec;
                        old->stale = true;
                        return old;
                }
        }
        return NULL;
}

int upstreams_configure(struct upstreams *upstreams, const struct settings *settings)
{
        struct forwarding_upstream *list[SETTINGS_ENVIRONMENTS_MAX];
        size_t n = 0;
        int error = 0;

        for (size_t i = 0; i < settings->n_environments; i++) {
                const struct environment_settings *environment = &settings->environments[i];
                if (!environment->gateway) {
                        continue;
                }
                list[n] = take_old(upstreams, environment);
                int r = list[n] ? 0 : forwarding_upstream_new(&list[n], environment);
                if (r < 0) {
                        error = r;
                        continue;
                }
                list[n++]->due = true;
        }
        for (size_t i = 0; i < upstreams->n; i++) {
                struct forwarding_upstream *old = upstreams->list[i];
                /* The earlier value is not to be used a moment longer; the next word on it comes with its
                 * answer.
                 */
                if (old) {
                        forwarding_upstream_tell_gone(old, upstreams->forwarder);
                        (void)forwarding_upstream_free(old);
                }
        }
        memcpy(upstreams->list, list, n * sizeof(list[0]));
        upstreams->n = n;
        look_up_all_due(upstreams);
        return error;
}

/* ---- life ---- */

static void free_upstreams(struct upstreams **upstreams)
{
        *upstreams = upstreams_free(*upstreams);
}

int upstreams_new(struct upstreams **ret, sd_event *event, struct child_process *forwarder,
                  void (*ready)(void *userdata), void *userdata)
{
        _cleanup_(free_upstreams) struct upstreams *upstreams = calloc(1, sizeof(*upstreams));

        if (!upstreams) {
                return -ENOMEM;
        }
        upstreams->forwarder = forwarder;
        upstreams->ready = ready;
        upstreams->userdata = userdata;
        int r = helper_threads_new(&upstreams->threads, event, "upstreams", upstreams);
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(upstreams);
        return 0;
}

struct upstreams *upstreams_free(struct upstreams *upstreams)
{
        if (upstreams) {
                upstreams->threads = helper_threads_free(upstreams->threads);
                for (size_t i = 0; i < upstreams->n; i++) {
                        (void)forwarding_upstream_free(upstreams->list[i]);
                }
                free(upstreams);
        }
        return NULL;
}
