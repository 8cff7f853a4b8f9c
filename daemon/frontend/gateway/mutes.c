/* Callers whose 401s say nothing of the token for a while. */
#include "daemon/frontend/gateway/mutes.h"

#include "lib/util.h"

#include <stdio.h>

static bool is_of(const struct mute *mute, const char *environment, uid_t uid, const char *local)
{
        return mute->until_usec > 0 && mute->uid == uid && streq(mute->environment, environment) &&
               streq(mute->local, local);
}

void mutes_add(struct mutes *mutes, const char *environment, uid_t uid, const char *local, uint64_t now_usec)
{
        struct mute *place = &mutes->mutes[0];

        for (size_t i = 0; i < MUTES_MAX; i++) {
                struct mute *mute = &mutes->mutes[i];
                if (is_of(mute, environment, uid, local)) {
                        place = mute;
                        break;
                }
                if (mute->until_usec < place->until_usec) {
                        place = mute;
                }
        }
        *place = (struct mute){ .until_usec = usec_add(now_usec, MUTES_USEC), .uid = uid };
        (void)snprintf(place->environment, sizeof(place->environment), "%s", environment);
        (void)snprintf(place->local, sizeof(place->local), "%s", local);
}

bool mutes_has(const struct mutes *mutes, const char *environment, uid_t uid, const char *local,
               uint64_t now_usec)
{
        for (size_t i = 0; i < MUTES_MAX; i++) {
                const struct mute *mute = &mutes->mutes[i];
                if (mute->until_usec > now_usec && is_of(mute, environment, uid, local)) {
                        return true;
                }
        }
        return false;
}
