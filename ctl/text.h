/* Text: making what a daemon wrote fit for a terminal, and fitting it into columns. */
#pragma once

#include "lib/util.h"

#include <stdio.h>

/* Copies text, cut to size bytes, with everything replaced that is not a printable character; without
 * unicode also all that is not ASCII. The result is whole UTF-8 in a UTF-8 locale, else ASCII. */
void text_clean(char *buffer, size_t size, const char *text, bool unicode);

/* The columns that clean text takes. */
unsigned text_width(const char *text);

/* Writes clean text and spaces up to width. */
void text_pad(FILE *out, const char *text, unsigned width);

/* Writes clean text in lines of at most width columns, broken at spaces (a longer word stands alone and runs
 * over). Lines after the first begin with indent spaces. Ends without a newline. */
void text_wrap(FILE *out, const char *text, unsigned indent, unsigned width);
