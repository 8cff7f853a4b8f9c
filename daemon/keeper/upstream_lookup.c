/* Looking up where an environment's requests go.
 *
 * The environment's variables are read here, in the thread: nothing in this process changes them. Where a
 * proxy does the looking up, the upstream's own name is not asked for: behind many a proxy nobody knows it.
 */
#include "daemon/keeper/upstream_lookup.h"

#include "lib/proxy_choice.h"
#include "lib/util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>

struct lookup {
        struct helper_task task;
        char environment[ENVIRONMENT_NAME_MAX + 1];
        char base_url[BASE_URL_MAX + 1];
        char *ca_file;
        uint64_t number;
        upstream_lookup_done_fn done;
        struct upstream_found found;
};

void upstream_found_clear(struct upstream_found *found)
{
        close_fd(&found->authorities.fd);
}

static void drop(struct helper_task *task)
{
        struct lookup *lookup = (struct lookup *)task;

        upstream_found_clear(&lookup->found);
        explicit_bzero(lookup->found.proxy, sizeof(lookup->found.proxy)); /* there may be a password in it */
        free(lookup->ca_file);
        free(lookup);
}

/* ---- addresses ---- */

static bool is_known(const struct upstream_found *found, const char *text)
{
        for (size_t i = 0; i < found->n_addresses; i++) {
                if (streq(found->addresses[i], text)) {
                        return true;
                }
        }
        return false;
}

/* One that needs the number of an interface, as in fe80::1%2, has no place in what is told. */
static void take_address(struct upstream_found *found, const struct addrinfo *one)
{
        char text[INET6_ADDRSTRLEN] = "";

        if (one->ai_family == AF_INET) {
                (void)inet_ntop(AF_INET, &((const struct sockaddr_in *)one->ai_addr)->sin_addr, text,
                                sizeof(text));
        } else if (one->ai_family == AF_INET6 &&
                   ((const struct sockaddr_in6 *)one->ai_addr)->sin6_scope_id == 0) {
                (void)inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)one->ai_addr)->sin6_addr, text,
                                sizeof(text));
        }
        if (*text && found->n_addresses < ARRAY_SIZE(found->addresses) && !is_known(found, text)) {
                message_set_text(found->addresses[found->n_addresses++], sizeof(found->addresses[0]), text);
        }
}

static void look_up(struct upstream_found *found, const char *host, const char *cure)
{
        const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
        struct addrinfo *list = NULL;

        int r = getaddrinfo(host, NULL, &hints, &list);
        if (r != 0) {
                (void)snprintf(found->why, sizeof(found->why), "%.150s: %s (check %s)", host,
                               r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r), cure);
                return;
        }
        for (const struct addrinfo *one = list; one; one = one->ai_next) {
                take_address(found, one);
        }
        freeaddrinfo(list);
        if (found->n_addresses == 0) {
                (void)snprintf(found->why, sizeof(found->why),
                               "%.150s has no address that can be used (check %s)", host, cure);
        }
}

/* ---- which host ---- */

static const char *variable(const char *name, const char *upper)
{
        const char *value = getenv(name);

        return value && *value ? value : getenv(upper);
}

/* Of https://HOST[:PORT][/PATH], which has been checked. */
static void copy_host(const char *base_url, char *host, size_t size)
{
        const char *text = base_url + strlen("https://");
        bool bracket = *text == '[';

        text += bracket;
        (void)snprintf(host, size, "%.*s", (int)strcspn(text, bracket ? "]" : ":/"), text);
}

static void look_up_proxy(struct upstream_found *found, const char *text, struct proxy *proxy)
{
        static const char cure[] = "https_proxy and its like";

        if (proxy_parse(text, proxy) < 0) {
                (void)snprintf(found->why, sizeof(found->why), "the proxy is none that is known (check %s)",
                               cure);
                return;
        }
        bool bracket = strchr(proxy->host, ':');
        int n = snprintf(found->proxy, sizeof(found->proxy), "%s://%.*s%s%s%s:%u", proxy->scheme,
                         (int)proxy->login_length, proxy->login, bracket ? "[" : "", proxy->host,
                         bracket ? "]" : "", proxy->port);
        if (n < 0 || (size_t)n >= sizeof(found->proxy)) {
                explicit_bzero(found->proxy, sizeof(found->proxy));
                (void)snprintf(found->why, sizeof(found->why), "the URL of the proxy is too long (check %s)",
                               cure);
                return;
        }
        look_up(found, proxy->host, "https_proxy and its like, and DNS");
}

static void work(struct helper_task *task)
{
        struct lookup *lookup = (struct lookup *)task;
        struct upstream_found *found = &lookup->found;
        const struct proxy_words words = { .https_proxy = variable("https_proxy", "HTTPS_PROXY"),
                                           .all_proxy = variable("all_proxy", "ALL_PROXY"),
                                           .no_proxy = variable("no_proxy", "NO_PROXY") };
        struct proxy proxy = { 0 };
        char host[BASE_URL_MAX + 1];

        copy_host(lookup->base_url, host, sizeof(host));
        const char *through = proxy_choose(host, &words);
        if (through) {
                look_up_proxy(found, through, &proxy);
        } else {
                look_up(found, host, "DNS and base_url");
        }
        (void)authority_files_read(lookup->ca_file, proxy.scheme && streq(proxy.scheme, "https"),
                                   &found->authorities, found->why_authorities);
}

/* ---- on the loop ---- */

static void done(struct helper_task *task, uint64_t now_usec, void *userdata)
{
        struct lookup *lookup = (struct lookup *)task;

        lookup->done(lookup->environment, lookup->number, &lookup->found, now_usec, userdata);
        drop(task);
}

int upstream_lookup_begin(struct helper_threads *threads, const struct upstream_question *question)
{
        struct lookup *lookup = calloc(1, sizeof(*lookup));

        if (!lookup) {
                return -ENOMEM;
        }
        lookup->task = (struct helper_task){ .work = work, .done = done, .drop = drop };
        lookup->found.authorities.fd = -1;
        lookup->number = question->number;
        lookup->done = question->done;
        message_set_text(lookup->environment, sizeof(lookup->environment), question->environment);
        message_set_text(lookup->base_url, sizeof(lookup->base_url), question->base_url);
        lookup->ca_file = question->ca_file ? strdup(question->ca_file) : NULL;
        int r = question->ca_file && !lookup->ca_file ? -ENOMEM
                                                      : helper_threads_start(threads, &lookup->task);
        if (r < 0) {
                drop(&lookup->task);
        }
        return r;
}
