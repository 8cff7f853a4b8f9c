/* Any bytes as a store's answer: the first says to which question, and the second in pieces of which size.
 * An answer means the same in whatever pieces it comes, and nothing is handed out that is out of bounds. */
#include "lib/store_reply.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz.h"

static const struct store_place place = { "eqp1:{0af}", "eqp1:{0af}:l", "0123456789abcdef" };
static const struct store_login login = { "eqp", "password" };

static struct store_request *ask(unsigned which)
{
        const struct store_login *as = which & 1 ? &login : NULL;
        struct store_request *request = NULL;
        int r = -EINVAL;

        switch (which / 2 % 5) {
        case 0:
                r = store_request_claim(&request, as, &place);
                break;
        case 1:
                r = store_request_look(&request, as, &place);
                break;
        case 2:
                r = store_request_publish(&request, as, &place, "v", 1, 1, 1, which & 0x80);
                break;
        case 3:
                r = store_request_cool(&request, as, &place, "v", 1, 1);
                break;
        default:
                r = store_request_lapse(&request, as, &place);
        }
        must(r == 0);
        return request;
}

static bool left_is_sane(int64_t left_msec, const void *value, size_t n_value)
{
        return value ? n_value <= SHARE_VALUE_MAX && left_msec >= STORE_LEFT_NO_END &&
                               left_msec <= INT64_C(1000) * LIFETIME_MAX_SEC
                     : n_value == 0 && left_msec == STORE_LEFT_NONE;
}

static void check(const struct store_reply *reply, enum store_state state)
{
        const struct store_claim *claim = store_reply_claim(reply);

        must(state >= 0 && state < _STORE_STATE_COUNT && *store_state_name(state) != '\0');
        must(strlen(store_reply_word(reply)) <= 16);
        if (state != STORE_FINE) {
                return;
        }
        must(claim->store_wall_usec <= SHARE_TIME_MAX_USEC);
        must(left_is_sane(claim->session_left_msec, claim->session, claim->n_session));
        must(left_is_sane(claim->lease_left_msec, claim->lease, claim->n_lease));
        must(!claim->lease_ours || claim->n_lease == STORE_LEASE_ID_SIZE);
}

/* Returns what store_reply_feed() said last. */
static int feed(struct store_reply *reply, const uint8_t *data, size_t size, size_t piece,
                enum store_state *ret_state)
{
        int r = 0;

        for (size_t at = 0; r == 0 && at < size; at += piece) {
                r = store_reply_feed(reply, data + at, MIN_OF(piece, size - at), ret_state);
                must(r == 0 || r == 1);
        }
        return r;
}

static bool same_value(const void *a, size_t n_a, const void *b, size_t n_b)
{
        return n_a == n_b && (!a) == (!b) && (n_a == 0 || memcmp(a, b, n_a) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size < 2) {
                return 0;
        }
        _cleanup_(store_request_freep) struct store_request *request = ask(data[0]);
        _cleanup_(store_reply_freep) struct store_reply *whole = NULL, *pieces = NULL;
        enum store_state whole_state = STORE_SILENT, pieces_state = STORE_SILENT;

        must(store_reply_new(&whole, request) == 0 && store_reply_new(&pieces, request) == 0);
        int r_whole = feed(whole, data + 2, size - 2, MAX_OF(size, (size_t)1), &whole_state);
        int r_pieces = feed(pieces, data + 2, size - 2, (size_t)data[1] + 1, &pieces_state);

        if (r_whole == 1) {
                check(whole, whole_state);
        }
        if (r_pieces == 1) {
                check(pieces, pieces_state);
        }
        /* Bytes behind the end are seen only if they come together with it, and a flood only as it comes. */
        if (whole_state != STORE_NONSENSE) {
                const struct store_claim *a = store_reply_claim(whole), *b = store_reply_claim(pieces);

                must(r_whole == r_pieces && whole_state == pieces_state);
                must(whole_state != STORE_FINE ||
                     (a->store_wall_usec == b->store_wall_usec && a->lease_ours == b->lease_ours &&
                      a->session_left_msec == b->session_left_msec &&
                      a->lease_left_msec == b->lease_left_msec &&
                      same_value(a->session, a->n_session, b->session, b->n_session) &&
                      same_value(a->lease, a->n_lease, b->lease, b->n_lease)));
        }
        return 0;
}
