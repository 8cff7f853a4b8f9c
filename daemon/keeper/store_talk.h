/* A talk with a store: one request and its answer, perhaps one more, then it is over. Of several stores the
 * next one is asked where one cannot be used, all within 2 s. */
#pragma once

#include "daemon/keeper/share.h"
#include "lib/store_reply.h"
#include "lib/store_request.h"

struct store_talk;

struct store_talk_user {
        /* The answer to the first request, which was sent then (CLOCK_BOOTTIME). store_talk_say() goes on;
         * else it is over. */
        void (*on_answer)(const struct store_claim *claim, uint64_t sent_usec, void *userdata);
        /* Over, after that or instead of it. why: all beyond the state, or "". The talk is to be freed, now
         * or later. */
        void (*on_end)(enum store_state state, const char *store, const char *why, void *userdata);
        void *userdata;
};

/* Begins with store_request_claim(), or with store_request_look(). Nothing is called from within. The names
 * of the place are borrowed until the talk is freed. share_is_on() has to hold, and a share that is
 * configured anew ends all talks first. -ENOMEM. */
int store_talk_new(struct store_talk **ret, struct share *share, const struct store_place *place, bool claim,
                   const struct store_talk_user *user);

/* From within on_answer: this request as well; taken over. */
void store_talk_say(struct store_talk *talk, struct store_request *request);

/* May be called from within on_end, and not from within on_answer. NULL is fine; returns NULL. */
struct store_talk *store_talk_free(struct store_talk *talk);
