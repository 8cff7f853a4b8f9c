/* The heart of the refresh machine, for lib/refresh*.c alone: every event ends in refresh_plan(). */
#pragma once

#include "lib/refresh.h"

/* The step that follows from what is wanted now. Lets an expired token go, begins a last chance, starts the
 * exchange whose time has come. */
struct refresh_step refresh_plan(struct refresh *refresh, uint64_t now_usec);

/* Asks each key once, from now on; but_latest: but for the one of the latest exchange. */
void refresh_begin_round(struct refresh *refresh, enum refresh_share share, bool but_latest);

/* Is there a token that may be handed out? */
bool refresh_token_lives(const struct refresh *refresh, uint64_t now_usec);

/* The share that a wish for this reason is taken from. */
enum refresh_share refresh_wish_share(enum refresh_reason reason);

/* When need is due: the refresh point, the next attempt, or the last chance; whatever may stand against it.
 */
uint64_t refresh_need_due_usec(const struct refresh *refresh);

/* The token in hand is good: it lives, and nobody has reported it. */
bool refresh_token_good(const struct refresh *refresh, uint64_t now_usec);

/* A new token is in hand: sets its refresh point, its last chance, and when need is due. */
void refresh_schedule(struct refresh *refresh, uint64_t issued_usec, uint64_t life_usec, uint32_t random);

/* The store's times for a new token; without lots, for one of an earlier process. */
void refresh_store_schedule(struct refresh *refresh, uint64_t issued_usec, uint64_t life_usec,
                            uint32_t random);

/* Need's exchange failed: is there time, as the token is good for long, and others share what they get? */
bool refresh_is_calm(const struct refresh *refresh, uint64_t now_usec);

/* ---- the store (lib/refresh_claim.c, lib/refresh_found.c) ---- */

/* An exchange may start now: is the store to be asked before it? */
bool refresh_is_to_be_claimed(const struct refresh *refresh, uint64_t key_serial, enum refresh_share share,
                              uint64_t now_usec);

/* When the store lets an exchange start that is due: 0 unless it put it off. */
uint64_t refresh_store_wait_usec(const struct refresh *refresh);

/* May what the store says put an exchange off now? */
bool refresh_store_trusted(const struct refresh *refresh, uint64_t now_usec);

/* An exchange begins, or another token is in hand: earlier answers of the store count no more. */
void refresh_store_forget(struct refresh *refresh);

/* A claim under way that is not answered in time, or not wanted any more, is given up. Returns when that is
 * to be looked at again. */
uint64_t refresh_look_at_claim(struct refresh *refresh, uint64_t now_usec, struct refresh_step *step);

/* A demand, or the report of the token in hand, is accepted: before it is a wish. */
void refresh_store_demanded(struct refresh *refresh, uint32_t min_ttl_sec);
void refresh_store_reported(struct refresh *refresh, uint64_t now_usec);

/* The answer to a claim has a token, which is taken over if it is of use (then step->adopted). Returns what
 * else the answer is to be taken for: FOUND, and nothing else follows; or the store's word on an exchange.
 */
enum refresh_claim_kind refresh_on_found(struct refresh *refresh, const struct refresh_claim *claim,
                                         uint64_t now_usec, uint32_t random, struct refresh_step *step);

/* The store is not asked for long about what it has just answered. */
#define REFRESH_LONG_WAIT_USEC (10 * USEC_PER_SEC)
