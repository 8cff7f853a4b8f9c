/* Key words: the daemon's knowledge of a key, put into words. */
#pragma once

#include "ctl/fields.h"

#define KEY_WORDS_MAX 160

/* "good, seen 3min ago", "refused 2h ago: answered 401", "untried"; in_use adds that it is. A state of
 * another version is told as it is. Nothing is cleaned. Returns words. */
const char *key_words(char words[static KEY_WORDS_MAX], struct json_object *key, bool in_use);

/* Is the token in hand by this key? */
bool key_is_in_use(struct json_object *environment, struct json_object *key);

/* Should somebody look at it: it is refused, or untried and not about to be tried? Right after a start
 * spares wait for their trial, which is nobody's trouble. */
bool key_is_doubtful(struct json_object *key);

/* A trial that is so near is waited for. */
#define KEY_TRIAL_NEAR_SEC 60
