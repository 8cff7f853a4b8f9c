/* The word that was probably meant by one that we do not know. */
#pragma once

#include <stddef.h>

/* The longest word that is compared. */
#define NEAREST_NAME_MAX 40

/* Room for any text of nearest_names(), for lists of up to 16 names. */
#define NEAREST_NAMES_TEXT_MAX 400

/* Writes the names that are nearest to the word, by the number of letters to change, add or leave out: "did
 * you mean max_connections?"; or, when none is near, all of them: "known here: allow, listen". Returns
 * buffer. */
const char *nearest_names(const char *word, const char *const *names, size_t n, char *buffer, size_t size);
