/* A request in libcurl's form: method, target, header lines, body, and the token last. */
#pragma once

#include "lib/lane.h"

#include <curl/curl.h>

struct request_form;

/* Copies a sound packet. path: the part before the target. -ENOMEM. */
int request_form_new(struct request_form **ret, const struct lane_request *packet, size_t length,
                     const char *path);

/* Wipes the token. No transfer may use it any more. NULL is fine; returns NULL. */
struct request_form *request_form_free(struct request_form *form);

/* Sets all of it but where a body that is not whole comes from. expect: of `Expect: 100-continue`. The form
 * is borrowed until the transfer is over. False: no memory. */
bool request_form_set_up(struct request_form *form, CURL *easy, bool expect);

/* The packet as it came, but for its header lines. */
const struct lane_request *request_form_packet(const struct request_form *form);

/* May it be sent once more where it was sent, and nothing is known of what became of it? (RFC 9110, 9.2.2.)
 */
bool request_form_is_idempotent(const struct request_form *form);

/* Is the token a part of the text, in whatever form? */
bool request_form_echoes(const struct request_form *form, const char *text);
