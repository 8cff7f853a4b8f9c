/* tokens: a search tree by digest, and a queue in order of issue.
 *
 * The tree finds, the queue forgets: when there are too many, the oldest leaves, expired or not. Only
 * digests are kept, so no dump of the simulator's state can hold a token. */
#include "simulator/tokens.h"

#include "lib/util.h"
#include "simulator/digest.h"

#include <errno.h>
#include <search.h>
#include <sys/queue.h>

struct token {
        char digest[DIGEST_TEXT_SIZE]; /* first, so that a digest compares with a token */
        uint64_t expires_usec;
        TAILQ_ENTRY(token) link; /* tokens::queue */
};

struct tokens {
        void *tree;
        TAILQ_HEAD(, token) queue;
        size_t count;
};

static int compare(const void *a, const void *b)
{
        return strcmp(a, b);
}

int tokens_new(struct tokens **ret)
{
        struct tokens *tokens = calloc(1, sizeof(*tokens));

        if (!tokens) {
                return -ENOMEM;
        }

        TAILQ_INIT(&tokens->queue);
        *ret = tokens;
        return 0;
}

static void forget(struct tokens *tokens, struct token *token)
{
        (void)tdelete(token, &tokens->tree, compare);
        TAILQ_REMOVE(&tokens->queue, token, link);
        tokens->count--;
        free(token);
}

struct tokens *tokens_free(struct tokens *tokens)
{
        if (!tokens) {
                return NULL;
        }

        (void)tokens_revoke(tokens, NULL);
        free(tokens);
        return NULL;
}

int tokens_add(struct tokens *tokens, const char *ust, size_t size, uint64_t expires_usec)
{
        _cleanup_free_ struct token *token = calloc(1, sizeof(*token));
        struct token **found;
        int r;

        if (!token) {
                return -ENOMEM;
        }
        token->expires_usec = expires_usec;
        r = digest_text(ust, size, token->digest);
        if (r < 0) {
                return r;
        }

        while (tokens->count >= TOKENS_MAX) {
                forget(tokens, TAILQ_FIRST(&tokens->queue));
        }

        found = tsearch(token, &tokens->tree, compare);
        if (!found) {
                return -ENOMEM;
        }
        if (*found != token) {
                (*found)->expires_usec = expires_usec;
                return 0;
        }
        TAILQ_INSERT_TAIL(&tokens->queue, token, link);
        tokens->count++;
        token = NULL;
        return 0;
}

bool tokens_is_active(const struct tokens *tokens, const char *ust, size_t size, uint64_t now_usec)
{
        char digest[DIGEST_TEXT_SIZE];
        struct token **found;

        if (digest_text(ust, size, digest) < 0) {
                return false;
        }
        found = tfind(digest, &tokens->tree, compare);
        return found && (*found)->expires_usec > now_usec;
}

int tokens_find(const struct tokens *tokens, const char *ust_sha256, uint64_t *ret_expires_usec)
{
        struct token **found = tfind(ust_sha256, &tokens->tree, compare);

        if (!found) {
                return -ENOENT;
        }
        *ret_expires_usec = (*found)->expires_usec;
        return 0;
}

size_t tokens_active(const struct tokens *tokens, uint64_t now_usec)
{
        const struct token *token;
        size_t active = 0;

        TAILQ_FOREACH(token, &tokens->queue, link)
        active += token->expires_usec > now_usec;
        return active;
}

size_t tokens_revoke(struct tokens *tokens, const char *ust_sha256)
{
        size_t before = tokens->count;

        if (ust_sha256) {
                struct token **found = tfind(ust_sha256, &tokens->tree, compare);

                if (found) {
                        forget(tokens, *found);
                }
        } else {
                while (!TAILQ_EMPTY(&tokens->queue)) {
                        forget(tokens, TAILQ_FIRST(&tokens->queue));
                }
        }
        return before - tokens->count;
}
