/* The word that was probably meant. The distance of two words is the number of letters to change, add or
 * leave out to make one of the other (Levenshtein's). Words are near when that is at most a third of the
 * longer one. */
#include "lib/nearest_name.h"

#include "lib/util.h"

#include <stdio.h>

static size_t distance(const char *a, const char *b)
{
        size_t row[NEAREST_NAME_MAX + 1];
        size_t a_length = strlen(a), b_length = strlen(b);

        for (size_t j = 0; j <= b_length; j++) {
                row[j] = j;
        }
        for (size_t i = 0; i < a_length; i++) {
                size_t diagonal = row[0];

                row[0] = i + 1;
                for (size_t j = 0; j < b_length; j++) {
                        size_t change = diagonal + (a[i] != b[j]), step = MIN_OF(row[j], row[j + 1]) + 1;

                        diagonal = row[j + 1];
                        row[j + 1] = MIN_OF(change, step);
                }
        }
        return row[b_length];
}

/* SIZE_MAX: not near. */
static size_t near_distance(const char *word, const char *name)
{
        size_t longer = MAX_OF(strlen(word), strlen(name)), d;

        if (longer > NEAREST_NAME_MAX) {
                return SIZE_MAX;
        }
        d = distance(word, name);
        return d <= longer / 3 ? d : SIZE_MAX;
}

const char *nearest_names(const char *word, const char *const *names, size_t n, char *buffer, size_t size)
{
        size_t best = SIZE_MAX, used;
        const char *separator = "";

        for (size_t i = 0; i < n; i++) {
                best = MIN_OF(best, near_distance(word, names[i]));
        }

        (void)snprintf(buffer, size, "%s", best == SIZE_MAX ? "known here: " : "did you mean ");
        for (size_t i = 0; i < n; i++) {
                if (near_distance(word, names[i]) != best) {
                        continue;
                }
                used = strlen(buffer);
                (void)snprintf(buffer + used, size - used, "%s%s", separator, names[i]);
                separator = best == SIZE_MAX ? ", " : " or ";
        }
        used = strlen(buffer);
        if (best != SIZE_MAX) {
                (void)snprintf(buffer + used, size - used, "?");
        }
        return buffer;
}
