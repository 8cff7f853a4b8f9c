/* The frontend as a process. */
#include "daemon/keeper/frontend_process.h"

#include "daemon/base/channel.h"
#include "daemon/base/clock.h"
#include "daemon/base/journal.h"
#include "daemon/base/timer.h"
#include "daemon/keeper/frontend_spawn.h"
#include "lib/util.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/wait.h>

#define QUEUE_MAX (2 * 1024 * 1024) /* bytes; all that there is to tell is less than a fourth of it */

#define START_USEC       (30 * USEC_PER_SEC) /* until it has confined itself */
#define ANSWER_USEC      (2 * USEC_PER_SEC)  /* for a question */
#define QUESTIONS_MAX    2                   /* without an answer */
#define REST_USEC        (1 * USEC_PER_SEC)  /* between an answer and the next question */
#define PAUSE_FIRST_USEC (100 * USEC_PER_MSEC)
#define PAUSE_MAX_USEC   (10 * USEC_PER_SEC)
#define SOUND_LIFE_USEC  (10 * USEC_PER_SEC) /* after that its end has nothing to do with the one before */
/* Between the end of its channel and its own: that is when sanitizers look for leaks. */
#define LAST_BREATH_USEC ((FRONTEND_KEEPS_STDERR ? 30 : 2) * USEC_PER_SEC)
#define HELD_BACK_FROM   3 /* ends in a row, each at once: then it is said to be held back */

enum asking {
        ASKING_NOT,
        ASKING_WAITS, /* for an answer */
        ASKING_RESTS, /* it has answered, and is not asked again so soon */
};

struct frontend_process {
        sd_event *event;
        struct frontend_process_handlers handlers;
        struct confinement ours;
        pid_t pid; /* 0: there is none */
        struct channel *channel;
        struct confinement confinement;
        uint64_t began_usec, first_usec; /* CLOCK_BOOTTIME: this one; the first one */
        uint64_t n_started;
        unsigned n_short_lives; /* in a row */
        bool held_back, draining;

        enum asking asking;
        unsigned n_unanswered;
        uint64_t question;      /* the number of the latest one */
        sd_event_source *timer; /* of a question, or of a pause before the next start */
        sd_event_source *gone;  /* a turn: on_drained, without a frontend */
};

/* ---- its end ---- */

static void set_held_back(struct frontend_process *process, bool held_back)
{
        if (process->held_back != held_back) {
                process->held_back = held_back;
                process->handlers.on_held_back(held_back, process->handlers.userdata);
        }
}

/* Ends it; that it has ended is heard of by frontend_process_on_child(). */
static void end_process(struct frontend_process *process)
{
        process->channel = channel_free(process->channel);
        if (process->pid > 0) {
                (void)kill(process->pid, SIGKILL);
        }
}

static uint64_t pause_usec(const struct frontend_process *process)
{
        if (process->n_short_lives <= 1) {
                return 0;
        }
        return MIN_OF(PAUSE_FIRST_USEC << MIN_OF(process->n_short_lives - 2, 16u), PAUSE_MAX_USEC);
}

/* The next one is to be started soon. */
static void plan_start(struct frontend_process *process)
{
        process->asking = ASKING_NOT;
        process->n_unanswered = 0;
        if (process->n_short_lives >= HELD_BACK_FROM) {
                set_held_back(process, true);
        }
        timer_start_in(process->timer, pause_usec(process));
}

static void note_life(struct frontend_process *process)
{
        bool sound = usec_sub(clock_now_usec(), process->began_usec) >= SOUND_LIFE_USEC;

        process->n_short_lives = sound ? 0 : process->n_short_lives + 1;
}

void frontend_process_on_child(struct frontend_process *process, pid_t pid, int status)
{
        char how[64];

        if (pid != process->pid) {
                return;
        }
        process->pid = 0;
        process->channel = channel_free(process->channel);
        process->confinement = (struct confinement){ 0 };
        frontend_spawn_describe_end(status, how, sizeof(how));
        if (process->draining) {
                if (status != 0) {
                        journal_say(
                                &(struct journal_record){ .priority = LOG_ERR, .id = EVENT_FRONTEND_ENDED },
                                "the frontend %s; requests that it was answering are lost", how);
                }
                process->handlers.on_drained(process->handlers.userdata);
                return;
        }
        note_life(process);
        uint64_t wait_usec = pause_usec(process);
        journal_say(&(struct journal_record){ .priority = LOG_ERR, .id = EVENT_FRONTEND_ENDED },
                    "the frontend %s; requests that it was answering are lost, and another one starts %s%s",
                    how, wait_usec == 0 ? "at once" : "after a pause",
                    process->n_short_lives >= HELD_BACK_FROM ? ", as it keeps ending" : "");
        plan_start(process);
}

/* ---- is it well? ---- */

static void ask_now(struct frontend_process *process)
{
        struct message_ping ping;

        memset(&ping, 0, sizeof(ping)); /* it has a gap */
        ping.type = MESSAGE_PING;
        ping.number = ++process->question;
        process->asking = ASKING_WAITS;
        timer_start_in(process->timer, ANSWER_USEC);
        frontend_process_send(process, &ping, sizeof(ping), -1);
}

void frontend_process_ask(struct frontend_process *process)
{
        if (process->channel && process->asking == ASKING_NOT) {
                ask_now(process);
        }
}

static void on_pong(struct frontend_process *process, const struct message_ping *pong)
{
        if (process->asking == ASKING_WAITS && pong->number == process->question) {
                process->asking = ASKING_RESTS;
                process->n_unanswered = 0;
                timer_start_in(process->timer, REST_USEC);
        }
}

/* It is up. One that was held back is believed to last once it has answered. */
static void on_confined(struct frontend_process *process, const struct message_confined *message)
{
        process->confinement = message->confinement;
        process->asking = ASKING_NOT;
        process->n_unanswered = 0;
        timer_stop(process->timer);
        if (process->held_back || process->draining) {
                ask_now(process);
        } else {
                process->handlers.on_answer(process->handlers.userdata);
        }
}

static void on_no_answer(struct frontend_process *process)
{
        if (++process->n_unanswered < QUESTIONS_MAX) {
                ask_now(process);
                return;
        }
        journal_say(&(struct journal_record){ .priority = LOG_ERR, .id = EVENT_FRONTEND_ENDED },
                    "the frontend does not answer: it is ended, and another one takes its place");
        end_process(process);
}

bool frontend_process_is_well(const struct frontend_process *process)
{
        return process->n_unanswered < QUESTIONS_MAX;
}

/* ---- its life ---- */

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct frontend_process *process = userdata;

        switch (process->asking) {
        case ASKING_WAITS:
                on_no_answer(process);
                break;
        case ASKING_RESTS:
                process->asking = ASKING_NOT;
                set_held_back(process, false);
                process->handlers.on_answer(process->handlers.userdata);
                break;
        case ASKING_NOT:
                if (process->pid == 0) {
                        frontend_process_start(process);
                }
                break;
        }
        return 0;
}

static void on_message(const void *bytes, size_t length, int fd, void *userdata)
{
        struct frontend_process *process = userdata;
        int type = message_check_from_frontend(bytes, length);

        close_fd(&fd); /* it has none to give */
        switch (type) {
        case -EBADMSG:
                journal_say(&(struct journal_record){ .priority = LOG_ERR, .id = EVENT_FRONTEND_ENDED },
                            "the frontend sent a message that makes no sense: it is ended, and another one "
                            "takes "
                            "its place");
                end_process(process);
                break;
        case MESSAGE_PONG:
                on_pong(process, bytes);
                break;
        case MESSAGE_CONFINED:
                on_confined(process, bytes);
                break;
        default:
                process->handlers.on_message(type, bytes, process->handlers.userdata);
                break;
        }
}

/* If nothing is heard of it for so long, it is ended. */
static void expect_sign(struct frontend_process *process, uint64_t usec)
{
        process->asking = ASKING_WAITS;
        process->n_unanswered = QUESTIONS_MAX - 1;
        timer_start_in(process->timer, usec);
}

/* It has closed its end: it is about to end. */
static void on_end(void *userdata)
{
        struct frontend_process *process = userdata;

        process->channel = channel_free(process->channel);
        expect_sign(process, LAST_BREATH_USEC);
}

static void say_hello(struct frontend_process *process)
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
        frontend_process_send(process, &hello, sizeof(hello), -1);
}

void frontend_process_start(struct frontend_process *process)
{
        const struct channel_handlers handlers = { on_message, on_end, process };
        _cleanup_close_ int ours = -1;

        process->began_usec = clock_now_usec();
        int r = frontend_spawn(&process->pid, &ours);
        if (r >= 0) {
                r = channel_new(&process->channel, process->event, take_fd(ours), MESSAGE_SIZE_MAX,
                                QUEUE_MAX, &handlers);
        }
        if (r < 0) {
                journal_say(&(struct journal_record){ .priority = LOG_ERR, .id = EVENT_FRONTEND_ENDED },
                            "the frontend cannot be started: %s; it is tried again", strerror(-r));
                if (process->pid > 0) {
                        end_process(process);
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
        expect_sign(process, START_USEC);
        say_hello(process);
        process->handlers.on_start(process->handlers.userdata);
}

void frontend_process_send(struct frontend_process *process, const void *message, size_t length, int fd)
{
        if (!process->channel) {
                return;
        }
        uint32_t type;
        memcpy(&type, message, sizeof(type));
        int r = type == MESSAGE_SESSION ? channel_send_secret(process->channel, message, length)
                                        : channel_send(process->channel, message, length, fd);
        if (r < 0 && r != -EPIPE) {
                frontend_process_replace(process, r);
        }
}

void frontend_process_replace(struct frontend_process *process, int error)
{
        if (!process->channel) {
                return;
        }
        journal_say(&(struct journal_record){ .priority = LOG_ERR, .id = EVENT_FRONTEND_ENDED },
                    "the frontend cannot be told what it has to know (%s): it is ended, and another one "
                    "takes its place",
                    strerror(-error));
        end_process(process);
}

bool frontend_process_is_held_back(const struct frontend_process *process)
{
        return process->held_back;
}

const struct confinement *frontend_process_confinement(const struct frontend_process *process)
{
        return &process->confinement;
}

void frontend_process_drain(struct frontend_process *process)
{
        const struct message_plain drain = { .type = MESSAGE_DRAIN };

        process->draining = true;
        if (process->pid == 0) {
                timer_stop(process->timer);
                (void)sd_event_source_set_enabled(process->gone, SD_EVENT_ONESHOT);
                return;
        }
        frontend_process_send(process, &drain, sizeof(drain), -1);
        frontend_process_ask(process);
}

/* ---- life ---- */

static int on_gone(sd_event_source *source, void *userdata)
{
        struct frontend_process *process = userdata;

        process->handlers.on_drained(process->handlers.userdata);
        return 0;
}

static void free_process(struct frontend_process **process)
{
        *process = frontend_process_free(*process);
}

int frontend_process_new(struct frontend_process **ret, sd_event *event, const struct confinement *ours,
                         const struct frontend_process_handlers *handlers)
{
        _cleanup_(free_process) struct frontend_process *process = calloc(1, sizeof(*process));

        if (!process) {
                return -ENOMEM;
        }
        process->event = sd_event_ref(event);
        process->handlers = *handlers;
        process->ours = *ours;
        int r = timer_new(&process->timer, event, CLOCK_MONOTONIC, on_timer, process, "the frontend");
        if (r < 0) {
                return r;
        }
        r = turn_new(&process->gone, event, on_gone, process, "no frontend");
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(process);
        return 0;
}

struct frontend_process *frontend_process_free(struct frontend_process *process)
{
        if (process) {
                end_process(process);
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
