/* How a store for shared sessions is: the meaning of its errors, in one word and in words for people. */
#pragma once

#include <stddef.h>

enum store_state {
        STORE_FINE,
        STORE_SILENT,      /* no whole answer in time */
        STORE_UNREACHABLE, /* no connection, or it was closed in the middle */
        STORE_UNTRUSTED,   /* TLS: its certificate does not prove that it is the store */
        STORE_NO_LOGIN,    /* it refuses the user or the password, or commands that the user needs */
        STORE_READ_ONLY,   /* a replica, or one that has lost its replicas */
        STORE_FULL,        /* maxmemory, and it evicts nothing */
        STORE_MOVED,       /* a Cluster, and the names belong to another of its nodes */
        STORE_LOADING,     /* it starts, or is busy with something else */
        STORE_NOT_SAVING,  /* it takes no writes because it cannot save them */
        STORE_REFUSED,     /* any other error */
        STORE_NONSENSE,    /* no answer that such a store gives */
        _STORE_STATE_COUNT,
};

/* "fine", "silent", "unreachable", "untrusted", "no_login", "read_only", "full", "moved", "loading",
 * "not_saving", "refused", "nonsense". */
const char *store_state_name(enum store_state state);

/* The trouble: "it has no memory left and evicts nothing", to stand behind the store's address and a
 * colon. */
const char *store_state_text(enum store_state state);

/* The cure, as a whole sentence; "" for STORE_FINE. */
const char *store_state_cure(enum store_state state);

/* The meaning of an error, by its first word. The rest is not looked at, as it may quote parts of the
 * request. Never STORE_FINE. *ret_word is that word if it is a known one, else "". */
enum store_state store_state_of_error(const char *text, size_t length, const char **ret_word);
