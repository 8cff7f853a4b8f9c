/* The user and the password of a URL that somebody quotes in a text. */
#pragma once

/* Puts asterisks in the place of what stands before the last '@', as far as it may be a user and a password:
 * from the opening quote on, but for a scheme. Where the text ends within a quotation, it may have been cut
 * before the '@': the whole quotation goes. The text gets no longer. */
void hide_login(char *text);
