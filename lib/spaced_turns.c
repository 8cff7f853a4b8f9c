/* Work that takes long on the loop: spaced out. */
#include "lib/spaced_turns.h"

#include "lib/util.h"

uint64_t spaced_turns_next(const struct spaced_turns *turns, uid_t uid, uint64_t now_usec)
{
        uint64_t next_usec = MAX_OF(now_usec, turns->free_usec);

        for (size_t i = 0; i < SPACED_TURNS_USERS; i++) {
                if (turns->users[i].uid == uid) {
                        next_usec = MAX_OF(next_usec, turns->users[i].again_usec);
                }
        }
        return next_usec;
}

void spaced_turns_taken(struct spaced_turns *turns, uid_t uid, uint64_t took_usec, uint64_t now_usec)
{
        size_t place = 0;

        for (size_t i = 0; i < SPACED_TURNS_USERS; i++) {
                if (turns->users[i].again_usec != 0 && turns->users[i].uid == uid) {
                        place = i;
                        break;
                }
                if (turns->users[i].again_usec < turns->users[place].again_usec) {
                        place = i;
                }
        }
        turns->users[place].uid = uid;
        turns->users[place].again_usec = now_usec + SPACED_TURNS_USER_USEC;
        turns->free_usec = now_usec + SPACED_TURNS_REST * took_usec;
}
