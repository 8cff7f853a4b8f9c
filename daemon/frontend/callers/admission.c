/* How many connections there may be. Hosts have few users with open connections: a walk along them is quick.
 */
#include "daemon/frontend/callers/admission.h"

#include "daemon/base/journal.h"
#include "daemon/base/process.h"
#include "lib/util.h"

/* Descriptors that are not client connections: listeners, the loop, exchanges, key files, credentials that
 * are asked for; the reserve; and connections that are told to go. */
#define OWN_DESCRIPTORS (96u + CREDENTIAL_SOURCE_MAX + ADMISSION_RESERVE + ADMISSION_LEAVING)

struct http_limits admission_limits(const struct access_settings *settings)
{
        struct http_limits limits = { .max_connections = settings->max_connections,
                                      .max_connections_per_user = settings->max_connections_per_user };
        unsigned descriptors = process_descriptors();
        unsigned most = descriptors - MIN_OF(descriptors, OWN_DESCRIPTORS);

        if (limits.max_connections > most) {
                journal_say(&(struct journal_record){ .priority = LOG_WARNING },
                            "max_connections = %u is more than the limit of open files allows (%u): raise "
                            "RLIMIT_NOFILE (LimitNOFILE= in the unit), or lower the setting",
                            limits.max_connections, most);
                limits.max_connections = most;
        }
        for (size_t i = 0; i < settings->n_environments; i++) {
                limits.passes_on = limits.passes_on || settings->environments[i].gateway;
        }
        limits.max_parked = MIN_OF(limits.max_connections * PARKED_PER_PLACE, most - limits.max_connections);
        return limits;
}

/* ---- users ---- */

struct admission_user *admission_user(struct admission *admission, const struct peer *peer)
{
        uid_t uid = peer->known ? peer->uid : (uid_t)-1;

        for (struct ring *at = ring_first(&admission->users); at; at = ring_after(&admission->users, at)) {
                struct admission_user *user = container_of(at, struct admission_user, link);
                if (user->uid == uid) {
                        admission_hold(user);
                        return user;
                }
        }
        struct admission_user *user = calloc(1, sizeof(*user));
        if (user) {
                user->uid = uid;
                ring_init(&user->idle);
                ring_init(&user->wanting);
                ring_init(&user->parked);
                ring_add_last(&admission->users, &user->link);
                admission_hold(user);
        }
        return user;
}

void admission_hold(struct admission_user *user)
{
        user->n[PLACE_NONE]++;
}

static void forget_unused(struct admission_user *user)
{
        if (user->n[PLACE_NONE] + user->n[PLACE_WITHIN] + user->n[PLACE_OVER] + user->n[PLACE_PARKED] == 0) {
                ring_remove(&user->link);
                free(user);
        }
}

/* ---- counting ---- */

static bool user_is_full(const struct admission *admission, const struct admission_user *user)
{
        return user->n[PLACE_WITHIN] >= admission->limits.max_connections_per_user;
}

bool admission_full_for(const struct admission *admission, const struct admission_user *user)
{
        return admission->n[PLACE_WITHIN] >= admission->limits.max_connections &&
               !user_is_full(admission, user);
}

bool admission_has_room(const struct admission *admission, const struct admission_user *user)
{
        return admission->n[PLACE_WITHIN] < admission->limits.max_connections &&
               !user_is_full(admission, user);
}

bool admission_waits(const struct admission_user *user)
{
        return user->n[PLACE_PARKED] > 0 || !ring_is_empty(&user->wanting);
}

static bool has_room_as(const struct admission *admission, const struct admission_user *user,
                        enum admission_place place)
{
        const struct http_limits *limits = &admission->limits;

        if (place == PLACE_OVER) {
                return admission->n[PLACE_OVER] < ADMISSION_RESERVE &&
                       user->n[PLACE_OVER] < ADMISSION_RESERVE_PER_USER;
        }
        if (place == PLACE_PARKED) {
                return admission->n[PLACE_PARKED] < limits->max_parked &&
                       user->n[PLACE_PARKED] < PARKED_PER_PLACE * limits->max_connections_per_user;
        }
        return admission_has_room(admission, user);
}

bool admission_take(struct admission *admission, struct admission_user *user, enum admission_place place)
{
        if (!has_room_as(admission, user, place)) {
                return false;
        }
        admission->n[place]++;
        user->n[place]++;
        return true;
}

void admission_give(struct admission *admission, struct admission_user *user, enum admission_place place)
{
        user->n[place]--;
        if (place != PLACE_NONE) {
                admission->n[place]--;
        }
        forget_unused(user);
}

/* ---- life ---- */

void admission_init(struct admission *admission, const struct http_limits *limits)
{
        *admission = (struct admission){ .limits = *limits };
        ring_init(&admission->users);
}

void admission_clear(struct admission *admission)
{
        struct ring *at;

        while (admission->users.next && (at = ring_first(&admission->users))) {
                ring_remove(at);
                free(container_of(at, struct admission_user, link));
        }
}
