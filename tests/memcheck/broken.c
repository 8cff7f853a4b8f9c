/* A program with one mistake of each kind that memcheck is asked to find: if it finds none here, what it
 * says of the others is worth nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* NOLINTBEGIN(clang-analyzer-*): clang-tidy finds them as well. */

static int read_unset(void)
{
        volatile char *block = malloc(16);
        int found = block && block[7] == 'x' ? puts("x") : 0;

        free((void *)block);
        return found;
}

static int read_freed(void)
{
        volatile char *block = calloc(1, 16);
        volatile const char *kept = block + 7;

        free((void *)block);
        return *kept;
}

static int forget(void)
{
        volatile char *block = malloc(16);

        if (block) {
                block[0] = 'x';
        }
        block = NULL;
        return block != NULL;
}

/* NOLINTEND(clang-analyzer-*) */

int main(int argc, char *argv[])
{
        const char *mistake = argc == 2 ? argv[1] : "none";

        if (strcmp(mistake, "unset") == 0) {
                return read_unset() < 0;
        }
        if (strcmp(mistake, "freed") == 0) {
                return read_freed() == 'x';
        }
        return strcmp(mistake, "forgotten") == 0 ? forget() : 0;
}
