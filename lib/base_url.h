/* The base URL of an environment's upstream. */
#pragma once

#include <stddef.h>

/* Where the vendor's API is. */
#define BASE_URL_PRODUCTION "https://commercedeveloper-api.adobe.com"
#define BASE_URL_SANDBOX    "https://commercedeveloper-sandbox-api.adobe.com"

#define BASE_URL_MAX 160 /* characters */

/* Checks https://HOST[:PORT][/PATH] and writes it in one spelling, as sessions and budgets are told apart by
 * it: scheme and host in lower case, no port 443, no slash at the end. The caller frees *ret. -EINVAL:
 * reterr_why (size bytes) says what is wrong and what to write instead; it never quotes the URL, which may
 * hold a password. -ENOMEM. */
int base_url_parse(const char *text, char **ret, char *reterr_why, size_t size);
