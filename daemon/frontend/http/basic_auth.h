/* Basic authentication, as far as we need it: who does the client say that he is? */
#pragma once

/* The user-id of an Authorization header's value (NULL for none), the caller's to free. The scheme may be in
 * any case (RFC 9110, section 11.1). -EINVAL: that is no Basic authentication; -ENOMEM. */
int basic_auth_id(const char *authorization, char **ret);
