/* Built without OpenSSL: there is no limit. */
#include "daemon/base/tls_limit.h"

bool tls_limit_set_up(CURL *easy)
{
        return true;
}

bool tls_limit_put_on(void *context)
{
        return true;
}
