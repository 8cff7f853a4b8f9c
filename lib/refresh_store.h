/* The store that brokers with the same key share, as the refresh machine sees it.
 *
 * An exchange whose time has come is claimed first. The store may answer that there is a token already, or
 * that another broker is about to get one, or has tried in vain just now: then the exchange is put off. It
 * is never believed for long. While the token in hand is good, it can put exchanges off until 80 to 90 % of
 * that token's life (60 to 70 % of one shorter than 10 min); without one for 100 s at most, and not at all
 * once an attempt of our own has failed. From then on the store is still looked at before each exchange, but
 * whatever it says, unless it has a token, the exchange follows. So the worst store costs what none costs.
 *
 * For lib/refresh*.c alone. */
#pragma once

#include "lib/refresh_state.h"

/* The wait after an answer that leaves time. */
#define REFRESH_LONG_WAIT_USEC (10 * USEC_PER_SEC)

/* The store stands against no exchange of this step, whatever its key. */
#define REFRESH_ANY_SERIAL UINT64_MAX

/* An exchange may start now: is the store to be asked before it? */
bool refresh_is_to_be_claimed(const struct refresh *refresh, uint64_t key_serial, enum refresh_share share,
                              uint64_t now_usec);

/* When the store lets an exchange start that is due: 0 unless it put it off. */
uint64_t refresh_store_wait_usec(const struct refresh *refresh);

/* May what the store says put an exchange off now? */
bool refresh_store_trusted(const struct refresh *refresh, uint64_t now_usec);

/* An exchange begins, or another token is in hand: earlier answers of the store count no more. */
void refresh_store_forget(struct refresh *refresh);

/* The store failed: it is left alone for a while, and stands against nothing. */
void refresh_store_rest(struct refresh *refresh, uint64_t now_usec);

/* A claim under way that is not answered in time, or not wanted any more, is given up. Returns when that is
 * to be looked at again. */
uint64_t refresh_look_at_claim(struct refresh *refresh, uint64_t now_usec, struct refresh_step *step);

/* Does a caller's demand for a longer life wait for an exchange? */
bool refresh_is_demanded(const struct refresh *refresh);

/* A demand, or the report of the token in hand, is accepted: before it is a wish. */
void refresh_store_demanded(struct refresh *refresh, uint32_t min_ttl_sec);
void refresh_store_reported(struct refresh *refresh, uint64_t now_usec);

/* Need's exchange failed: is there time, as the token is good for long, and others share what they get? */
bool refresh_is_calm(const struct refresh *refresh, uint64_t now_usec);
