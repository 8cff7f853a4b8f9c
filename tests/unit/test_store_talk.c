/* A talk with a store, or with two of them, against servers in the same loop that say whatever they are told
 * to, in pieces of any size. */
#include "daemon/keeper/store_link.h"
#include "daemon/keeper/store_talk.h"
#include "lib/util.h"
#include "tests/unit/store_answers.h"
#include "tests/unit/store_server.h"
#include "tests/unit/unit.h"

#include <stdio.h>

#define BEGIN_LOOK OK QUEUED QUEUED QUEUED QUEUED "*4\r\n"
#define LOOKED     BEGIN_LOOK TIME_SAYS ":-2\r\n" NIL ":0\r\n"
#define LAPSED     OK QUEUED "*1\r\n:1\r\n"
#define HALF       BEGIN_CLAIM TIME_SAYS ":7200000\r\n$5\r\nva"

struct trial {
        sd_event *event;
        struct share_settings settings;
        struct share share;
        struct store_server servers[2];
        struct store_talk *talk;
        bool says_more;
        size_t n_answers, n_ends;
        bool lease_ours;
        char value[16];
        enum store_state state;
        char store[STORE_ADDRESS_MAX + 1], why[STORE_LINK_WHY_MAX];
};

static void add_server(struct trial *trial, const char *first, const char *second)
{
        size_t number = trial->settings.n_stores++;

        store_server_listen(&trial->servers[number], trial->event, first, second,
                            &trial->settings.stores[number]);
}

/* ---- the user ---- */

static void on_answer(const struct store_claim *claim, uint64_t sent_usec, void *userdata)
{
        struct trial *trial = userdata;
        struct store_request *request = NULL;

        assert_int_equal(trial->n_ends, 0);
        assert_true(sent_usec > 0);
        trial->n_answers++;
        trial->lease_ours = claim->lease_ours;
        assert_true(claim->n_session < sizeof(trial->value));
        if (claim->session) {
                memcpy(trial->value, claim->session, claim->n_session);
        }
        if (trial->says_more) {
                assert_int_equal(store_request_lapse(&request, NULL, &place), 0);
                store_talk_say(trial->talk, request);
        }
}

static void on_end(enum store_state state, const char *store, const char *why, void *userdata)
{
        struct trial *trial = userdata;

        trial->n_ends++;
        trial->state = state;
        (void)snprintf(trial->store, sizeof(trial->store), "%s", store);
        (void)snprintf(trial->why, sizeof(trial->why), "%s", why);
        trial->talk = store_talk_free(trial->talk);
}

static void begin(struct trial *trial)
{
        memset(trial, 0, sizeof(*trial));
        assert_true(sd_event_new(&trial->event) >= 0);
        assert_int_equal(curl_loop_new(&trial->share.curl, trial->event), 0);
        trial->share.event = trial->event;
        trial->share.settings = &trial->settings;
        trial->share.quiet = true;
}

static void start(struct trial *trial, bool claim)
{
        const struct store_talk_user user = { on_answer, on_end, trial };

        trial->n_answers = trial->n_ends = 0;
        assert_int_equal(store_talk_new(&trial->talk, &trial->share, &place, claim, &user), 0);
}

static void run(struct trial *trial, bool claim)
{
        start(trial, claim);
        while (trial->n_ends == 0) {
                assert_true(sd_event_run(trial->event, UINT64_MAX) >= 0);
        }
        assert_int_equal(trial->n_ends, 1);
}

static void end(struct trial *trial)
{
        trial->talk = store_talk_free(trial->talk);
        trial->share.curl = curl_loop_free(trial->share.curl);
        for (size_t i = 0; i < trial->settings.n_stores; i++) {
                store_server_end(&trial->servers[i]);
        }
        sd_event_unref(trial->event);
}

/* One store that answers a claim so; how the talk ended. */
static enum store_state try_answer(const char *answer, size_t piece, bool closes, struct trial *trial)
{
        begin(trial);
        add_server(trial, answer, NULL);
        trial->servers[0].piece = piece;
        trial->servers[0].closes = closes;
        run(trial, /* claim= */ true);
        assert_int_equal(trial->servers[0].n_connections, 1);
        assert_string_equal(trial->store, trial->settings.stores[0].text);
        end(trial);
        return trial->state;
}

/* ---- one store ---- */

static void an_answer_may_come_in_pieces(void **state)
{
        static const size_t pieces[] = { 0, 1, 2, 7, 100 };
        struct trial trial;

        for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
                assert_int_equal(try_answer(FOUND, pieces[i], false, &trial), STORE_FINE);
                assert_int_equal(trial.n_answers, 1);
                assert_string_equal(trial.value, "value");
                assert_false(trial.lease_ours);
                assert_string_equal(trial.why, "");
                assert_int_equal(try_answer(LEASED, pieces[i], true, &trial), STORE_FINE);
                assert_true(trial.lease_ours);
        }
}

/* The login goes with the first one alone. */
static void a_second_request_goes_on_the_same_connection(void **state)
{
        struct trial trial;

        for (size_t piece = 0; piece < 2; piece++) {
                begin(&trial);
                add_server(&trial, OK LOOKED, LAPSED);
                trial.servers[0].piece = piece;
                trial.says_more = true;
                trial.share.files.password = strdup("the password of a store");
                run(&trial, /* claim= */ false);
                free(trial.share.files.password);
                assert_int_equal(trial.state, STORE_FINE);
                assert_int_equal(trial.n_answers, 1);
                assert_int_equal(trial.servers[0].n_connections, 1);
                assert_int_equal(trial.servers[0].n_requests, 2);
                assert_int_equal(trial.servers[0].n_logins, 1);
                assert_non_null(strstr(trial.servers[0].request, "PEXPIRE"));
                end(&trial);
        }
}

static void errors_are_told_by_their_first_word(void **state)
{
        static const struct {
                const char *answer;
                enum store_state state;
                const char *why;
        } cases[] = {
                { "-NOAUTH Authentication required.\r\n", STORE_NO_LOGIN, "NOAUTH" },
                { "-LOADING the dataset\r\n", STORE_LOADING, "LOADING" },
                { "-secret-of-somebody else\r\n", STORE_REFUSED, "" },
                { OK QUEUED "-OOM command not allowed\r\n", STORE_FULL, "OOM" },
                { "HTTP/1.1 400 Bad Request\r\n", STORE_NONSENSE, "" },
                { LEASED OK, STORE_NONSENSE, "" }, /* more than was asked for */
        };
        struct trial trial;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                assert_int_equal(try_answer(cases[i].answer, 0, false, &trial), cases[i].state);
                assert_string_equal(trial.why, cases[i].why);
                assert_int_equal(trial.n_answers, 0);
        }
}

/* It is let go at the bound, however much more there would be. */
static void more_than_any_answer_is_nonsense(void **state)
{
        _cleanup_free_ char *text = malloc(SHARE_VALUE_MAX + 4096), *lines = malloc(STORE_REPLY_MAX + 4096);
        struct trial trial;

        assert_true(text && lines);
        int n = snprintf(text, 4096, BEGIN_CLAIM TIME_SAYS ":7200000\r\n$%d\r\n", SHARE_VALUE_MAX + 1);
        memset(text + n, 'v', SHARE_VALUE_MAX + 1);
        memcpy(text + n + SHARE_VALUE_MAX + 1, "\r\n", sizeof("\r\n"));
        assert_int_equal(try_answer(text, 0, false, &trial), STORE_NONSENSE);

        lines[0] = '-'; /* an error without an end */
        memset(lines + 1, 'x', STORE_REPLY_MAX + 1024);
        lines[STORE_REPLY_MAX + 1025] = '\0';
        assert_int_equal(try_answer(lines, 4096, false, &trial), STORE_NONSENSE);
        assert_int_equal(trial.n_answers, 0);
}

static void it_closes_in_the_middle(void **state)
{
        struct trial trial;

        assert_int_equal(try_answer(HALF, 0, true, &trial), STORE_UNREACHABLE);
        assert_int_equal(trial.n_answers, 0);
        assert_true(trial.why[0] != '\0');
        assert_int_equal(try_answer("", 0, true, &trial), STORE_UNREACHABLE);
}

static void it_falls_silent_in_the_middle(void **state)
{
        struct trial trial;

        assert_int_equal(try_answer(HALF, 3, false, &trial), STORE_SILENT);
        assert_int_equal(trial.n_answers, 0);
}

/* At any turn of the loop: nothing is called any more. */
static void it_is_let_go(void **state)
{
        bool ended = false;

        for (int turns = 0; !ended; turns++) {
                struct trial trial;

                begin(&trial);
                add_server(&trial, OK LOOKED, LAPSED);
                trial.servers[0].piece = 20;
                trial.says_more = true;
                start(&trial, /* claim= */ false);
                for (int i = 0; i < turns && trial.n_ends == 0; i++) {
                        assert_true(sd_event_run(trial.event, UINT64_MAX) >= 0);
                }
                ended = trial.n_ends > 0;
                trial.talk = store_talk_free(trial.talk);
                for (int i = 0; i < 3 && !ended; i++) {
                        assert_true(sd_event_run(trial.event, 0) >= 0);
                        assert_int_equal(trial.n_ends, 0);
                }
                end(&trial);
        }
}

/* ---- several ---- */

static void the_next_one_is_asked(void **state)
{
        static const char *const bad[] = { "-READONLY You can't write against a read only replica.\r\n",
                                           HALF, "+PONG\r\n" };
        struct trial trial;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                begin(&trial);
                add_server(&trial, bad[i], NULL);
                add_server(&trial, FOUND, NULL);
                trial.servers[0].closes = true;
                run(&trial, /* claim= */ true);
                assert_int_equal(trial.state, STORE_FINE);
                assert_string_equal(trial.store, trial.settings.stores[1].text);
                assert_string_equal(trial.value, "value");

                run(&trial, /* claim= */ true); /* it is the first from now on */
                assert_int_equal(trial.state, STORE_FINE);
                assert_int_equal(trial.servers[0].n_connections, 1);
                assert_int_equal(trial.servers[1].n_connections, 2);
                end(&trial);
        }
}

/* A silent one has its share of the time. */
static void there_is_time_for_the_next_one(void **state)
{
        struct trial trial;

        begin(&trial);
        add_server(&trial, NULL, NULL);
        add_server(&trial, LEASED, NULL);
        run(&trial, /* claim= */ true);
        assert_int_equal(trial.state, STORE_FINE);
        assert_true(trial.lease_ours);
        end(&trial);
}

static void the_first_one_is_told_of(void **state)
{
        struct trial trial;

        begin(&trial);
        add_server(&trial, "-MISCONF its disk\r\n", NULL);
        add_server(&trial, "-READONLY\r\n", NULL);
        run(&trial, /* claim= */ true);
        assert_int_equal(trial.state, STORE_NOT_SAVING);
        assert_string_equal(trial.store, trial.settings.stores[0].text);
        assert_string_equal(trial.why, "MISCONF");
        assert_int_equal(trial.servers[1].n_connections, 1);
        end(&trial);
}

/* A request after the first answer is for that store. */
static void nobody_else_hears_the_second_request(void **state)
{
        static const char *const bad[] = { "-OOM command not allowed\r\n", OK, NULL };
        static const enum store_state how[] = { STORE_FULL, STORE_UNREACHABLE, STORE_SILENT };
        struct trial trial;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                begin(&trial);
                add_server(&trial, "-READONLY\r\n", NULL);
                add_server(&trial, LOOKED, bad[i]);
                trial.servers[0].closes = true;
                trial.says_more = true;
                start(&trial, /* claim= */ false);
                while (trial.n_ends == 0) {
                        assert_true(sd_event_run(trial.event, UINT64_MAX) >= 0);
                        trial.servers[1].closes = trial.n_answers > 0;
                }
                assert_int_equal(trial.state, how[i]);
                assert_string_equal(trial.store, trial.settings.stores[1].text);
                assert_int_equal(trial.servers[0].n_connections, 1);
                assert_int_equal(trial.servers[1].n_connections, 1);
                end(&trial);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_answer_may_come_in_pieces),
                cmocka_unit_test(a_second_request_goes_on_the_same_connection),
                cmocka_unit_test(errors_are_told_by_their_first_word),
                cmocka_unit_test(more_than_any_answer_is_nonsense),
                cmocka_unit_test(it_closes_in_the_middle),
                cmocka_unit_test(it_falls_silent_in_the_middle),
                cmocka_unit_test(it_is_let_go),
                cmocka_unit_test(the_next_one_is_asked),
                cmocka_unit_test(there_is_time_for_the_next_one),
                cmocka_unit_test(the_first_one_is_told_of),
                cmocka_unit_test(nobody_else_hears_the_second_request),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
