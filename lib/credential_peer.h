/* The client that asks for a credential: the service manager, which says in the address of its own socket
 * for which unit and by which name (systemd.exec(5), LoadCredential=). */
#pragma once

#include "lib/credential_name.h"
#include "lib/unit_name.h"

struct credential_peer {
        char unit[UNIT_NAME_MAX + 1];
        char credential[CREDENTIAL_NAME_MAX + 1];
};

/* Reads the path part of the peer's unix address, with the NUL that makes it abstract:
 * "\0RANDOM/unit/UNIT/CREDENTIAL". -EINVAL: that is no such address. */
int credential_peer_parse(const char *address, size_t length, struct credential_peer *ret);
