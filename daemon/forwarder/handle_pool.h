/* libcurl's handles for transfers: as many as there may be at a time, made when they are first needed, and
 * used again. */
#pragma once

#include <curl/curl.h>
#include <stddef.h>

struct handle_pool {
        CURL **idle;
        size_t n_idle, n_made, max;
};

/* -ENOMEM. */
int handle_pool_init(struct handle_pool *pool, size_t max);

/* All must have been given back. Harmless for one that is zeroed. */
void handle_pool_clear(struct handle_pool *pool);

/* NULL: all are in use, or there is no memory for one more. */
CURL *handle_pool_take(struct handle_pool *pool);

void handle_pool_give_back(struct handle_pool *pool, CURL *easy);
