/* A secret as an upstream may send it back: as it is, or in one of the forms that texts are put into on
 * their way, and with other characters strewn in. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Does an echo of this secret begin at the start of the text? Returns its length; 0: it does not.
 *
 * It is one if it is the secret, ASCII case ignored. Of secrets that take 6 letters and digits or more to
 * write, it is also one if these follow each other in the text with up to 8 other bytes between any two:
 * those of the secret itself, or where single characters of it (all, or those that are neither letter nor
 * digit) are written in hexadecimal as in URLs (%2B), in JSON (\u002b) or in C and XML (\x2b, &#x2b;), or in
 * decimal (&#43;). "" and NULL are no secrets. */
size_t echo_length(const char *text, size_t length, const char *secret);

/* Is there one of any of these secrets anywhere in the text? */
bool echo_is_in(const char *text, size_t length, const char *const *secrets, size_t n_secrets);
