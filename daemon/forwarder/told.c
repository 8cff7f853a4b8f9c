/* The keeper's news for the forwarder, taken in message by message. */
#include "daemon/base/exit_code.h"
#include "daemon/base/journal.h"
#include "daemon/base/timer.h"
#include "daemon/forwarder/forwarder_objects.h"
#include "lib/lane.h"
#include "lib/message.h"
#include "lib/util.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#define PATIENCE_USEC (30 * USEC_PER_SEC) /* with requests under way, once it is the end */

static_assert(sizeof(((struct message_upstream *)NULL)->addresses) ==
                              sizeof(((struct carrier_upstream *)NULL)->addresses) &&
                      sizeof(((struct message_upstream *)NULL)->proxy) ==
                              sizeof(((struct carrier_upstream *)NULL)->proxy),
              "the news can be used");

/* News that it cannot take in are sent to the next forwarder. */
static void give_up(struct forwarder *forwarder, const char *what, int r)
{
        journal_say(&(struct journal_record){ .priority = LOG_ERR }, "%s: %s", what, strerror(-r));
        (void)sd_event_exit(forwarder->event, BROKER_EXIT_INTERNAL);
}

static void take_hello(struct forwarder *forwarder, const struct message_hello *hello)
{
        journal_set_max_priority(hello->log_max_priority); /* until now nothing is logged */
        if (!streq(hello->version, EQP_BROKER_VERSION)) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR },
                            "the keeper is of version %s, the forwarder of " EQP_BROKER_VERSION,
                            hello->version);
                (void)sd_event_exit(forwarder->event, BROKER_EXIT_INTERNAL);
        }
}

/* ---- upstreams ---- */

struct mapping {
        void *bytes;
        size_t length;
};

static void unmap(struct mapping *mapping)
{
        if (mapping->bytes) {
                (void)munmap(mapping->bytes, mapping->length);
        }
}

/* A descriptor that can get shorter would end us by SIGBUS: it has to be sealed. */
static int map(struct mapping *ret, int fd, size_t length)
{
        const int needed = F_SEAL_SHRINK | F_SEAL_WRITE;
        int seals = fcntl(fd, F_GET_SEALS);
        off_t size = lseek(fd, 0, SEEK_END);

        if (seals < 0 || size < 0) {
                return -errno;
        }
        if ((seals & needed) != needed || (uint64_t)size < length) {
                return -EBADMSG;
        }
        void *bytes = mmap(NULL, length, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes == MAP_FAILED) {
                return -errno;
        }
        *ret = (struct mapping){ bytes, length };
        return 0;
}

static int set_upstream(struct forwarder *forwarder, const struct message_upstream *message, int fd)
{
        _cleanup_(unmap) struct mapping mapping = { 0 };
        struct carrier_upstream upstream = {
                .n = message->n_addresses,
                .connect_timeout_usec = message->connect_timeout_usec,
                .answer_timeout_usec = message->answer_timeout_usec,
        };
        size_t length = (size_t)message->authorities_length + message->proxy_authorities_length;

        int r = length == 0 ? 0 : map(&mapping, fd, length);
        if (r < 0) {
                return r;
        }
        message_set_text(upstream.environment, sizeof(upstream.environment), message->environment);
        message_set_text(upstream.base_url, sizeof(upstream.base_url), message->base_url);
        message_set_text(upstream.proxy, sizeof(upstream.proxy), message->proxy);
        for (size_t i = 0; i < message->n_addresses; i++) {
                message_set_text(upstream.addresses[i], sizeof(upstream.addresses[i]),
                                 message->addresses[i]);
        }
        if (message->authorities_length > 0) {
                upstream.authorities = mapping.bytes;
                upstream.authorities_length = message->authorities_length;
        }
        if (message->proxy_authorities_length > 0) {
                upstream.proxy_authorities = (const char *)mapping.bytes + message->authorities_length;
                upstream.proxy_authorities_length = message->proxy_authorities_length;
        }
        r = carrier_set_upstream(forwarder->carrier, &upstream);
        explicit_bzero(upstream.proxy, sizeof(upstream.proxy)); /* there may be a password in it */
        return r;
}

static void take_upstream(struct forwarder *forwarder, const struct message_upstream *message, int fd)
{
        int r = set_upstream(forwarder, message, fd);

        if (r < 0) {
                give_up(forwarder, "the forwarder cannot take in an upstream", r);
        }
}

/* ---- lanes, and the end ---- */

static void take_lane(struct forwarder *forwarder, const struct message_lane *message, int fd)
{
        int r = fd < 0 ? -EBADF : carrier_add_lane(forwarder->carrier, message->id, fd);

        if (r < 0) {
                give_up(forwarder, "the forwarder cannot use a lane", r);
        }
}

static void on_empty(void *userdata)
{
        struct forwarder *forwarder = userdata;
        (void)sd_event_exit(forwarder->event, 0);
}

static void drain(struct forwarder *forwarder)
{
        if (forwarder->draining) {
                return;
        }
        forwarder->draining = true;
        timer_start_in(forwarder->patience, PATIENCE_USEC);
        if (carrier_drain(forwarder->carrier, on_empty, forwarder) < 0) {
                (void)sd_event_exit(forwarder->event, 0);
        }
}

/* ---- all of it ---- */

static void take_message(struct forwarder *forwarder, int type, const void *message, int fd)
{
        switch (type) {
        case MESSAGE_HELLO:
                take_hello(forwarder, message);
                break;
        case MESSAGE_UPSTREAM:
                take_upstream(forwarder, message, fd);
                break;
        case MESSAGE_UPSTREAM_GONE:
                carrier_forget_upstream(forwarder->carrier,
                                        ((const struct message_upstream_name *)message)->environment);
                break;
        case MESSAGE_LANE:
                take_lane(forwarder, message, take_fd(fd));
                break;
        case MESSAGE_PING: {
                struct message_ping pong = *(const struct message_ping *)message;
                pong.type = MESSAGE_PONG;
                (void)channel_send(forwarder->keeper, &pong, sizeof(pong), -1);
                break;
        }
        case MESSAGE_DRAIN:
                drain(forwarder);
                break;
        default:
                break;
        }
        close_fd(&fd);
}

void forwarder_on_message(const void *bytes, size_t length, int fd, void *userdata)
{
        struct forwarder *forwarder = userdata;
        int type = message_check_to_forwarder(bytes, length);

        if (type < 0) {
                close_fd(&fd);
                journal_say(&(struct journal_record){ .priority = LOG_ERR },
                            "the keeper sent a message that makes no sense");
                (void)sd_event_exit(forwarder->event, BROKER_EXIT_INTERNAL);
                return;
        }
        take_message(forwarder, type, bytes, fd);
}
