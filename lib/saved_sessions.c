/* What is to survive a restart: the struct. Its text is in saved_sessions_format.c and
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

bool saved_environment_possible(const struct saved_environment *saved, uint64_t now_usec)
{
        return refresh_past_possible(&saved->past, now_usec) &&
               (!saved->session || saved->session->sent_usec <= now_usec);
}
