/* A talk with a store. The first request carries the login; the second one is sent on the same connection,
 * and to no other store. */
#include "daemon/keeper/store_talk.h"

#include "daemon/base/clock.h"
#include "daemon/base/timer.h"
#include "daemon/keeper/store_link.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

#define TALK_USEC    (2 * USEC_PER_SEC)
#define TRY_MIN_USEC (200 * USEC_PER_MSEC) /* for one store of several */

struct store_talk {
        struct share *share;
        struct store_talk_user user;
        size_t store, n_tried;
        uint64_t until_usec; /* CLOCK_MONOTONIC */
        struct store_link *link;
        struct store_request *request, *next; /* under way; to be said after that */
        struct store_reply *reply;
        uint64_t sent_usec;
        bool answered;          /* the first one is */
        enum store_state state; /* of the store that was tried first */
        char why[STORE_LINK_WHY_MAX];
        size_t failed; /* that store */
};

static const struct store_address *address_of(const struct store_talk *talk, size_t store)
{
        return &talk->share->settings->stores[store];
}

static void end(struct store_talk *talk, size_t store, enum store_state state, const char *why)
{
        talk->link = store_link_free(talk->link);
        share_note(talk->share, store, state, why);
        talk->user.on_end(state, address_of(talk, store)->text, why, talk->user.userdata);
}

static int try_store(struct store_talk *talk);

/* The next one, if there is one and time for it. */
static void fail(struct store_talk *talk, enum store_state state, const char *why)
{
        talk->link = store_link_free(talk->link);
        talk->reply = store_reply_free(talk->reply);
        if (talk->n_tried == 1) { /* the others are there for when it fails: it is the one to tell of */
                talk->failed = talk->store;
                talk->state = state;
                (void)snprintf(talk->why, sizeof(talk->why), "%s", why);
        }
        if (!talk->answered && talk->n_tried < talk->share->settings->n_stores &&
            clock_monotonic_usec() + TRY_MIN_USEC <= talk->until_usec) {
                talk->store = (talk->store + 1) % talk->share->settings->n_stores;
                if (try_store(talk) >= 0) {
                        return;
                }
        }
        end(talk, talk->failed, talk->state, talk->why);
}

/* ---- one store ---- */

static void say(struct store_talk *talk)
{
        if (store_reply_new(&talk->reply, talk->request) < 0) {
                fail(talk, STORE_UNREACHABLE, "out of memory");
                return;
        }
        talk->sent_usec = clock_now_usec();
        store_link_send(talk->link, talk->request->bytes, talk->request->size); /* may fail, and be freed */
}

static void on_open(void *userdata)
{
        say(userdata);
}

/* The talk may be gone afterwards. */
static void take_answer(struct store_talk *talk)
{
        if (!talk->answered) {
                talk->answered = true;
                talk->failed = talk->store; /* from here on */
                talk->n_tried = 1;
                talk->user.on_answer(store_reply_claim(talk->reply), talk->sent_usec, talk->user.userdata);
        }
        talk->reply = store_reply_free(talk->reply);
        if (!talk->next) {
                end(talk, talk->store, STORE_FINE, "");
                return;
        }
        store_link_send(talk->link, NULL, 0); /* lets go of the bytes */
        talk->request = store_request_free(talk->request);
        talk->request = take_ptr(talk->next);
        say(talk);
}

static bool on_bytes(const void *bytes, size_t size, void *userdata)
{
        struct store_talk *talk = userdata;
        enum store_state state = STORE_NONSENSE;

        int r = talk->reply ? store_reply_feed(talk->reply, bytes, size, &state) : 1;
        if (r == 0) {
                return true;
        }
        if (r < 0) {
                fail(talk, STORE_UNREACHABLE, "out of memory");
                return false;
        }
        if (state != STORE_FINE) {
                fail(talk, state, talk->reply ? store_reply_word(talk->reply) : "");
                return false;
        }
        take_answer(talk);
        return false; /* whatever else has come was not asked for */
}

static void on_fault(enum store_link_fault fault, const char *why, void *userdata)
{
        static const enum store_state states[] = {
                [STORE_LINK_UNREACHABLE] = STORE_UNREACHABLE,
                [STORE_LINK_UNTRUSTED] = STORE_UNTRUSTED,
                [STORE_LINK_SILENT] = STORE_SILENT,
                [STORE_LINK_CLOSED] = STORE_UNREACHABLE,
        };

        fail(userdata, states[fault], why);
}

static int try_store(struct store_talk *talk)
{
        const struct store_link_user user = { on_open, on_bytes, on_fault, talk };
        const struct share *share = talk->share;
        uint64_t left_usec = usec_sub(talk->until_usec, clock_monotonic_usec());

        left_usec /= share->settings->n_stores - talk->n_tried;
        talk->n_tried++;
        return store_link_open(&talk->link, share->event, share->curl, address_of(talk, talk->store),
                               share->settings->ca_file, MAX_OF(left_usec, TRY_MIN_USEC), &user);
}

/* ---- life ---- */

static void free_talk(struct store_talk **talk)
{
        *talk = store_talk_free(*talk);
}

int store_talk_new(struct store_talk **ret, struct share *share, const struct store_place *place, bool claim,
                   const struct store_talk_user *user)
{
        _cleanup_(free_talk) struct store_talk *talk = calloc(1, sizeof(*talk));
        const struct store_login login = { share->settings->username, share->files.password };

        if (!talk) {
                return -ENOMEM;
        }
        talk->share = share;
        talk->user = *user;
        talk->store = share->first;
        talk->until_usec = clock_monotonic_usec() + TALK_USEC;
        int r = claim ? store_request_claim(&talk->request, &login, place)
                      : store_request_look(&talk->request, &login, place);
        if (r < 0) {
                return r;
        }
        r = try_store(talk);
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(talk);
        return 0;
}

void store_talk_say(struct store_talk *talk, struct store_request *request)
{
        (void)store_request_free(talk->next);
        talk->next = request;
}

struct store_talk *store_talk_free(struct store_talk *talk)
{
        if (talk) {
                (void)store_link_free(talk->link);
                (void)store_reply_free(talk->reply);
                (void)store_request_free(talk->request);
                (void)store_request_free(talk->next);
                free(talk);
        }
        return NULL;
}
