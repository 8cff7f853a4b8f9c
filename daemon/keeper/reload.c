/* Reading configuration and keys again.
 *
 * It works on everything that a request in the middle of its handling may hold, hence the turn of its own. A
 * bad configuration changes nothing. */
#include "daemon/keeper/reload.h"

#include "daemon/base/journal.h"
#include "daemon/keeper/settings_files.h"
#include "lib/util.h"

#include <stdio.h>

static int read_and_apply(struct reload *reload)
{
        _cleanup_(settings_freep) struct settings *settings = NULL;
        int r = settings_files_read(reload->work.config_path, &settings, reload->message);

        if (r >= 0) {
                r = reload->work.apply(settings, reload->message, reload->work.userdata);
        }
        if (r >= 0) {
                (void)take_ptr(settings);
                reload->message[0] = '\0';
        }
        return r;
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
        reload->n_done++;
        waiters_tell(&reload->waiters);
        return 0;
}

int reload_init(struct reload *reload, sd_event *event, const struct reload_work *work)
{
        reload->work = *work;
        int r = sd_event_add_defer(event, &reload->due, on_due, reload);
        if (r >= 0) {
                r = sd_event_source_set_enabled(reload->due, SD_EVENT_OFF);
        }
        if (r >= 0) {
                (void)sd_event_source_set_description(reload->due, "reload");
        }
        return r;
}

void reload_ask(struct reload *reload)
{
        if (reload->due) {
                (void)sd_event_source_set_enabled(reload->due, SD_EVENT_ONESHOT);
        }
}

void reload_stop(struct reload *reload)
{
        reload->due = sd_event_source_disable_unref(reload->due);
        waiters_tell(&reload->waiters);
}

bool reload_stopped(const struct reload *reload)
{
        return !reload->due;
}

void reload_wait(struct reload *reload, struct waiter *waiter)
{
        waiters_add(&reload->waiters, waiter);
}

void reload_clear(struct reload *reload)
{
        reload->due = sd_event_source_disable_unref(reload->due);
}
