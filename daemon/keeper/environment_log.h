/* What the journal is told of an environment. */
#pragma once

#include "lib/environment_view.h"
#include "lib/session.h"

/* A token was obtained with the key of this label. */
void environment_log_granted(const struct environment_view *view, const struct session *session,
                             const char *label, uint64_t now_usec);

/* The upstream accepted the key of this label, which was new, or had been refused. */
void environment_log_proven(const struct environment_view *view, const char *label);

/* These are the keys now, n of them. */
void environment_log_keys(const struct environment_view *view, const struct key_name *names, size_t n);

/* An exchange with the key of this label gave none. */
void environment_log_failure(const struct environment_view *view, const struct session *session,
                             enum exchange_outcome outcome, const char *why, const char *label,
                             uint64_t now_usec);
