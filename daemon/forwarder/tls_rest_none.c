/* Unread bytes on a kept connection: built without OpenSSL, nobody can tell. */
#include "daemon/forwarder/tls_rest.h"

bool tls_rest_is_there(CURL *easy)
{
        return false;
}
