/* When upstreams are looked up. The threads are the test's: a question lies there until it is answered. */
#include "daemon/keeper/upstream_lookup.h"
#include "daemon/keeper/upstreams.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <errno.h>

#define MINUTE (60 * USEC_PER_SEC)

/* The forwarder, and the news that it had. */
struct child_process {
        unsigned n_told, n_gone;
        struct message_upstream last;
};

static sd_event *event;
static struct child_process forwarder;
static struct upstreams *upstreams;
static unsigned n_ready;

static struct upstream_question questions[8];
static char asked_for[8][BASE_URL_MAX + 1];
static unsigned n_asked;
static int obstacle; /* why none can be asked */

void child_process_send(struct child_process *process, const void *message, size_t length, int fd)
{
        const struct message_upstream *told = message;

        if (told->type == MESSAGE_UPSTREAM_GONE) {
                process->n_gone++;
                return;
        }
        assert_int_equal(told->type, MESSAGE_UPSTREAM);
        process->last = *told;
        process->n_told++;
}

int upstream_lookup_begin(struct helper_threads *threads, const struct upstream_question *question)
{
        if (obstacle < 0) {
                return obstacle;
        }
        assert_in_range(n_asked, 0, ARRAY_SIZE(questions) - 1);
        message_set_text(asked_for[n_asked], sizeof(asked_for[0]), question->base_url);
        questions[n_asked++] = *question;
        return 0;
}

void upstream_found_clear(struct upstream_found *found)
{
}

static void on_ready(void *userdata)
{
        n_ready++;
}

/* The answer to the question of that number, from 0 on. */
static void answer(unsigned n, const char *address)
{
        struct upstream_found found = { .authorities.fd = -1, .n_addresses = 1 };

        message_set_text(found.addresses[0], sizeof(found.addresses[0]), address);
        questions[n].done("sandbox", questions[n].number, &found, MINUTE, upstreams);
}

static void configure(const char *base_url)
{
        static struct settings settings; /* large */
        struct environment_settings *environment = &settings.environments[0];

        memset(&settings, 0, sizeof(settings));
        settings.n_environments = 1;
        message_set_text(environment->name, sizeof(environment->name), "sandbox");
        environment->base_url = (char *)base_url;
        environment->gateway = true;
        assert_int_equal(upstreams_configure(upstreams, &settings), 0);
}

static int set_up(void **state)
{
        memset(&forwarder, 0, sizeof(forwarder));
        n_asked = n_ready = 0;
        obstacle = 0;
        assert_true(sd_event_new(&event) >= 0);
        assert_true(upstreams_new(&upstreams, event, &forwarder, on_ready, NULL) >= 0);
        upstreams_want(upstreams, true);
        return 0;
}

static int tear_down(void **state)
{
        upstreams = upstreams_free(upstreams);
        event = sd_event_unref(event);
        return 0;
}

static void one_at_a_time(void **state)
{
        for (int i = 0; i < 50; i++) {
                configure("https://one");
        }
        assert_int_equal(n_asked, 1);
        assert_int_equal(forwarder.n_told, 0);
}

/* The name may lead elsewhere since it began. */
static void once_more_when_it_is_done(void **state)
{
        configure("https://one");
        configure("https://one");
        answer(0, "192.0.2.1");
        assert_int_equal(n_ready, 1);
        assert_int_equal(forwarder.n_told, 1);
        assert_int_equal(n_asked, 2);
        answer(1, "192.0.2.1");
        assert_int_equal(forwarder.n_told,
                         2); /* other settings of it may be new, and are told with this one */
        assert_int_equal(n_asked, 2);
        configure("https://one");
        assert_int_equal(n_asked, 3);
}

static void another_place_does_not_wait(void **state)
{
        configure("https://one");
        configure("https://two");
        assert_int_equal(n_asked, 2);
        assert_string_equal(asked_for[1], "https://two");
        assert_int_equal(forwarder.n_gone, 1);
        answer(0, "192.0.2.1");
        assert_int_equal(forwarder.n_told + n_ready, 0);
        answer(1, "192.0.2.2");
        assert_int_equal(forwarder.n_told, 1);
        assert_string_equal(forwarder.last.addresses[0], "192.0.2.2");
        assert_int_equal(n_asked, 2);
}

static void nobody_wants_it_meanwhile(void **state)
{
        configure("https://one");
        configure("https://one");
        upstreams_want(upstreams, false);
        answer(0, "192.0.2.1");
        assert_int_equal(n_asked, 1);
        upstreams_want(upstreams, true);
        assert_int_equal(n_asked, 2);
}

static void one_that_cannot_begin_is_tried_with_the_next_reload(void **state)
{
        configure("https://one");
        configure("https://one");
        obstacle = -EAGAIN;
        answer(0, "192.0.2.1");
        obstacle = 0;
        assert_int_equal(n_asked, 1);
        configure("https://one");
        assert_int_equal(n_asked, 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(one_at_a_time, set_up, tear_down),
                cmocka_unit_test_setup_teardown(once_more_when_it_is_done, set_up, tear_down),
                cmocka_unit_test_setup_teardown(another_place_does_not_wait, set_up, tear_down),
                cmocka_unit_test_setup_teardown(nobody_wants_it_meanwhile, set_up, tear_down),
                cmocka_unit_test_setup_teardown(one_that_cannot_begin_is_tried_with_the_next_reload, set_up,
                                                tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
