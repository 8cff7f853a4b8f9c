/* Token file: a file with the latest token for programs that read files. */
#pragma once

#include "lib/util.h"

#include <sys/types.h>

#define TOKEN_FILE_WORDS_MAX 512
#define TOKEN_FILE_MODE      0600
#define TOKEN_FILE_MODE_MASK 0660 /* others may never read it */

struct token_file {
        const char *path;
        mode_t mode;
};

/* Replaces the file by these bytes, atomically. An older file's owner and group stay.
 * Negative errno, after writing the error, its cause and cure to words; the older file is there then.
 */
int token_file_write(const struct token_file *file, const char *bytes, size_t length,
                     char words[static TOKEN_FILE_WORDS_MAX]);

/* Removes what an earlier process left beside it that was killed in the middle of a write. */
void token_file_tidy(const struct token_file *file);
