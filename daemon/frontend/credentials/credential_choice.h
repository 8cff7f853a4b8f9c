/* Which environment's token a unit gets, by the rules and by what it calls the credential. */
#pragma once

#include "daemon/frontend/known/known.h"
#include "lib/credential_peer.h"

#define CREDENTIAL_WHY_MAX 640

/* The environment, which stays the known ones'. -EACCES: it gets none; reterr_why says why, and the cure. */
int credential_choose(const struct known *known, const struct credential_peer *peer,
                      struct known_environment **ret, char reterr_why[static CREDENTIAL_WHY_MAX]);
