/* The authorities that an exchange trusts, as options of libcurl. */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>

#define TRUST_OBSTACLE_MAX 192

/* Sets all of it. ca_file: a file of certificate authorities that vouch for the upstream, in place of every
 * other; NULL: the system's. If it is there and is no file, such as a pipe, nobody is trusted: the transfer
 * ends with CURLE_SSL_CACERT_BADFILE, and ret_obstacle says why; "" otherwise. False: there is no memory for
 * it. */
bool trust_set_up(CURL *easy, const char *ca_file, char ret_obstacle[static TRUST_OBSTACLE_MAX]);

/* Writes what an administrator can do about a transfer that ended with this result, and these words of
 * libcurl's, for want of trust, such as " (check ca_file)"; "" if it ended for something else. setting: the
 * one that names the host, such as base_url. */
void trust_cure(CURL *easy, const char *setting, bool has_ca_file, CURLcode result, const char *words,
                char *text, size_t size);
