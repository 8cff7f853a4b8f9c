/* Answers of stores: those of good ones, in pieces of every size, and those of stores with troubles. */
#include "lib/store_reply.h"
#include "tests/unit/store_answers.h"
#include "tests/unit/unit.h"

static const struct store_login login = { NULL, "password" };

static void a_lease_is_taken(void **state)
{
        for (size_t piece = 1; piece <= sizeof(LEASED); piece++) {
                _cleanup_(store_reply_freep) struct store_reply *reply = expect_claim(NULL);
                const struct store_claim *claim = store_reply_claim(reply);
                enum store_state how = STORE_NONSENSE;

                assert_int_equal(feed(reply, LEASED, sizeof(LEASED) - 1, piece, &how), 1);
                assert_int_equal(how, STORE_FINE);
                assert_int_equal(claim->store_wall_usec, 1796000000123456);
                assert_int_equal(claim->session_left_msec, STORE_LEFT_NONE);
                assert_null(claim->session);
                assert_true(claim->lease_ours);
                assert_int_equal(claim->lease_left_msec, 25000);
                assert_int_equal(claim->n_lease, STORE_LEASE_ID_SIZE);
                assert_string_equal(store_reply_word(reply), "");
        }
}

static void a_session_is_found(void **state)
{
        for (size_t piece = 1; piece <= sizeof(FOUND); piece++) {
                _cleanup_(store_reply_freep) struct store_reply *reply = expect_claim(&login);
                const struct store_claim *claim = store_reply_claim(reply);
                enum store_state how = STORE_NONSENSE;

                assert_int_equal(feed(reply, OK FOUND, sizeof(OK FOUND) - 1, piece, &how), 1);
                assert_int_equal(how, STORE_FINE);
                assert_int_equal(claim->session_left_msec, 7200000);
                assert_int_equal(claim->n_session, 5);
                assert_memory_equal(claim->session, "value", 5);
                assert_false(claim->lease_ours);
                assert_int_equal(claim->lease_left_msec, 19000);
                assert_memory_equal(claim->lease, OTHERS_ID, STORE_LEASE_ID_SIZE);
        }
}

/* Not before the last byte is there. */
static void nothing_less_is_whole(void **state)
{
        for (size_t size = 0; size < sizeof(FOUND) - 1; size++) {
                _cleanup_(store_reply_freep) struct store_reply *reply = expect_claim(NULL);
                enum store_state how = STORE_NONSENSE;

                assert_int_equal(feed(reply, FOUND, size, SIZE_MAX / 2, &how), 0);
                assert_int_equal(how, STORE_NONSENSE);
        }
}

static void the_others_are_answered(void **state)
{
        static const struct {
                int which;
                const char *answer;
        } rows[] = {
                { 0, OK QUEUED QUEUED QUEUED QUEUED "*4\r\n" TIME_SAYS ":15000\r\n" OURS ":0\r\n" },
                { 0, OK QUEUED QUEUED QUEUED QUEUED "*4\r\n" TIME_SAYS ":15000\r\n" OURS ":1\r\n" },
                { 1, OK QUEUED QUEUED QUEUED "*3\r\n" OK ":1\r\n:1\r\n" },
                { 1, OK QUEUED QUEUED QUEUED "*3\r\n" OK ":1\r\n:0\r\n" },
                { 2, OK QUEUED QUEUED "*2\r\n" OK ":1\r\n" },
                { 3, OK QUEUED "*1\r\n" OK },
                { 4, OK QUEUED "*1\r\n:1\r\n" },
                { 4, OK QUEUED "*1\r\n:0\r\n" },
                { 5, OK QUEUED QUEUED QUEUED QUEUED QUEUED QUEUED "*6\r\n" OK ":1\r\n" OK
                                                                  ":1\r\n:1\r\n:1\r\n" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(store_request_freep) struct store_request *request = NULL;
                _cleanup_(store_reply_freep) struct store_reply *reply = NULL;
                enum store_state how = STORE_NONSENSE;
                int which = rows[i].which;
                int r = which == 0   ? store_request_look(&request, NULL, &place)
                        : which == 3 ? store_request_cool(&request, NULL, &place, "v", 1, 1)
                        : which == 5 ? store_request_rehearse(&request, NULL, &place, 1, 1)
                        : which == 4
                                ? store_request_lapse(&request, NULL, &place)
                                : store_request_publish(&request, NULL, &place, "v", 1, 1, 1, which == 1);

                assert_int_equal(r, 0);
                assert_int_equal(store_reply_new(&reply, request), 0);
                assert_int_equal(feed(reply, rows[i].answer, strlen(rows[i].answer), 3, &how), 1);
                assert_int_equal(how, STORE_FINE);
                assert_int_equal(store_reply_claim(reply)->lease_ours, which == 0);
        }
}

static void an_expiry_in_between_is_none_there(void **state)
{
        _cleanup_(store_reply_freep) struct store_reply *reply = expect_claim(NULL);
        _cleanup_(store_reply_freep) struct store_reply *again = expect_claim(NULL);
        const struct store_claim *claim = store_reply_claim(reply);
        enum store_state how = STORE_NONSENSE;

        assert_int_equal(FEED(reply, BEGIN_CLAIM TIME_SAYS ":3\r\n" NIL NIL ":0\r\n" NIL, &how), 1);
        assert_int_equal(how, STORE_FINE);
        assert_int_equal(claim->session_left_msec, STORE_LEFT_NONE);
        assert_int_equal(claim->lease_left_msec, STORE_LEFT_NONE);
        claim = store_reply_claim(again);
        assert_int_equal(FEED(again, BEGIN_CLAIM TIME_SAYS ":-2\r\n$1\r\nv\r\n" NIL ":-1\r\n" OTHERS, &how),
                         1);
        assert_null(claim->session);
        assert_int_equal(claim->n_session, 0);
        assert_int_equal(claim->lease_left_msec, STORE_LEFT_NO_END);

        _cleanup_(store_reply_freep) struct store_reply *third = expect_claim(NULL);
        claim = store_reply_claim(third);
        assert_int_equal(FEED(third,
                              BEGIN_CLAIM "*2\r\n$12\r\n253402300799\r\n$1\r\n0\r\n"
                                          ":-1\r\n" NIL NIL ":-2\r\n" OTHERS,
                              &how),
                         1);
        assert_int_equal(how, STORE_FINE);
        assert_int_equal(claim->store_wall_usec, SHARE_TIME_MAX_USEC);
        assert_int_equal(claim->session_left_msec, STORE_LEFT_NONE);
        assert_null(claim->lease);
        assert_int_equal(claim->n_lease, 0);
}

static void a_life_has_bounds(void **state)
{
        _cleanup_(store_reply_freep) struct store_reply *reply = expect_claim(NULL);
        enum store_state how = STORE_NONSENSE;

        assert_int_equal(FEED(reply,
                              BEGIN_CLAIM TIME_SAYS ":9223372036854775807\r\n$1\r\nv\r\n" NIL
                                                    ":9223372036854775807\r\n" OTHERS,
                              &how),
                         1);
        assert_int_equal(how, STORE_FINE);
        assert_int_equal(store_reply_claim(reply)->session_left_msec, INT64_C(1000) * LIFETIME_MAX_SEC);
        assert_int_equal(store_reply_claim(reply)->lease_left_msec, INT64_C(1000) * LIFETIME_MAX_SEC);
}

static void troubles_have_names(void **state)
{
        static const struct {
                const char *answer;
                enum store_state how;
                const char *word;
        } rows[] = {
                { "-NOAUTH Authentication required.\r\n", STORE_NO_LOGIN, "NOAUTH" },
                { "-NOPERM this user has no permissions\r\n", STORE_NO_LOGIN, "NOPERM" },
                { "-DENIED Redis is running in protected mode\r\n", STORE_NO_LOGIN, "DENIED" },
                { "-LOADING Redis is loading the dataset in memory\r\n", STORE_LOADING, "LOADING" },
                { "-ERR max number of clients reached\r\n", STORE_REFUSED, "ERR" },
                { OK "-MOVED 3999 203.0.113.7:6381\r\n", STORE_MOVED, "MOVED" },
                { OK QUEUED QUEUED QUEUED "-READONLY You can't write against a read only replica.\r\n",
                  STORE_READ_ONLY, "READONLY" },
                { OK QUEUED QUEUED QUEUED "-OOM command not allowed\r\n" QUEUED QUEUED "-EXECABORT\r\n",
                  STORE_FULL, "OOM" },
                { OK QUEUED QUEUED QUEUED QUEUED QUEUED QUEUED "-EXECABORT Transaction discarded\r\n",
                  STORE_REFUSED, "EXECABORT" },
                { BEGIN_CLAIM TIME_SAYS ":-2\r\n-WRONGTYPE Operation against a key\r\n", STORE_REFUSED,
                  "WRONGTYPE" },
                { BEGIN_CLAIM TIME_SAYS ":-2\r\n" NIL "-MISCONF Redis is configured to save\r\n",
                  STORE_NOT_SAVING, "MISCONF" },
                { "-\r\n", STORE_REFUSED, "" },
                { "-moved 1 x\r\n", STORE_REFUSED, "" },
                { "-PASSWORD x\r\n", STORE_REFUSED, "" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(store_reply_freep) struct store_reply *reply = expect_claim(NULL);
                enum store_state how = STORE_FINE;

                assert_int_equal(feed(reply, rows[i].answer, strlen(rows[i].answer), 2, &how), 1);
                assert_int_equal(how, rows[i].how);
                assert_string_equal(store_reply_word(reply), rows[i].word);
        }
}

static void a_refused_login_is_one_whatever_it_is_called(void **state)
{
        static const char *const answers[] = {
                "-WRONGPASS invalid username-password pair\r\n",
                "-ERR AUTH <password> called without any password configured\r\n",
                "-ERR unknown command `AUTH`, with args beginning with: `password`\r\n",
                "-SOMETHING else\r\n",
        };

        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
                _cleanup_(store_reply_freep) struct store_reply *reply = expect_claim(&login);
                enum store_state how = STORE_FINE;

                assert_int_equal(feed(reply, answers[i], strlen(answers[i]), 1000, &how), 1);
                assert_int_equal(how, STORE_NO_LOGIN);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_lease_is_taken),
                cmocka_unit_test(a_session_is_found),
                cmocka_unit_test(nothing_less_is_whole),
                cmocka_unit_test(the_others_are_answered),
                cmocka_unit_test(an_expiry_in_between_is_none_there),
                cmocka_unit_test(a_life_has_bounds),
                cmocka_unit_test(troubles_have_names),
                cmocka_unit_test(a_refused_login_is_one_whatever_it_is_called),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
