/* The memory that a refresh machine leaves to the next one when the program starts anew: when it sent
 * exchanges, and the times of its token. The state of its keys goes with their names (key_name.known). With
 * that the promises of lib/refresh.h hold across a restart as they hold without one. */
#pragma once

#include "lib/refresh_state.h"

/* Every time is of the machine's clock (CLOCK_BOOTTIME): this makes sense within one boot only. */
struct refresh_past {
        struct refresh_sent sent[REFRESH_HOURLY_BUDGET]; /* the latest exchanges, the oldest first */
        size_t n_sent;
        uint64_t retry_after_usec;  /* the upstream's wish: not before; 0: none */
        uint64_t reported_usec;     /* of the latest report that was acted on; 0: never */
        uint64_t unauthorized_usec; /* since when it is 401 alone, and no key joined; 0: it is not */
        bool elsewhere; /* to another upstream, or for another account: they were not in vain here */
};

/* The token in hand, as the machine knows it. */
struct refresh_token {
        uint64_t expires_usec;
        uint64_t refresh_point_usec;
        uint64_t life_usec;      /* as granted */
        uint32_t attainable_sec; /* see refresh.attainable_sec */
        bool reported;           /* callers said that the upstream refuses it, and there is no other one yet:
                                    the next machine asks at once, as a retry would */
};

/* The memory to leave. *ret_token is filled if the machine has a token, but for life_usec, which the
 * session knows. */
void refresh_leave(const struct refresh *refresh, struct refresh_past *ret, struct refresh_token *ret_token);

/* Could a machine have left this by now? False if any of it lies in a time to come, but for the upstream's
 * wish, which may lie as far ahead as one is heeded. */
bool refresh_past_possible(const struct refresh_past *past, uint64_t now_usec);

/* Takes over, right after refresh_init() and before the first refresh_on_keys(); past is possible. token
 * (NULL: there is none): lives, and goes by token_serial from now on. */
void refresh_restore(struct refresh *refresh, const struct refresh_past *past,
                     const struct refresh_token *token, uint64_t token_serial);

/* From now on another upstream is asked, or another account there. The machine is as after refresh_init(),
 * but for what it has sent: floor and budgets hold across this, too. (A wish of the old upstream is none of
 * the new one.) refresh_on_keys() comes next. */
void refresh_move(struct refresh *refresh);
