/* The sockets that libcurl has: watched by one source of the loop. */
#pragma once

#include "daemon/base/nest.h"
#include "daemon/base/ring.h"

#include <curl/curl.h>
#include <stdbool.h>

/* Must not be moved in memory. */
struct curl_sockets {
        struct nest *nest;
        struct ring all;
        bool gone; /* one was closed; for the owner to take back */
        void (*on_news)(curl_socket_t fd, int what, void *userdata);
        void *userdata;
};

/* on_news: the event that libcurl waits for has come, CURL_CSELECT_IN and its like. Negative errno. */
int curl_sockets_init(struct curl_sockets *sockets, sd_event *event,
                      void (*on_news)(curl_socket_t fd, int what, void *userdata), void *userdata);

/* Once libcurl has closed them. Harmless for one that is zeroed. */
void curl_sockets_clear(struct curl_sockets *sockets);

/* For CURLMOPT_SOCKETFUNCTION. A socket that cannot be watched has no news. */
void curl_sockets_watch(struct curl_sockets *sockets, curl_socket_t fd, int what);

/* For CURLOPT_OPENSOCKETFUNCTION and CURLOPT_CLOSESOCKETFUNCTION; userdata is the struct. */
curl_socket_t curl_sockets_open(void *userdata, curlsocktype purpose, struct curl_sockaddr *address);
int curl_sockets_close(void *userdata, curl_socket_t fd);

/* See curl_loop_has_news(). */
bool curl_sockets_have_news(struct curl_sockets *sockets, int own_port);
