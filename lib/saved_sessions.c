/* The sessions that are to survive a restart: the struct. Its text is in saved_sessions_format.c and
 * saved_sessions_parse.c. */
#include "lib/saved_sessions.h"

#include "lib/util.h"

struct saved_sessions *saved_sessions_new(void)
{
        return calloc(1, sizeof(struct saved_sessions));
}

struct saved_sessions *saved_sessions_free(struct saved_sessions *saved)
{
        if (saved) {
                for (size_t i = 0; i < saved->n_environments; i++) {
                        (void)session_unref(saved->environments[i].session);
                }
                free(saved);
        }
        return NULL;
}

void saved_sessions_freep(struct saved_sessions **saved)
{
        *saved = saved_sessions_free(*saved);
}

void saved_environment_set_past(struct saved_environment *saved, const struct refresh_past *past)
{
        saved->past = *past;
        saved->n_caused = 0;
        for (size_t i = 0; i < past->n_sent; i++) {
                if (past->sent[i].share != REFRESH_SHARE_REPORT &&
                    past->sent[i].share != REFRESH_SHARE_DEMAND) {
                        continue;
                }
                if (saved->n_caused == SAVED_CAUSED_MAX) {
                        memmove(saved->caused_usec, saved->caused_usec + 1,
                                (SAVED_CAUSED_MAX - 1) * sizeof(saved->caused_usec[0]));
                        saved->n_caused--;
                }
                saved->caused_usec[saved->n_caused++] = past->sent[i].usec;
        }
}

void saved_environment_set_session(struct saved_environment *saved, struct session *session,
                                   const struct refresh_token *token)
{
        saved->session = session;
        saved->refresh_point_usec = token->refresh_point_usec;
        saved->attainable_sec = token->attainable_sec <= session->lifetime_sec ? token->attainable_sec : 0;
        saved->reported = token->reported;
}

bool saved_environment_possible(const struct saved_environment *saved, uint64_t now_usec)
{
        return refresh_past_possible(&saved->past, now_usec) &&
               (saved->n_caused == 0 || saved->caused_usec[saved->n_caused - 1] <= now_usec) &&
               (!saved->session || saved->session->sent_usec <= now_usec);
}
