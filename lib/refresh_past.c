/* What a refresh machine leaves to the next one.
 *
 * The machine's rings are unrolled into lists with the oldest first, and rolled up again. Nothing is left
 * out because of its age: what is left depends on the machine alone, so that who compares two of them sees
 * whether anything happened. */
#include "lib/refresh_past.h"

#include "lib/util.h"

#include <assert.h>

static size_t unroll(const uint64_t *ring, size_t size, uint64_t n, uint64_t *ret)
{
        size_t held = n < size ? (size_t)n : size;

        for (size_t i = 0; i < held; i++) {
                ret[i] = ring[(n - held + i) % size];
        }
        return held;
}

void refresh_leave(const struct refresh *refresh, struct refresh_past *ret, struct refresh_token *ret_token)
{
        *ret = (struct refresh_past){ .retry_after_usec = refresh->retry_after_usec,
                                      .reported_usec = refresh->reported_usec };
        ret->n_sent =
                unroll(refresh->sent_ring, ARRAY_SIZE(refresh->sent_ring), refresh->n_sent, ret->sent_usec);
        ret->n_caused = unroll(refresh->caused_ring, ARRAY_SIZE(refresh->caused_ring), refresh->n_caused,
                               ret->caused_usec);
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
        return (past->n_sent == 0 || past->sent_usec[past->n_sent - 1] <= now_usec) &&
               (past->n_caused == 0 || past->caused_usec[past->n_caused - 1] <= now_usec) &&
               past->reported_usec <= now_usec &&
               past->retry_after_usec <=
                       now_usec + RETRY_AFTER_MAX_SEC * USEC_PER_SEC + RETRY_AFTER_SPREAD_USEC;
}

void refresh_restore(struct refresh *refresh, const struct refresh_past *past,
                     const struct refresh_token *token, uint64_t token_serial, const struct key_name *key)
{
        assert(refresh->n_sent == 0 && !refresh->has_token && refresh->keyring.n == 0);
        memcpy(refresh->sent_ring, past->sent_usec, past->n_sent * sizeof(past->sent_usec[0]));
        refresh->n_sent = past->n_sent;
        memcpy(refresh->caused_ring, past->caused_usec, past->n_caused * sizeof(past->caused_usec[0]));
        refresh->n_caused = past->n_caused;
        refresh->retry_after_usec = past->retry_after_usec;
        refresh->reported_usec = past->reported_usec;
        if (!token) {
                return;
        }
        refresh->has_token = true;
        refresh->token_serial = token_serial;
        refresh->expires_usec = token->expires_usec;
        refresh->refresh_point_usec = token->refresh_point_usec;
        refresh->attainable_sec = token->attainable_sec;
        refresh->reported_serial = token->reported ? token_serial : 0;
        refresh->due_usec = token->refresh_point_usec;
        refresh->due_reason = REFRESH_DUE;

        struct key_state *proven = &refresh->keyring.keys[refresh->keyring.n++];
        *proven = (struct key_state){ .serial = key->serial, .proven = true };
        memcpy(proven->label, key->label, sizeof(proven->label));
}

void refresh_move(struct refresh *refresh)
{
        struct refresh_past past;
        struct refresh_token left_behind;

        refresh_leave(refresh, &past, &left_behind);
        past.retry_after_usec = 0;
        refresh_init(refresh);
        refresh_restore(refresh, &past, NULL, 0, NULL);
}
