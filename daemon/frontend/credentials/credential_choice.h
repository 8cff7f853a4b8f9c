/* Which environment's token a unit gets, by the rules and by what it calls the credential. */
#pragma once

#include "daemon/frontend/api/api.h"
#include "lib/credential_peer.h"

#define CREDENTIAL_WHY_MAX 640

/* The environment, which stays the api's. -EACCES: it gets none; reterr_why says why, and the cure. */
int credential_choose(const struct api *api, const struct credential_peer *peer, struct environment **ret,
                      char reterr_why[static CREDENTIAL_WHY_MAX]);
