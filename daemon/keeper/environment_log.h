/* An environment's events in the journal. */
#pragma once

#include "lib/environment_view.h"
#include "lib/session.h"

/* A token was obtained with the key of this label, for this reason. */
void environment_log_granted(const struct environment_view *view, const struct session *session,
                             const char *label, enum refresh_reason reason, uint64_t now_usec);

/* The lifetime that was granted is shorter than the hourly budget can bear: the remark says so. */
void environment_log_short(const struct environment_view *view, const char *label, const char *remark);

/* A token that another host obtained is in hand. */
void environment_log_adopted(const struct environment_view *view, const struct session *session,
                             uint64_t now_usec);

/* The upstream accepted the key of this label, which was new, or had been refused. */
void environment_log_proven(const struct environment_view *view, const char *label);

/* The key of this label failed where another one was granted a token. */
void environment_log_outdone(const struct environment_view *view, const char *label);

/* Tokens are of another account from now on. */
void environment_log_account(const struct environment_view *view, const char *from, const char *to);

/* These are the keys now, n of them. */
void environment_log_keys(const struct environment_view *view, const struct key_name *names, size_t n);

/* An exchange that gave no token; why is the view's trouble. */
struct failed_exchange {
        uint64_t key_serial;
        const char *label;
        enum exchange_outcome outcome;
        bool trial;    /* only the key was in question */
        bool repeated; /* the same was told not long ago */
};
void environment_log_failure(const struct environment_view *view, const struct session *session,
                             const struct failed_exchange *failed, uint64_t now_usec);
