/* libcurl as a guest of the sd-event loop: its sockets are I/O sources, its time-out is one timer. */
#pragma once

#include <curl/curl.h>
#include <systemd/sd-event.h>

struct curl_loop;

/* Called once when a transfer that was added has ended; the handle is out of the loop by then. */
typedef void (*curl_loop_done_fn)(CURLcode result, void *userdata);

/* -ENOMEM, or what sd-event answered. */
int curl_loop_new(struct curl_loop **ret, sd_event *event);

/* All transfers must have been removed before. NULL is fine; returns NULL. */
struct curl_loop *curl_loop_free(struct curl_loop *loop);

/* Starts the transfer that `easy` describes. CURLOPT_PRIVATE is taken for the loop's own use. The handle
 * stays the caller's. The done function is never called from within. -ENOMEM. */
int curl_loop_add(struct curl_loop *loop, CURL *easy, curl_loop_done_fn done, void *userdata);

/* Stops a transfer; the done function will not be called. Harmless for one that has ended. */
void curl_loop_remove(struct curl_loop *loop, CURL *easy);
