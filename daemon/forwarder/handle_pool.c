/* libcurl's handles for transfers. */
#include "daemon/forwarder/handle_pool.h"

#include "lib/util.h"

#include <assert.h>
#include <errno.h>

int handle_pool_init(struct handle_pool *pool, size_t max)
{
        pool->idle = calloc(max, sizeof(CURL *));
        pool->max = pool->idle ? max : 0;
        return pool->idle ? 0 : -ENOMEM;
}

void handle_pool_clear(struct handle_pool *pool)
{
        assert(pool->n_idle == pool->n_made);
        for (size_t i = 0; i < pool->n_idle; i++) {
                curl_easy_cleanup(pool->idle[i]);
        }
        free(pool->idle);
        *pool = (struct handle_pool){ 0 };
}

CURL *handle_pool_take(struct handle_pool *pool)
{
        if (pool->n_idle > 0) {
                return pool->idle[--pool->n_idle];
        }
        CURL *easy = pool->n_made < pool->max ? curl_easy_init() : NULL;
        pool->n_made += easy != NULL;
        return easy;
}

void handle_pool_give_back(struct handle_pool *pool, CURL *easy)
{
        curl_easy_reset(easy); /* nothing of a request, which may go before the handle is used again */
        pool->idle[pool->n_idle++] = easy;
}
