/* libcurl as a guest of the sd-event loop: its sockets are one source, its time-out is one timer. */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

struct curl_loop;

/* Called once when a transfer that was added has ended; the handle is out of the loop by then. */
typedef void (*curl_loop_done_fn)(CURLcode result, void *userdata);

/* -ENOMEM, or what the kernel or sd-event answered. */
int curl_loop_new(struct curl_loop **ret, sd_event *event);

/* All transfers must have been removed before. NULL is fine; returns NULL. */
struct curl_loop *curl_loop_free(struct curl_loop *loop);

/* So many connections at most, all kept ones included. Without this, libcurl's own limits hold. -ENOMEM. */
int curl_loop_limit(struct curl_loop *loop, long connections_max);

/* To be called whenever libcurl has acted, after all done functions: the work that transfers left. Like
 * those it may add and remove transfers. */
void curl_loop_set_after(struct curl_loop *loop, void (*after)(void *userdata), void *userdata);

/* Starts the transfer that `easy` describes. CURLOPT_PRIVATE, the functions that open and close sockets, and
 * the one that is told of progress are taken for the loop's own use. The handle stays the caller's. The done
 * function is never called from within. A transfer that would keep libcurl, and so all others, busy with a
 * proxy's answer ends with CURLE_ABORTED_BY_CALLBACK. -ENOMEM. */
int curl_loop_add(struct curl_loop *loop, CURL *easy, curl_loop_done_fn done, void *userdata);

/* The same for a handle that only connects (CURLOPT_CONNECT_ONLY): when done is called, the handle stays in
 * the loop, as its connection ends with its removal, and is to be removed with curl_loop_remove(). */
int curl_loop_add_connection(struct curl_loop *loop, CURL *easy, curl_loop_done_fn done, void *userdata);

/* Stops a transfer; the done function will not be called. Harmless for one that has ended. Not from within
 * libcurl's callbacks. */
void curl_loop_remove(struct curl_loop *loop, CURL *easy);

/* Writes why a transfer of the loop's ended so, where none of the caller's own functions ended it. words:
 * libcurl's, of CURLOPT_ERRORBUFFER, or ""; a proxy's login may be in them. */
void curl_loop_explain(CURL *easy, CURLcode result, const char *words, char *ret, size_t size);

/* Lets libcurl act at once on what was added or is paused no more, instead of in a turn of its own; done
 * functions are called from within. From within them, and from `after`, it only asks for one more round. Not
 * from within libcurl's callbacks. */
void curl_loop_hurry(struct curl_loop *loop);

/* Is there something to read on the socket that has this port of our own? On a kept connection, before
 * anything was asked on it, that is its end, or an answer to nothing; libcurl 7.88 would take that for the
 * answer to what is asked next. For CURLOPT_PREREQFUNCTION, which is told the port. */
bool curl_loop_has_news(struct curl_loop *loop, int own_port);
