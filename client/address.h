/* Address: where a daemon may be reached; a unix socket, or HTTP on the loopback interface. */
#pragma once

#include "lib/util.h"

/* Room for "unix:" and the longest path that fits into a socket address, or for any loopback URL. */
#define ADDRESS_TEXT_MAX 128

struct address {
        char text[ADDRESS_TEXT_MAX]; /* as a user writes it */
        const char *unix_path;       /* points into text; NULL for TCP */
        const char *url;  /* points into text, or to a constant for unix sockets; no slash at its end */
        bool check_owner; /* TCP, and nobody said that this is the one: see port_owner.h */
        bool own_only;    /* unix, likewise: the listener there has to be this process's user */
};

/* Reads "unix:/absolute/path" or "http://HOST:PORT"; HOST is 127.0.0.1, localhost or [::1], because a token
 * must not travel over a network in the clear. check_owner and own_only are false. -EINVAL for all else. */
int address_parse(struct address *ret_address, const char *text);
