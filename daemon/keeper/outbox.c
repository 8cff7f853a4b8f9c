/* Answers on their way to the frontend. */
#include "daemon/keeper/outbox.h"

#include "lib/util.h"

#include <errno.h>

struct letter {
        struct letter *next;
        struct keeper_outcome outcome;
};

struct outbox {
        sd_event_source *due;
        const struct sides *sides;
        struct letter *first, **last; // last: the link that the next one goes to
};

static struct letter *take_first(struct outbox *outbox)
{
        struct letter *letter = outbox->first;

        if (letter) {
                outbox->first = letter->next;
                if (!outbox->first) {
                        outbox->last = &outbox->first;
                }
        }
        return letter;
}

static int on_due(sd_event_source *source, void *userdata)
{
        struct outbox *outbox = userdata;
        struct letter *letter;

        while ((letter = take_first(outbox))) {
                outbox->sides->tell->outcome(outbox->sides->frontend, &letter->outcome);
                free(letter);
        }
        return 0;
}

static void free_outbox(struct outbox **outbox)
{
        *outbox = outbox_free(*outbox);
}

int outbox_new(struct outbox **ret, sd_event *event, const struct sides *sides)
{
        _cleanup_(free_outbox) struct outbox *outbox = calloc(1, sizeof(*outbox));
        if (!outbox) {
                return -ENOMEM;
        }
        outbox->sides = sides;
        outbox->last = &outbox->first;
        int r = sd_event_add_defer(event, &outbox->due, on_due, outbox);
        if (r < 0) {
                return r;
        }
        (void)sd_event_source_set_description(outbox->due, "answers to the frontend");
        r = sd_event_source_set_enabled(outbox->due, SD_EVENT_OFF);
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(outbox);
        return 0;
}

struct outbox *outbox_free(struct outbox *outbox)
{
        struct letter *letter;

        if (outbox) {
                sd_event_source_disable_unref(outbox->due);
                while ((letter = take_first(outbox))) {
                        free(letter);
                }
                free(outbox);
        }
        return NULL;
}

void outbox_put(struct outbox *outbox, const struct keeper_outcome *outcome)
{
        struct letter *letter = calloc(1, sizeof(*letter));

        if (!letter) {
                return;
        }
        letter->outcome = *outcome;
        *outbox->last = letter;
        outbox->last = &letter->next;
        (void)sd_event_source_set_enabled(outbox->due, SD_EVENT_ONESHOT);
}
