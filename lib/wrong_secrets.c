/* Users that send wrong secrets: a bucket each, told by the one moment when it is empty again. */
#include "lib/wrong_secrets.h"

#include "lib/util.h"

bool wrong_secrets_too_many(const struct wrong_secrets *wrong, uid_t uid, uint64_t now_usec,
                            uint64_t *ret_until_usec)
{
        const uint64_t room_usec = (WRONG_SECRETS_BURST - 1) * WRONG_SECRETS_USEC;

        for (size_t i = 0; i < WRONG_SECRETS_USERS; i++) {
                if (wrong->users[i].uid == uid &&
                    wrong->users[i].good_usec > usec_add(now_usec, room_usec)) {
                        *ret_until_usec = wrong->users[i].good_usec - room_usec;
                        return true;
                }
        }
        return false;
}

void wrong_secrets_note(struct wrong_secrets *wrong, uid_t uid, uint64_t now_usec)
{
        size_t at = 0;

        for (size_t i = 0; i < WRONG_SECRETS_USERS; i++) {
                if (wrong->users[i].uid == uid && wrong->users[i].good_usec > now_usec) {
                        at = i;
                        break;
                }
                if (wrong->users[i].good_usec < wrong->users[at].good_usec) {
                        at = i;
                }
        }
        bool same = wrong->users[at].uid == uid;
        uint64_t from_usec = same ? MAX_OF(wrong->users[at].good_usec, now_usec) : now_usec;
        wrong->users[at].uid = uid;
        wrong->users[at].good_usec = usec_add(from_usec, WRONG_SECRETS_USEC);
}
