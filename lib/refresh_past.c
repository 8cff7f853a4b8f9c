/* The memory that a refresh machine leaves to the next one.
 *
 * Nothing is left out because of its age: the result depends on the machine alone, so that a comparison of
 * two of them shows whether anything happened. */
#include "lib/refresh_past.h"

#include "lib/refresh_schedule.h"
#include "lib/util.h"

#include <assert.h>

#define LATELY_USEC (10 * USEC_PER_MIN)

void refresh_leave(const struct refresh *refresh, struct refresh_past *ret, struct refresh_token *ret_token)
{
        *ret = (struct refresh_past){ .retry_after_usec = refresh->retry_after_usec,
                                      .reported_usec = refresh->reported_usec,
                                      .unauthorized_usec = refresh->unauthorized_usec };
        ret->n_sent = refresh_budget_list(&refresh->budget, ret->sent);
        if (refresh->has_token) {
                *ret_token = (struct refresh_token){
                        .expires_usec = refresh->expires_usec,
                        .refresh_point_usec = refresh->refresh_point_usec,
                        .attainable_sec = refresh->attainable_sec,
                        .reported = refresh->reported_usec > 0 &&
                                    refresh->reported_serial == refresh->token_serial,
                };
        }
}

bool refresh_past_possible(const struct refresh_past *past, uint64_t now_usec)
{
        return (past->n_sent == 0 || past->sent[past->n_sent - 1].usec <= now_usec) &&
               past->reported_usec <= now_usec && past->unauthorized_usec <= now_usec &&
               past->retry_after_usec <=
                       now_usec + RETRY_AFTER_MAX_SEC * USEC_PER_SEC + RETRY_AFTER_SPREAD_USEC;
}

/* The attempts since the token was issued were in vain; without one, those from LATELY_USEC before the
 * latest exchange on, as they would not have come so soon one after the other otherwise. A program that is
 * restarted again and again in a trouble is not to use up the hour with quick attempts, each time anew. */
static unsigned count_in_vain(const struct refresh_past *past, const struct refresh_token *token)
{
        uint64_t since = token              ? usec_sub(token->expires_usec, token->life_usec)
                         : past->n_sent > 0 ? usec_sub(past->sent[past->n_sent - 1].usec, LATELY_USEC)
                                            : 0;
        unsigned n = 0;

        for (size_t i = 0; i < past->n_sent; i++) {
                n += past->sent[i].share == REFRESH_SHARE_NEED && past->sent[i].usec > since;
        }
        return n;
}

void refresh_restore(struct refresh *refresh, const struct refresh_past *past,
                     const struct refresh_token *token, uint64_t token_serial)
{
        assert(refresh->budget.n == 0 && !refresh->has_token && refresh->keyring.n == 0);
        refresh_budget_restore(&refresh->budget, past->sent, past->n_sent);
        refresh->retry_after_usec = past->retry_after_usec;
        refresh->reported_usec = past->reported_usec;
        refresh->unauthorized_usec = past->unauthorized_usec;
        refresh->n_before = past->elsewhere ? 0 : count_in_vain(past, token);
        if (!token) {
                return;
        }
        refresh->has_token = true;
        refresh->token_serial = token_serial;
        refresh->expires_usec = token->expires_usec;
        refresh->refresh_point_usec = token->refresh_point_usec;
        refresh->last_chance_usec = refresh_last_chance_usec(token->expires_usec, token->life_usec);
        refresh_store_schedule(refresh, usec_sub(token->expires_usec, token->life_usec), token->life_usec,
                               UINT32_MAX / 2);
        refresh->attainable_sec = token->attainable_sec;
        refresh->reported_serial = token->reported ? token_serial : 0;
        if (token->reported) { /* the refresh for it failed, or ended with the program: it is tried again */
                refresh->due_usec = 0;
                refresh->due_reason = REFRESH_RETRY;
        } else {
                refresh->due_usec = token->refresh_point_usec;
                refresh->due_reason = REFRESH_DUE;
        }
}

void refresh_move(struct refresh *refresh)
{
        struct refresh_past past;
        struct refresh_token left_behind;

        refresh_leave(refresh, &past, &left_behind);
        past.retry_after_usec = 0;
        past.unauthorized_usec = 0;
        past.elsewhere = true;
        bool store = refresh->store.used;
        refresh_init(refresh);
        refresh_use_store(refresh, store);
        refresh_restore(refresh, &past, NULL, 0);
}
