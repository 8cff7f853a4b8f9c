/* The texts that the service manager keeps for us: the sessions ("sessions-N", in the form that older
 * programs read) and of what is known of keys, accounts and budgets ("knowledge-N"). */
#pragma once

#include "daemon/keeper/session_store.h"
#include "lib/saved_knowledge.h"

struct kept_texts {
        struct session_store sessions, knowledge;
};

/* Takes passed->kept over. The one before is the caller's; NULL: nothing. */
void kept_texts_init(struct kept_texts *texts, struct passed_sockets *passed,
                     struct saved_sessions **ret_sessions, struct saved_knowledge **ret_knowledge);
/* The manager keeps what it has. */
void kept_texts_clear(struct kept_texts *texts);

/* Has both kept, as far as they are not what is kept already; fills in their numbers and the boot. Negative
 * errno: *reterr_what says what could not be, a static text; NULL: all is kept, and something older as well.
 * Sessions from before are let go then; older knowledge is not less true than nothing. */
int kept_texts_put(struct kept_texts *texts, struct saved_sessions *sessions,
                   struct saved_knowledge *knowledge, const char **reterr_what);
