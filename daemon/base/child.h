/* The start of the keeper's children, and their log: through the keeper. */
#pragma once

#include "daemon/base/channel.h"
#include "daemon/base/journal_record.h"

#include <stdbool.h>

/* The number of a child's end of the pair. */
#define CHILD_CHANNEL_FD 3

/* Is that descriptor what the keeper gives us? Else somebody has started this by hand: that is said on
 * standard error. option: by which the program became this. */
bool child_has_keeper(const char *option);

/* Takes this name, and is ended with the keeper, without which there is nothing to do. */
void child_begin_life(const char *name);

/* For journal_pass_to(); userdata is the struct channel to the keeper. */
bool child_pass_record(const struct journal_record *record, const char *text, void *userdata);
