/* Connections that are held unread. */
#include "daemon/frontend/http/parking.h"

#include "daemon/frontend/http/plain_answer.h"
#include "lib/util.h"

#include <sys/socket.h>
#include <unistd.h>

#define LEAVING_USEC (1 * USEC_PER_SEC)
#define UNREAD_MAX   (64 * 1024) /* bytes of one that is closed */

/* ---- those that are told to go ---- */

/* A socket that is closed with bytes unread resets its connection. */
static void close_read(int fd)
{
        char dropped[4096];

        for (size_t n = 0; n < UNREAD_MAX && recv(fd, dropped, sizeof(dropped), MSG_DONTWAIT) > 0;) {
                n += sizeof(dropped);
        }
        (void)close(fd);
}

static void close_first(struct parking *parking)
{
        struct ring *first = ring_first(&parking->leaving);

        if (!first) {
                return;
        }
        struct parked *parked = container_of(first, struct parked, link);
        ring_remove(first);
        parking->n_leaving--;
        close_read(parked->fd);
        free(parked);
}

static uint64_t turn_away(struct parking *parking, struct parked *parked, bool stopping, uint64_t now_usec)
{
        if (parking->n_leaving == ADMISSION_LEAVING) {
                close_first(parking);
        }
        parking->n_turned_away++;
        plain_answer_no_room(parked->fd, stopping);
        (void)shutdown(parked->fd, SHUT_WR);
        parked->until_usec = usec_add(now_usec, LEAVING_USEC);
        ring_add_last(&parking->leaving, &parked->link);
        parking->n_leaving++;
        return parked->until_usec;
}

uint64_t parking_turn_away(struct parking *parking, int fd, bool stopping, uint64_t now_usec)
{
        struct parked *parked = calloc(1, sizeof(*parked));

        if (!parked) {
                plain_answer_no_room(fd, stopping);
                close_read(fd);
                return USEC_NEVER;
        }
        parked->fd = fd;
        return turn_away(parking, parked, stopping, now_usec);
}

/* ---- those that wait ---- */

bool parking_add(struct admission_user *user, int fd, const struct peer *peer,
                 const struct listen_place *place, uint64_t until_usec)
{
        struct parked *parked = calloc(1, sizeof(*parked));

        if (parked) {
                parked->fd = fd;
                parked->peer = *peer;
                parked->place = *place;
                parked->until_usec = until_usec;
                ring_add_last(&user->parked, &parked->link);
        }
        return parked;
}

struct parked *parking_take(struct admission_user *user)
{
        struct ring *first = ring_first(&user->parked);

        if (!first) {
                return NULL;
        }
        ring_remove(first);
        return container_of(first, struct parked, link);
}

/* The user may be gone afterwards. */
static uint64_t turn_parked_away(struct parking *parking, struct admission *admission,
                                 struct admission_user *user, struct parked *parked, bool stopping,
                                 uint64_t now_usec)
{
        ring_remove(&parked->link);
        peer_clear(&parked->peer);
        uint64_t until_usec = turn_away(parking, parked, stopping, now_usec);
        admission_give(admission, user, PLACE_PARKED);
        return until_usec;
}

/* Of one user; returns when the next one's time is over. */
static uint64_t look_at_user(struct parking *parking, struct admission *admission,
                             struct admission_user *user, const struct drain *drain, uint64_t now_usec)
{
        struct ring *at = ring_first(&user->parked), *following;
        uint64_t until_usec = USEC_NEVER;

        for (; at && until_usec == USEC_NEVER; at = following) {
                struct parked *parked = container_of(at, struct parked, link);
                following = ring_after(&user->parked, at);
                if (drain_wait_until(drain, parked->until_usec) > now_usec) {
                        until_usec = drain_wait_until(drain, parked->until_usec);
                } else {
                        (void)turn_parked_away(parking, admission, user, parked, drain->begun, now_usec);
                }
        }
        return until_usec;
}

uint64_t parking_look(struct parking *parking, struct admission *admission, const struct drain *drain,
                      uint64_t now_usec)
{
        struct ring *at = ring_first(&admission->users), *following;
        uint64_t next = USEC_NEVER;

        for (; at; at = following) {
                following = ring_after(&admission->users, at);
                uint64_t until_usec = look_at_user(
                        parking, admission, container_of(at, struct admission_user, link), drain, now_usec);
                next = MIN_OF(next, until_usec);
        }
        while ((at = ring_first(&parking->leaving))) {
                uint64_t until_usec = container_of(at, struct parked, link)->until_usec;
                if (until_usec > now_usec) {
                        return MIN_OF(next, until_usec);
                }
                close_first(parking);
        }
        return next;
}

uint64_t parking_end(struct parking *parking, struct admission *admission, bool unix_only, bool stopping,
                     uint64_t now_usec)
{
        struct ring *at = ring_first(&admission->users), *next_user, *next;
        uint64_t until_usec = USEC_NEVER;

        for (; at; at = next_user) {
                struct admission_user *user = container_of(at, struct admission_user, link);
                next_user = ring_after(&admission->users, at);
                for (struct ring *one = ring_first(&user->parked); one; one = next) {
                        struct parked *parked = container_of(one, struct parked, link);
                        next = ring_after(&user->parked, one);
                        if (!unix_only || !parked->place.tcp) {
                                until_usec = turn_parked_away(parking, admission, user, parked, stopping,
                                                              now_usec);
                        }
                }
        }
        return until_usec;
}

/* ---- life ---- */

void parking_init(struct parking *parking)
{
        *parking = (struct parking){ 0 };
        ring_init(&parking->leaving);
}

void parking_clear(struct parking *parking)
{
        while (parking->n_leaving > 0) {
                close_first(parking);
        }
}
