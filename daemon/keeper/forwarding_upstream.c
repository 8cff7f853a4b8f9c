/* An upstream as the keeper knows it. One that could not be looked up keeps the addresses it had: they may
 * well do. But nothing vouches for it any more once its authorities cannot be read: an exchange, which reads
 * them by itself, fails then, too. */
#include "daemon/keeper/forwarding_upstream.h"

#include "daemon/base/journal.h"
#include "lib/util.h"

#include <errno.h>

struct forwarding_upstream *forwarding_upstream_free(struct forwarding_upstream *upstream)
{
        if (upstream) {
                upstream_found_clear(&upstream->found);
                free(upstream->base_url);
                free(upstream->ca_file);
                free(upstream);
        }
        return NULL;
}

static void free_upstream(struct forwarding_upstream **upstream)
{
        *upstream = forwarding_upstream_free(*upstream);
}

int forwarding_upstream_new(struct forwarding_upstream **ret, const struct environment_settings *settings)
{
        _cleanup_(free_upstream) struct forwarding_upstream *upstream = calloc(1, sizeof(*upstream));

        if (!upstream) {
                return -ENOMEM;
        }
        upstream->found.authorities.fd = -1;
        message_set_text(upstream->environment, sizeof(upstream->environment), settings->name);
        upstream->base_url = strdup(settings->base_url);
        upstream->ca_file = settings->ca_file ? strdup(settings->ca_file) : NULL;
        if (!upstream->base_url || (settings->ca_file && !upstream->ca_file)) {
                return -ENOMEM;
        }
        upstream->connect_timeout_usec = settings->connect_timeout_usec;
        upstream->answer_timeout_usec = settings->gateway_answer_timeout_usec;
        *ret = take_ptr(upstream);
        return 0;
}

bool forwarding_upstream_is_same_place(const struct forwarding_upstream *upstream,
                                       const struct environment_settings *settings)
{
        const char *a = upstream->ca_file, *b = settings->ca_file;

        return streq(upstream->environment, settings->name) &&
               streq(upstream->base_url, settings->base_url) && (a && b ? streq(a, b) : a == b);
}

/* ---- what was found ---- */

/* A name server changes the order with each answer: that is no news. */
static bool has_same_addresses(const struct upstream_found *a, const struct upstream_found *b)
{
        if (a->n_addresses != b->n_addresses || !streq(a->proxy, b->proxy)) {
                return false;
        }
        for (size_t i = 0; i < a->n_addresses; i++) {
                size_t j = 0;
                while (j < b->n_addresses && !streq(a->addresses[i], b->addresses[j])) {
                        j++;
                }
                if (j == b->n_addresses) {
                        return false;
                }
        }
        return true;
}

/* A fault is logged once, and its end. */
static void say(const char *environment, const char *what, const char *why,
                char said[static AUTHORITY_FILES_WHY_MAX])
{
        const struct journal_record record = { .priority = *why ? LOG_WARNING : LOG_INFO,
                                               .id = EVENT_UPSTREAM_UNKNOWN,
                                               .environment = environment };

        if (streq(why, said)) {
                return;
        }
        message_set_text(said, AUTHORITY_FILES_WHY_MAX, why);
        if (*why) {
                journal_say(&record, "the forwarder cannot be sent the %s: %s", what, why);
        } else {
                journal_say(&record, "the forwarder has the %s again", what);
        }
}

static bool take_addresses(struct forwarding_upstream *upstream, const struct upstream_found *found)
{
        say(upstream->environment, "addresses of its upstream", found->why, upstream->said);
        if (found->n_addresses == 0 || has_same_addresses(found, &upstream->found)) {
                return upstream->stale;
        }
        memcpy(upstream->found.addresses, found->addresses, sizeof(found->addresses));
        upstream->found.n_addresses = found->n_addresses;
        memcpy(upstream->found.proxy, found->proxy, sizeof(found->proxy));
        return true;
}

/* By their digest: the bytes are 4 MiB at most, and this is the loop. */
static bool are_same(const struct authority_bytes *a, const struct authority_bytes *b)
{
        if (a->fd < 0 || b->fd < 0) {
                return a->fd < 0 && b->fd < 0;
        }
        return a->length == b->length && a->proxy_length == b->proxy_length &&
               memcmp(a->digest, b->digest, sizeof(a->digest)) == 0;
}

static bool take_authorities(struct forwarding_upstream *upstream, struct upstream_found *found)
{
        say(upstream->environment, "certificate authorities", found->why_authorities,
            upstream->said_authorities);
        if (are_same(&found->authorities, &upstream->found.authorities)) {
                return false;
        }
        close_fd(&upstream->found.authorities.fd);
        upstream->found.authorities =
                found->authorities.fd < 0 ? (struct authority_bytes){ .fd = -1 } : found->authorities;
        found->authorities.fd = -1;
        return true;
}

bool forwarding_upstream_take(struct forwarding_upstream *upstream, struct upstream_found *found)
{
        bool news = take_addresses(upstream, found);

        return take_authorities(upstream, found) || news;
}

void forwarding_upstream_fail(struct forwarding_upstream *upstream, int error)
{
        say(upstream->environment, "addresses of its upstream", strerror(-error), upstream->said);
}

/* ---- what the forwarder is told ---- */

void forwarding_upstream_tell(const struct forwarding_upstream *upstream, struct child_process *forwarder)
{
        const struct upstream_found *found = &upstream->found;
        struct message_upstream message;

        if (!upstream->looked_up) {
                return;
        }
        memset(&message, 0, sizeof(message));
        message.type = MESSAGE_UPSTREAM;
        message.authorities_length = (uint32_t)found->authorities.length;
        message.proxy_authorities_length = (uint32_t)found->authorities.proxy_length;
        message.connect_timeout_usec = upstream->connect_timeout_usec;
        message.answer_timeout_usec = upstream->answer_timeout_usec;
        message.n_addresses = (uint32_t)found->n_addresses;
        message_set_text(message.environment, sizeof(message.environment), upstream->environment);
        message_set_text(message.base_url, sizeof(message.base_url), upstream->base_url);
        message_set_text(message.proxy, sizeof(message.proxy), found->proxy);
        for (size_t i = 0; i < found->n_addresses; i++) {
                message_set_text(message.addresses[i], sizeof(message.addresses[i]), found->addresses[i]);
        }
        child_process_send(forwarder, &message, sizeof(message), found->authorities.fd);
        explicit_bzero(message.proxy, sizeof(message.proxy)); /* there may be a password in it */
}

void forwarding_upstream_tell_gone(const struct forwarding_upstream *upstream,
                                   struct child_process *forwarder)
{
        struct message_upstream_name message;

        memset(&message, 0, sizeof(message));
        message.type = MESSAGE_UPSTREAM_GONE;
        message_set_text(message.environment, sizeof(message.environment), upstream->environment);
        child_process_send(forwarder, &message, sizeof(message), -1);
}
