/* What is said of an environment: to the journal, and to those who get no token. */
#pragma once

#include "daemon/keeper/environment.h"

/* A token was obtained with the key of this label. */
void environment_say_granted(const struct environment *environment, const char *label, uint64_t now_usec);

/* The upstream accepted the key of this label, which was new, or had been refused. */
void environment_say_proven(const struct environment *environment, const char *label);

/* These are the keys now, n of them. */
void environment_say_keys(const struct environment *environment, const struct key_name *names, size_t n);

/* An exchange with the key of this label gave none. */
void environment_say_failure(const struct environment *environment, enum exchange_outcome outcome,
                             const char *why, const char *label, uint64_t now_usec);

/* Why there is no token, or "" if there is one: for people, with what to do. Returns buffer. */
#define ENVIRONMENT_WHY_MAX 512
const char *environment_why(const struct environment *environment, uint64_t now_usec,
                            char buffer[static ENVIRONMENT_WHY_MAX]);
