/* Reading configuration and keys again.
 *
 * It works on everything that a request in the middle of its handling may hold, hence the turn of its own. A
 * bad configuration changes nothing. */
#include "daemon/keeper/reload.h"

#include "daemon/base/clock.h"
#include "daemon/base/journal.h"
#include "daemon/base/timer.h"
#include "lib/util.h"

#include <stdio.h>

#define NUMBERS_MAX 4096

/* Of what callers ask for: so many at once, then one in this time. Each costs lines of the log, and time. */
#define CALLERS_BURST      60
#define CALLERS_PRICE_USEC USEC_PER_SEC

static int read_and_apply(struct reload *reload)
{
        _cleanup_(settings_freep) struct settings *settings = NULL;
        int r = settings_files_read(reload->work.source, &settings, reload->message);

        if (r < 0) {
                return r;
        }
        r = reload->work.apply(settings, reload->message, reload->work.userdata);
        if (r < 0) {
                return r;
        }
        (void)take_ptr(settings);
        reload->message[0] = '\0';
        return 0;
}

static void answer_one(struct reload *reload, uint64_t number, bool stopping)
{
        reload->work.answer(number, stopping, reload->message, reload->work.userdata);
}

static void answer(struct reload *reload, bool stopping)
{
        for (size_t i = 0; i < reload->n_numbers; i++) {
                answer_one(reload, reload->numbers[i], stopping);
        }
        reload->n_numbers = 0;
}

static int on_due(sd_event_source *source, void *userdata)
{
        struct reload *reload = userdata;
        /* Else the end of the reload would pass for the end of the start. */
        bool tell = reload->work.service->ready;

        if (tell) {
                service_reloading(reload->work.service);
        }
        if (read_and_apply(reload) < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR, .id = EVENT_RELOAD_FAILED },
                            "not reloaded, the old configuration stands: %s", reload->message);
        } else {
                journal_say(&(struct journal_record){ .priority = LOG_INFO, .id = EVENT_RELOADED },
                            "configuration and keys read again");
        }
        if (tell) {
                service_reloaded(reload->work.service);
        }
        answer(reload, /* stopping= */ false);
        return 0;
}

static int on_later(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct reload *reload = userdata;

        return sd_event_source_set_enabled(reload->due, SD_EVENT_ONESHOT);
}

int reload_init(struct reload *reload, sd_event *event, const struct reload_work *work)
{
        reload->work = *work;
        int r = timer_new(&reload->later, event, CLOCK_MONOTONIC, on_later, reload, "a later reload");
        return r < 0 ? r : turn_new(&reload->due, event, on_due, reload, "reload");
}

static bool is_on(sd_event_source *source)
{
        return sd_event_source_get_enabled(source, NULL) > 0;
}

static void make_due(struct reload *reload, bool for_caller)
{
        if (is_on(reload->due) || (for_caller && is_on(reload->later))) {
                return; /* this question shares it */
        }
        if (for_caller &&
            !line_budget_spend(&reload->budget, CALLERS_PRICE_USEC, CALLERS_BURST, clock_now_usec())) {
                timer_start_in(reload->later, CALLERS_PRICE_USEC);
                return;
        }
        timer_stop(reload->later);
        (void)sd_event_source_set_enabled(reload->due, SD_EVENT_ONESHOT);
}

/* Without memory, or beyond what a frontend that is well asks, nobody waits: the question ends with its
 * time. */
static void note_number(struct reload *reload, uint64_t number)
{
        if (reload->n_numbers == NUMBERS_MAX) {
                return;
        }
        if (reload->n_numbers == reload->n_numbers_max) {
                size_t n = MAX_OF(2 * reload->n_numbers_max, (size_t)16);
                uint64_t *numbers = reallocarray(reload->numbers, n, sizeof(*numbers));
                if (!numbers) {
                        return;
                }
                reload->numbers = numbers;
                reload->n_numbers_max = n;
        }
        reload->numbers[reload->n_numbers++] = number;
}

void reload_ask(struct reload *reload, uint64_t number)
{
        if (reload->due) {
                if (number != 0) {
                        note_number(reload, number);
                }
                make_due(reload, number != 0);
        } else if (number != 0) {
                answer_one(reload, number, /* stopping= */ true);
        }
}

void reload_stop(struct reload *reload)
{
        reload->due = sd_event_source_disable_unref(reload->due);
        reload->later = sd_event_source_disable_unref(reload->later);
        answer(reload, /* stopping= */ true);
}

void reload_clear(struct reload *reload)
{
        reload->due = sd_event_source_disable_unref(reload->due);
        reload->later = sd_event_source_disable_unref(reload->later);
        free(reload->numbers);
        reload->numbers = NULL;
        reload->n_numbers = reload->n_numbers_max = 0;
}
