/* A child as a process. */
#include "daemon/base/clock.h"
#include "daemon/base/journal.h"
#include "daemon/base/timer.h"
#include "daemon/keeper/child_object.h"
#include "daemon/keeper/child_spawn.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>

#define QUEUE_MAX (2 * 1024 * 1024) /* bytes; all else that there is to tell is less than a fourth of it */

#define START_USEC       (30 * USEC_PER_SEC) /* until it has confined itself */
#define PAUSE_FIRST_USEC (100 * USEC_PER_MSEC)
#define PAUSE_MAX_USEC   (10 * USEC_PER_SEC)
#define SOUND_LIFE_USEC  (10 * USEC_PER_SEC) /* after that its end has nothing to do with the one before */
/* Between the end of its channel and its own: that is when sanitizers look for leaks. */
#define LAST_BREATH_USEC ((CHILD_KEEPS_STDERR ? 30 : 2) * USEC_PER_SEC)
#define HELD_BACK_FROM   3 /* ends in a row, each at once: then it is said to be held back */

/* ---- its end ---- */

static uint64_t pause_usec(const struct child_process *process)
{
        if (process->n_short_lives <= 1) {
                return 0;
        }
        return MIN_OF(PAUSE_FIRST_USEC << MIN_OF(process->n_short_lives - 2, 16u), PAUSE_MAX_USEC);
}

/* The next one is to be started soon. */
static void plan_start(struct child_process *process)
{
        process->asking = ASKING_NOT;
        process->n_unanswered = 0;
        if (process->n_short_lives >= HELD_BACK_FROM) {
                child_set_held_back(process, true);
        }
        timer_start_in(process->timer, pause_usec(process));
}

static void note_life(struct child_process *process)
{
        bool sound = usec_sub(clock_now_usec(), process->began_usec) >= SOUND_LIFE_USEC;

        process->n_short_lives = sound ? 0 : process->n_short_lives + 1;
}

static void begin(struct child_process *process);

/* It has been told to end. */
static void note_drained(struct child_process *process, int status, const char *how)
{
        process->draining = false;
        child_forget_question(process);
        if (status != 0) {
                child_say(process, "%s; %s", how, process->kind->lost);
        }
        if (process->wanted) {
                begin(process);
        } else {
                process->handlers.on_drained(process->handlers.userdata);
        }
}

void child_process_on_child(struct child_process *process, pid_t pid, int status)
{
        char how[64];

        if (pid != process->pid) {
                return;
        }
        process->pid = 0;
        process->up = false;
        process->channel = channel_free(process->channel);
        process->confinement = (struct confinement){ 0 };
        child_spawn_describe_end(status, how, sizeof(how));
        if (process->draining) {
                note_drained(process, status, how);
                return;
        }
        process->n_ended++;
        note_life(process);
        child_say(process, "%s; %s, and another one starts %s%s", how, process->kind->lost,
                  pause_usec(process) == 0 ? "at once" : "after a pause",
                  process->n_short_lives >= HELD_BACK_FROM ? ", as it keeps ending" : "");
        plan_start(process);
        process->handlers.on_change(process->handlers.userdata);
}

/* ---- its life ---- */

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct child_process *process = userdata;

        switch (process->asking) {
        case ASKING_WAITS:
                child_on_no_answer(process);
                break;
        case ASKING_RESTS:
                process->asking = ASKING_NOT;
                child_set_held_back(process, false);
                if (process->draining) {
                        child_ask_now(process); /* until it has ended */
                } else {
                        process->handlers.on_answer(process->handlers.userdata);
                }
                break;
        case ASKING_NOT:
                if (process->pid == 0 && process->wanted) {
                        begin(process);
                }
                break;
        }
        return 0;
}

/* It has closed its end: it is about to end. */
static void on_end(void *userdata)
{
        struct child_process *process = userdata;

        process->channel = channel_free(process->channel);
        child_expect_sign(process, LAST_BREATH_USEC);
}

static void say_hello(struct child_process *process)
{
        struct message_hello hello;

        memset(&hello, 0, sizeof(hello));
        hello.type = MESSAGE_HELLO;
        (void)snprintf(hello.version, sizeof(hello.version), "%s", EQP_BROKER_VERSION);
        hello.first_number = process->n_started << 32;
        hello.started_usec = process->first_usec;
        hello.log_max_priority = journal_max_priority();
        hello.keeper = process->ours;
        hello.service_pid = getpid();
        child_process_send(process, &hello, sizeof(hello), -1);
}

static int spawn_with_channel(struct child_process *process)
{
        const struct channel_handlers handlers = { child_on_message, on_end, process };
        int ours;

        int r = child_spawn(process->kind->option, &process->pid, &ours);
        if (r < 0) {
                return r;
        }
        return channel_new(&process->channel, process->event, ours, MESSAGE_SIZE_MAX, QUEUE_MAX, &handlers);
}

static void begin(struct child_process *process)
{
        process->began_usec = clock_now_usec();
        int r = spawn_with_channel(process);
        if (r < 0) {
                child_say(process, "cannot be started: %s; it is tried again", strerror(-r));
                if (process->pid > 0) {
                        child_end(process);
                } else {
                        note_life(process);
                        process->n_short_lives = MAX_OF(process->n_short_lives, 2u);
                        plan_start(process);
                }
                return;
        }
        if (process->n_started++ == 0) {
                process->first_usec = process->began_usec;
        }
        child_expect_sign(process, START_USEC);
        say_hello(process);
        process->handlers.on_start(process->handlers.userdata);
}

bool child_process_is_there(const struct child_process *process)
{
        return process->channel && !process->draining;
}

void child_process_look(const struct child_process *process, struct child_process_view *ret)
{
        *ret = (struct child_process_view){
                .wanted = process->wanted,
                .running = process->up,
                .held_back = process->held_back,
                .n_ended = process->n_ended,
                .confinement = process->confinement,
        };
}

void child_process_start(struct child_process *process)
{
        if (process->wanted) {
                return;
        }
        process->wanted = true;
        (void)sd_event_source_set_enabled(process->gone, SD_EVENT_OFF);
        if (process->pid == 0) {
                begin(process);
        }
}

void child_process_drain(struct child_process *process)
{
        const struct message_plain drain = { .type = MESSAGE_DRAIN };

        process->wanted = false;
        process->n_short_lives = 0;
        if (process->pid == 0) {
                timer_stop(process->timer);
                child_set_held_back(process, false);
                (void)sd_event_source_set_enabled(process->gone, SD_EVENT_ONESHOT);
                return;
        }
        process->draining = true;
        child_process_send(process, &drain, sizeof(drain), -1);
        child_process_ask(process);
}

/* ---- life ---- */

static int on_gone(sd_event_source *source, void *userdata)
{
        struct child_process *process = userdata;

        process->handlers.on_drained(process->handlers.userdata);
        return 0;
}

static void free_process(struct child_process **process)
{
        *process = child_process_free(*process);
}

int child_process_new(struct child_process **ret, sd_event *event, const struct child_kind *kind,
                      const struct confinement *ours, const struct child_process_handlers *handlers)
{
        _cleanup_(free_process) struct child_process *process = calloc(1, sizeof(*process));

        if (!process) {
                return -ENOMEM;
        }
        process->event = sd_event_ref(event);
        process->handlers = *handlers;
        process->kind = kind;
        process->ours = *ours;
        int r = timer_new(&process->timer, event, CLOCK_MONOTONIC, on_timer, process, kind->name);
        if (r < 0) {
                return r;
        }
        r = turn_new(&process->gone, event, on_gone, process, "no child");
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(process);
        return 0;
}

struct child_process *child_process_free(struct child_process *process)
{
        if (process) {
                child_end(process);
                if (process->pid > 0) {
                        (void)waitpid(process->pid, NULL, 0);
                }
                sd_event_source_disable_unref(process->timer);
                sd_event_source_disable_unref(process->gone);
                sd_event_unref(process->event);
                free(process);
        }
        return NULL;
}
