/* Texts of the upstream's, made fit to be shown. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Copies a text of this length, cut to fit into size bytes (at least 1), which always end with a NUL. Every
 * echo of one of the n hidden texts (see lib/echo.h) is replaced by "[hidden]", and so is every
 * run of [A-Za-z0-9+/=_.-] that redact_is_like_token() holds for. Other bytes than printable ASCII become
 * '?'. NULL and empty hidden texts are skipped. */
void redact(const char *text, size_t length, const char *const *hidden, size_t n_hidden, char *ret,
            size_t size);

/* The same, but for the runs: for texts of ours and of libraries, which quote host names and the like. */
void redact_echoes(const char *text, size_t length, const char *const *hidden, size_t n_hidden, char *ret,
                   size_t size);

/* Could it be a token, or a part of one? So is what is 16 or more long and has a digit, or is over 32 long.
 */
bool redact_is_like_token(const char *run, size_t length);
