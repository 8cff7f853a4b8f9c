/* A wish that cannot be had any more: an exchange of others has come before it. */
#include "lib/refresh.h"

#include "lib/util.h"

void refresh_withdraw(struct refresh *refresh)
{
        if (refresh->wish_usec != USEC_NEVER && refresh->wish_reason == REFRESH_REPORTED) {
                refresh->reported_serial = 0; /* nothing was done about it */
        }
        refresh->wish_usec = USEC_NEVER;
}
