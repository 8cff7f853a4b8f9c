/* Held signals: those that would end or stop us wait until something is whole. */
#pragma once

#include <signal.h>

/* Holds all but those that a fault raises. ret_before: for held_signals_end(). */
void held_signals_begin(sigset_t *ret_before);

/* Those that were held come now. A second time it does nothing. */
void held_signals_end(sigset_t *before);

/* Those that have come until now never do: the caller sees to the end that they were for. */
void held_signals_drop(void);
