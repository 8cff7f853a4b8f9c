/* Unread bytes on a kept connection. */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>

/* Does the TLS of this transfer's connection hold bytes that are read from the socket already? Of an answer
 * whose length is told libcurl reads so much and no more: bytes that an upstream has put behind it stays
 * there, unseen by all who look at the socket, and would be taken for the next request's answer. From within
 * a callback of the transfer only. */
bool tls_rest_is_there(CURL *easy);
