/* One environment at work: carries out what its refresh machine decides, and holds the session in hand.
 *
 * The decisions are in lib/refresh; here is no policy of its own. */
#pragma once

#include "daemon/keeper/environment_object.h"

/* The tools stay the caller's. Negative errno. */
int environment_new(struct environment **ret, const struct environment_tools *tools,
                    const struct environment_settings *settings, const struct environment_watcher *watcher);
/* Keys of it that no file gives are let go. NULL is fine; returns NULL. */
struct environment *environment_free(struct environment *environment);

/* Other settings from now on. Another base URL, or another account, ends the token in hand; see
 * refresh_move(). */
void environment_configure(struct environment *environment, const struct environment_settings *settings);

/* Key files were read: takes their keys over. */
void environment_keys_changed(struct environment *environment);

/* The session to hand out now, still the environment's; NULL if none lives. The read path's own check of
 * expiry and account. */
struct session *environment_session(const struct environment *environment, uint64_t now_usec);

/* A caller needs a token with min_ttl_sec left; may start an exchange. Returns: see enum refresh_verdict;
 * ret_obstacle: see refresh_on_demand(). The same for those below. */
enum refresh_verdict environment_demand(struct environment *environment, uint32_t min_ttl_sec,
                                        uint64_t now_usec, struct refresh_obstacle *ret_obstacle);

/* A caller says that the upstream refused this token, of `length` bytes; no copy of it is kept. */
enum refresh_verdict environment_report(struct environment *environment, const char *ust, size_t length,
                                        uint64_t now_usec, struct refresh_obstacle *ret_obstacle);

/* An operator wants a new token: reads the key files anew where they may have changed unseen, and then asks
 * the machine. new_account: of whichever account the next grant is. */
enum refresh_verdict environment_operator_refresh(struct environment *environment, bool new_account,
                                                  uint64_t now_usec, struct refresh_obstacle *ret_obstacle);
