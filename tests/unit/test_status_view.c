/* The picture of a status: its parts, those that give way when it is narrow, those that never reach a
 * terminal.
 */
#include "ctl/status_view.h"
#include "tests/unit/unit.h"

#include <locale.h>
#include <stdio.h>

static const struct terminal paper = { .columns = 80 };
static const struct terminal wide = {
        .can_redraw = true, .colour = true, .bars = true, .unicode = true, .columns = 120, .rows = 50
};

static const char valid[] =
        "{'version':'0.1.0','uptime_sec':11523,'ready':true,'environments':[{'name':'sandbox','configured':"
        "true,"
        "'base_url':'https://"
        "sandbox.example','state':'valid','why':'','token':{'mage_id':'MAG1','key':'1-main',"
        "'lifetime_sec':7200,'expires_in':5400,'expires_at':'2026-11-23T05:02:11Z'},'keys':[{'label':'1-"
        "main',"
        "'state':'good','seen_ago_sec':180},{'label':'2-new','state':'untried','trial_in_sec':25},{'label':'"
        "',"
        "'state':'refused','cause':'unauthorized','seen_ago_sec':7200,'trial_in_sec':79200}],"
        "'exchange_in_flight':false,"
        "'next_refresh_in_sec':2520,'last_refresh_ago_sec':1980,'last_trouble':null,'failures_in_row':0,"
        "'exchanges':{'last_hour':1,'hourly_budget':60,'total':17,'granted':16,'unavailable':1}}]}";

/* Draws a status, written with ' for ". */
static char *draw(const char *quoted, const char *only, const struct terminal *terminal, int expected)
{
        _cleanup_free_ char *json = strdup(quoted);
        _cleanup_(json_putp) struct json_object *status = NULL;
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);

        assert_non_null(json);
        assert_non_null(out);
        for (char *c = json; *c != '\0'; c++) {
                if (*c == '\'') {
                        *c = '"';
                }
        }
        status = json_tokener_parse(json);
        assert_int_equal(status_view_print(out, status, only, terminal), expected);
        assert_int_equal(fclose(out), 0);
        return text;
}

static void assert_has(const char *text, const char *part)
{
        if (strstr(text, part) == NULL) {
                fail_msg("'%s' is missing in:\n%s", part, text);
        }
}

static void assert_lacks(const char *text, const char *part)
{
        if (strstr(text, part) != NULL) {
                fail_msg("'%s' is in:\n%s", part, text);
        }
}

static void test_a_plain_table_is_ascii_without_bars(void **state)
{
        _cleanup_free_ char *text = draw(valid, NULL, &paper, 1);

        assert_string_equal(
                text, "eqp-broker 0.1.0, up 3h 12min, ready\n"
                      "\n"
                      "  ENVIRONMENT  TOKEN  LEFT                  KEY     REFRESHED  NEXT\n"
                      "* sandbox      valid  1h 30min of 2h (75%)  1-main  33min ago  in 42min\n"
                      "               keys     1-main good, seen 3min ago, in use; 2-new untried, to be\n"
                      "                        tried in 25s; (no label) refused 2h ago: answered 401,\n"
                      "                        to be tried again in 22h\n"
                      "               warning  the key (no label) is refused, and could not obtain the\n"
                      "                        next token; see: eqpctl doctor\n");
}

static void test_a_due_refresh_comes_now(void **state)
{
        _cleanup_free_ char *text =
                draw("{'environments':[{'name':'sandbox','state':'waiting','next_refresh_in_sec':0}]}", NULL,
                     &paper, 1);

        assert_non_null(strstr(text, "now\n"));
        assert_null(strstr(text, "in 0s"));
}

static void test_a_terminal_gets_a_bar_of_the_life_left(void **state)
{
        struct terminal terminal = wide;
        _cleanup_free_ char *colourful = draw(valid, NULL, &terminal, 1);
        _cleanup_free_ char *sober = NULL, *ascii = NULL;

        assert_has(colourful, "\033[32m██████████████████████▌\033[0m\033[2m░░░░░░░\033[0m 1h 30min of 2h");

        terminal.colour = false;
        sober = draw(valid, NULL, &terminal, 1);
        assert_has(sober, "██████████████████████▌░░░░░░░ 1h 30min of 2h");
        assert_lacks(sober, "\033");

        terminal.unicode = false;
        ascii = draw(valid, NULL, &terminal, 1);
        assert_has(ascii, "#######################------- 1h 30min of 2h");
}

static void test_the_view_fits_every_width(void **state)
{
        struct terminal terminal = wide;

        terminal.colour = terminal.unicode = false;
        for (terminal.columns = 46; terminal.columns <= 200; terminal.columns++) {
                _cleanup_free_ char *text = draw(valid, "sandbox", &terminal, 1);

                for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
                        if (strcspn(line, "\n") > terminal.columns) {
                                fail_msg("a line is too long for %u columns:\n%s", terminal.columns, text);
                        }
                }
        }
}

static void test_a_narrow_view_is_a_list(void **state)
{
        struct terminal terminal = paper;
        _cleanup_free_ char *text = NULL;

        terminal.columns = 46;
        text = draw(valid, NULL, &terminal, 1);
        assert_has(text, "* sandbox: valid\n"
                         "  left     1h 30min of 2h (75%)\n"
                         "  key      1-main\n"
                         "  refresh  33min ago, next in 42min\n");
}

static void test_one_environment_is_shown_in_full(void **state)
{
        _cleanup_free_ char *full = draw(valid, "sandbox", &paper, 1);
        _cleanup_free_ char *none = draw(valid, "production", &paper, 0);

        assert_has(full, "url      https://sandbox.example\n");
        assert_has(full, "account  MAG1\n");
        assert_has(full, "start: 16 succeeded, 1 unavailable\n");
        assert_lacks(none, "sandbox");
}

static void test_each_state_of_a_key_has_its_words(void **state)
{
        static const char keys[] =
                "{'environments':[{'name':'x','state':'valid','token':{'key':'a'},'keys':["
                "{'label':'a','state':'good','seen_ago_sec':60,'kept_old':true},"
                "{'label':'b','state':'refused','cause':'outdone','seen_ago_sec':60,'trial_in_sec':0},"
                "{'label':'c','state':'refused','cause':'other_account','seen_ago_sec':60},"
                "{'label':'d','state':'untried','trial_in_sec':null,'seen_ago_sec':null},"
                "{'label':'e','state':'refused','cause':'new to us'},{'label':'f','state':'strange'}]}]}";
        struct terminal terminal = paper;
        _cleanup_free_ char *text = NULL;

        terminal.columns = 1000;
        text = draw(keys, NULL, &terminal, 1);
        assert_has(
                text,
                "a good, seen 1min ago, in use (its file has changed; the key from before is still used); "
                "b refused 1min ago: it failed where another key obtained a token, to be tried again now; "
                "c refused 1min ago: of another account; d untried; e refused; f strange\n");
        assert_has(text, "warning  the key b is refused, and could not obtain the next token; see: eqpctl "
                         "doctor\n");
        assert_has(text, "warning  it is not known yet whether the key d works\n");
        assert_lacks(text, "the key a ");
        assert_lacks(text, "the key f ");
}

/* Then there is graver trouble. */
static void test_without_a_token_nobody_is_warned_of_spares(void **state)
{
        _cleanup_free_ char *text =
                draw("{'environments':[{'name':'x','state':'waiting','token':null,'keys':["
                     "{'label':'a','state':'untried'},{'label':'b','state':'refused'}]}]}",
                     NULL, &paper, 1);

        assert_has(text, "keys     a untried; b refused\n");
        assert_lacks(text, "warning");
}

static void test_the_account_is_told_without_a_token(void **state)
{
        _cleanup_free_ char *text =
                draw("{'environments':[{'name':'x','account':'MAG2','token':null}]}", "x", &paper, 1);

        assert_has(text, "account  MAG2\n");
}

static void test_trouble_is_told_in_words(void **state)
{
        _cleanup_free_ char *now =
                draw("{'ready':false,'environments':[{'name':'x','state':'no_token','configured':true,"
                     "'why':'no answer yet','failures_in_row':3,'last_trouble':{'key':'1-main',"
                     "'message':'It timed out.','ago_sec':12}}]}",
                     NULL, &paper, 1);
        _cleanup_free_ char *over = draw(
                "{'environments':[{'name':'x','state':'valid','failures_in_row':0,'last_trouble':{'key':'',"
                "'message':'It timed out.','ago_sec':12}}]}",
                NULL, &paper, 1);

        assert_has(now, "not ready");
        assert_has(now, "! x            no token  -");
        assert_has(now, "why      no answer yet\n");
        assert_has(now, "trouble  12s ago with the key 1-main: It timed out. (3 failures\n"
                        "                        in a row)\n");
        assert_has(over, "trouble  over; it was 12s ago: It timed out.\n");
}

/* A key that is refused is no failure in a row, and still trouble while there is no token. */
static void test_trouble_is_over_only_with_a_token(void **state)
{
        static const char refused[] =
                "{'environments':[{'name':'x','state':'no_token','why':'no luck: key refused',"
                "'failures_in_row':0,'last_trouble':{'key':'a','message':'%s','ago_sec':1}}]}";
        char other[sizeof(refused) + 32], same[sizeof(refused) + 32];
        _cleanup_free_ char *told = NULL, *untold = NULL, *full = NULL;

        assert_true(snprintf(other, sizeof(other), refused, "HTTP 401") > 0);
        assert_true(snprintf(same, sizeof(same), refused, "key refused") > 0);
        told = draw(other, NULL, &paper, 1);
        untold = draw(same, NULL, &paper, 1);
        full = draw(same, "x", &paper, 1);
        assert_has(told, "trouble  1s ago with the key a: HTTP 401\n");
        assert_lacks(untold, "trouble");
        assert_has(full, "trouble  1s ago with the key a: key refused\n");
}

static void test_a_low_budget_is_shown_unasked(void **state)
{
        _cleanup_free_ char *low =
                draw("{'environments':[{'name':'x','exchanges':{'last_hour':50,'hourly_budget':60,"
                     "'total':170}}]}",
                     NULL, &paper, 1);

        assert_has(low, "50 of 60 allowed in the last hour");
}

static void test_nothing_that_moves_a_cursor_gets_through(void **state)
{
        static const char evil[] =
                "{'version':'\\u001b[2J','environments':[{'name':'a\\u001bb','state':'\\u009b1m',"
                "'why':'x\\u007f\\u0007y\\u202ez','keys':[{'label':'\\u001b[31m','state':'\\n'}]}]}";
        struct terminal terminal = wide;
        _cleanup_free_ char *text = NULL;

        terminal.colour = false;
        text = draw(evil, "a\033b", &terminal, 1);
        for (const char *c = text; *c != '\0'; c++) {
                assert_true((unsigned char)*c >= 0x20 || *c == '\n');
        }
        assert_lacks(text, "\x7f");
        assert_lacks(text, "\xc2\x9b");
        assert_lacks(text, "\u202e");
}

static void test_text_beyond_ascii_needs_a_terminal_that_knows_it(void **state)
{
        static const char words[] = "{'environments':[{'name':'x','why':'größer'}]}";
        _cleanup_free_ char *rich = draw(words, NULL, &wide, 1);
        _cleanup_free_ char *plain = draw(words, NULL, &paper, 1);

        assert_has(rich, "größer");
        assert_has(plain, "gr??er");
}

static void test_missing_or_odd_values_are_shown_as_a_dash(void **state)
{
        static const char *const odd[] = {
                "{'environments':[{}]}",
                "{'environments':[null]}",
                "{'environments':[7]}",
                "{'environments':[{'name':7,'token':[],'keys':{},'last_trouble':'x','exchanges':3}]}",
                "{'environments':[{'token':{'lifetime_sec':0,'expires_in':-5},'keys':[null,{}]}]}",
                "{'environments':[{'token':{'lifetime_sec':1,'expires_in':9223372036854775807}}]}",
        };

        for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
                _cleanup_free_ char *text = draw(odd[i], NULL, &wide, 1);

                assert_has(text, "not ready");
        }
}

static void test_no_environment_is_no_table(void **state)
{
        _cleanup_free_ char *empty =
                draw("{'version':'0.1.0','ready':true,'environments':[]}", NULL, &paper, 0);
        _cleanup_free_ char *none = draw("{}", NULL, &paper, 0);

        assert_string_equal(empty, "eqp-broker 0.1.0, ready\n");
        assert_string_equal(none, "eqp-broker, not ready\n");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_plain_table_is_ascii_without_bars),
                cmocka_unit_test(test_a_terminal_gets_a_bar_of_the_life_left),
                cmocka_unit_test(test_the_view_fits_every_width),
                cmocka_unit_test(test_a_due_refresh_comes_now),
                cmocka_unit_test(test_a_narrow_view_is_a_list),
                cmocka_unit_test(test_one_environment_is_shown_in_full),
                cmocka_unit_test(test_each_state_of_a_key_has_its_words),
                cmocka_unit_test(test_without_a_token_nobody_is_warned_of_spares),
                cmocka_unit_test(test_the_account_is_told_without_a_token),
                cmocka_unit_test(test_trouble_is_told_in_words),
                cmocka_unit_test(test_trouble_is_over_only_with_a_token),
                cmocka_unit_test(test_a_low_budget_is_shown_unasked),
                cmocka_unit_test(test_nothing_that_moves_a_cursor_gets_through),
                cmocka_unit_test(test_text_beyond_ascii_needs_a_terminal_that_knows_it),
                cmocka_unit_test(test_missing_or_odd_values_are_shown_as_a_dash),
                cmocka_unit_test(test_no_environment_is_no_table),
        };

        if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) {
                (void)puts("skipped: there is no locale C.UTF-8 that says how wide a character is");
                return 77; /* meson takes it for skipped */
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
