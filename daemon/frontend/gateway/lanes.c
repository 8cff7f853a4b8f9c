/* The frontend's ends of the lanes to the forwarder.
 *
 * A lane is free when nobody uses it and its last request is over. One whose request was left before its end
 * is told to abort it, and is free again when the forwarder has said so. A wrong packet, or one that is not
 * its turn, ends the lane and the forwarder.
 *
 * Nothing that the forwarder sends keeps the others waiting: a few packets are received after each news of a
 * lane, then it is told once more, when all others have had their turn. How long the forwarder goes on with
 * a request that was left is its own affair: it may be slow to see that. */
#include "daemon/frontend/gateway/lanes.h"

#include "lib/util.h"

#include <stdalign.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define AT_A_TIME 8 /* packets of a lane, after each news of it */

struct lane {
        struct poll_member member;
        struct lanes *lanes;
        struct lane_user *user;
        uint32_t id;
        uint64_t serial;
        bool there;      /* else it is a place for one */
        bool over;       /* its latest request is */
        bool begun;      /* the forwarder has heard of it */
        bool continued;  /* the forwarder has said so of it */
        bool responded;  /* likewise */
        bool quiet;      /* nothing is to be received until there is news */
        bool wants_room; /* to send */
        uint64_t number; /* of its latest request */
        unsigned n;      /* packets since the latest news */
};

struct lanes {
        struct poll_set *set;
        struct lanes_handlers handlers;
        unsigned n;
        struct lane lanes[LANES_MAX];
        alignas(union lane_head) unsigned char packet[LANE_PACKET_MAX];
};

static void close_lane(struct lane *lane)
{
        if (lane->there) {
                poll_set_remove(&lane->member);
                (void)close(lane->member.fd);
                lane->there = false;
                lane->lanes->n--;
        }
}

/* broken: the forwarder sent what makes no sense. */
static void die(struct lane *lane, bool broken)
{
        struct lanes *lanes = lane->lanes;

        if (!lane->there) {
                return;
        }
        close_lane(lane);
        if (lane->user) {
                lane->user->on_ready(lane->user);
        }
        lanes->handlers.on_dead(lane->id, lane->serial, broken, lanes->handlers.userdata);
}

/* The events that it waits for are told from now on, also those that are there already. */
static int await_news(struct lane *lane)
{
        if (poll_set_change(&lane->member, EPOLLIN | (lane->wants_room ? EPOLLOUT : 0u)) < 0) {
                die(lane, /* broken= */ false);
                return -EPIPE;
        }
        return -EAGAIN;
}

/* ---- packets ---- */

static bool ends_request(int type, const union lane_head *head)
{
        return type == LANE_LAST || type == LANE_FAIL || (type == LANE_DATA && head->data.last) ||
               (type == LANE_RESPONSE && head->response.last);
}

/* Is it this packet's turn? A request that is over is so by the forwarder's own word: it says nothing more
 * of it. */
static bool take_turn(struct lane *lane, int type, const union lane_head *head)
{
        if (head->packet.number != lane->number) {
                return false;
        }
        switch (type) {
        case LANE_CONTINUE:
                if (lane->continued || lane->responded) {
                        return false;
                }
                lane->continued = true;
                return true;
        case LANE_RESPONSE:
                if (lane->responded) {
                        return false;
                }
                lane->responded = true;
                return true;
        case LANE_DATA:
        case LANE_LAST:
                return lane->responded;
        default:
                return type == LANE_FAIL;
        }
}

/* The next packet, of whichever request. -EBADMSG: it makes no sense. -EPIPE: there is no other end. */
static int receive_any(struct lane *lane, const union lane_head **ret)
{
        struct lanes *lanes = lane->lanes;
        ssize_t n = recv(lane->member.fd, lanes->packet, sizeof(lanes->packet), MSG_DONTWAIT | MSG_TRUNC);

        if (n < 0) {
                lane->quiet = errno == EAGAIN;
                return errno == EAGAIN || errno == EINTR ? -EAGAIN : -EPIPE;
        }
        if (n == 0) {
                return -EPIPE;
        }
        lane->n++;
        *ret = (const union lane_head *)lanes->packet;
        return (size_t)n > sizeof(lanes->packet) ? -EBADMSG
                                                 : lane_check_from_forwarder(lanes->packet, (size_t)n);
}

int lane_receive(struct lane *lane, const union lane_head **ret)
{
        if (!lane->there || lane->over) {
                return -EPIPE;
        }
        if (lane->quiet) {
                return -EAGAIN;
        }
        if (lane->n == AT_A_TIME) {
                lane->quiet = true;
                return await_news(lane);
        }
        int type = receive_any(lane, ret);
        if (type == -EAGAIN) {
                return type;
        }
        if (type < 0 || !take_turn(lane, type, *ret)) {
                die(lane, /* broken= */ type != -EPIPE);
                return -EPIPE;
        }
        lane->over = ends_request(type, *ret);
        return type;
}

int lane_send(struct lane *lane, const struct iovec *parts, size_t n)
{
        const struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = n };

        if (!lane->there) {
                return -EPIPE;
        }
        if (sendmsg(lane->member.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
                lane->begun = true;
                return 0;
        }
        if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS && errno != ENOMEM) {
                die(lane, /* broken= */ false);
                return -EPIPE;
        }
        if (lane->wants_room) {
                return -EAGAIN;
        }
        lane->wants_room = true;
        return await_news(lane);
}

uint64_t lane_number(const struct lane *lane)
{
        return lane->number;
}

/* ---- users ---- */

/* Late packets of the forwarder about a request that was left. */
static void read_rest(struct lane *lane)
{
        const union lane_head *head;
        int type = -EAGAIN;

        while (lane->there && !lane->over && (type = lane_receive(lane, &head)) >= 0) {
        }
        if (lane->there && lane->over) {
                lane->lanes->handlers.on_idle(lane->lanes->handlers.userdata);
        }
}

static void on_events(struct poll_member *member, uint32_t events)
{
        struct lane *lane = container_of(member, struct lane, member);
        const union lane_head *head;

        lane->quiet = false;
        lane->n = 0;
        if (lane->wants_room && (events & EPOLLOUT)) {
                lane->wants_room = false;
                (void)poll_set_change(&lane->member, EPOLLIN);
        }
        if (lane->user) {
                lane->user->on_ready(lane->user);
        } else if (!lane->over) {
                read_rest(lane);
        } else {
                int r = receive_any(lane, &head); /* there is nothing to be said */
                if (r != -EAGAIN) {
                        die(lane, /* broken= */ r != -EPIPE);
                }
        }
}

bool lanes_take(struct lanes *lanes, struct lane_user *user)
{
        for (size_t i = 0; i < LANES_MAX; i++) {
                struct lane *lane = &lanes->lanes[i];
                if (lane->there && !lane->user && lane->over) {
                        lane->user = user;
                        user->lane = lane;
                        lane->over = false;
                        lane->begun = lane->continued = lane->responded = false;
                        lane->quiet = true;
                        lane->number++;
                        return true;
                }
        }
        return false;
}

/* Without room for it, closing says the same. */
static void abort_request(struct lane *lane)
{
        struct lane_packet packet = { .type = LANE_ABORT, .number = lane->number };

        if (lane_send(lane, &(struct iovec){ &packet, sizeof(packet) }, 1) < 0) {
                die(lane, /* broken= */ false);
        }
}

void lanes_leave(struct lane_user *user, bool complete)
{
        struct lane *lane = take_ptr(user->lane);

        if (!lane) {
                return;
        }
        lane->user = NULL;
        lane->over = lane->over || !lane->begun;
        if (lane->there && !lane->over) {
                if (!complete) {
                        abort_request(lane);
                }
                read_rest(lane);
        } else if (lane->there) {
                lane->lanes->handlers.on_idle(lane->lanes->handlers.userdata);
        }
}

/* ---- life ---- */

int lanes_add(struct lanes *lanes, uint32_t id, uint64_t serial, int fd)
{
        _cleanup_close_ int owned = fd;

        if (id >= LANES_MAX) {
                return -EINVAL;
        }
        struct lane *lane = &lanes->lanes[id];
        close_lane(lane);
        if (lane->user) {
                struct lane_user *user = take_ptr(lane->user);
                user->lane = NULL;
                user->on_ready(user);
        }
        lane->member.on_events = on_events;
        lane->lanes = lanes;
        lane->id = id;
        lane->serial = serial;
        lane->over = true;
        lane->wants_room = false;
        lane->number = 0;
        int r = poll_set_add(lanes->set, &lane->member, owned, EPOLLIN);
        if (r < 0) {
                return r;
        }
        (void)take_fd(owned);
        lane->there = true;
        lanes->n++;
        lanes->handlers.on_idle(lanes->handlers.userdata);
        return 0;
}

unsigned lanes_count(const struct lanes *lanes)
{
        return lanes->n;
}

int lanes_new(struct lanes **ret, struct poll_set *set, const struct lanes_handlers *handlers)
{
        struct lanes *lanes = calloc(1, sizeof(*lanes));

        if (!lanes) {
                return -ENOMEM;
        }
        lanes->set = set;
        lanes->handlers = *handlers;
        *ret = lanes;
        return 0;
}

struct lanes *lanes_free(struct lanes *lanes)
{
        if (lanes) {
                for (size_t i = 0; i < LANES_MAX; i++) {
                        if (lanes->lanes[i].lanes) {
                                close_lane(&lanes->lanes[i]);
                        }
                }
                free(lanes);
        }
        return NULL;
}
