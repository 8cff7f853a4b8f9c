/* Why a transfer failed: for the frontend, and in words for the log. */
#pragma once

#include "daemon/forwarder/request_form.h"
#include "lib/lane.h"

#include <stdbool.h>

/* result: libcurl's. connected: there was a connection, so that it is not that. words: libcurl's, or "". */
enum lane_fail request_failure_of(CURLcode result, bool connected, const char *words);

/* Writes why, as a part of a sentence: own, if it is not NULL, else as curl_loop_explain() does. Logins of a
 * proxy and the request's token are not in it. */
void request_failure_explain(const struct request_form *form, CURL *easy, CURLcode result, const char *own,
                             const char *words, char *ret, size_t size);
