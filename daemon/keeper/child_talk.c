/* Messages to and from a child, and whether it answers. */
#include "daemon/base/journal.h"
#include "daemon/base/timer.h"
#include "daemon/keeper/child_object.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define ANSWER_USEC   (2 * USEC_PER_SEC) /* for a question */
#define QUESTIONS_MAX 2                  /* without an answer */
#define REST_USEC     (1 * USEC_PER_SEC) /* between an answer and the next question */

#define EXPECTED_TIMES 3 /* at the start, and reloads that follow closely */

void child_say(const struct child_process *process, const char *format, ...)
{
        char text[256];
        va_list arguments;

        va_start(arguments, format);
        (void)vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        journal_say(&(struct journal_record){ .priority = LOG_ERR, .id = process->kind->event }, "the %s %s",
                    process->kind->name, text);
}

void child_set_held_back(struct child_process *process, bool held_back)
{
        if (process->held_back != held_back) {
                process->held_back = held_back;
                process->handlers.on_change(process->handlers.userdata);
        }
}

void child_end(struct child_process *process)
{
        process->channel = channel_free(process->channel);
        if (process->pid > 0) {
                (void)kill(process->pid, SIGKILL);
        }
}

/* ---- what it is sent ---- */

int child_process_try(struct child_process *process, const void *message, size_t length, int fd)
{
        if (!process->channel) {
                return 0;
        }
        uint32_t type;
        memcpy(&type, message, sizeof(type));
        int r = type == MESSAGE_SESSION || type == MESSAGE_OPAQUE_KEYS
                        ? channel_send_secret(process->channel, message, length)
                        : channel_send(process->channel, message, length, fd);
        if (r == -ETOOMANYREFS) {
                return r;
        }
        if (r < 0 && r != -EPIPE) {
                child_process_replace(process, r);
        }
        return 0;
}

void child_process_send(struct child_process *process, const void *message, size_t length, int fd)
{
        int r = child_process_try(process, message, length, fd);

        if (r < 0) {
                child_process_replace(process, r);
        }
}

void child_process_expect(struct child_process *process, size_t size)
{
        if (process->channel) {
                channel_make_room(process->channel, EXPECTED_TIMES * size);
        }
}

void child_process_replace(struct child_process *process, int error)
{
        if (!process->channel) {
                return;
        }
        child_say(process, "cannot be sent its news (%s): it is ended, and another one takes its place",
                  channel_trouble(error));
        child_end(process);
}

void child_process_distrust(struct child_process *process, const char *fault)
{
        if (!process->channel) {
                return;
        }
        child_say(process, "%s: it is ended, and another one takes its place", fault);
        child_end(process);
}

/* ---- is it well? ---- */

void child_ask_now(struct child_process *process)
{
        struct message_ping ping;

        memset(&ping, 0, sizeof(ping)); /* it has a gap */
        ping.type = MESSAGE_PING;
        ping.number = ++process->question;
        process->asking = ASKING_WAITS;
        timer_start_in(process->timer, ANSWER_USEC);
        child_process_send(process, &ping, sizeof(ping), -1);
}

void child_process_ask(struct child_process *process)
{
        if (process->channel && process->asking == ASKING_NOT) {
                child_ask_now(process);
        }
}

static void on_pong(struct child_process *process, const struct message_ping *pong)
{
        if (process->asking == ASKING_WAITS && pong->number == process->question) {
                process->asking = ASKING_RESTS;
                process->n_unanswered = 0;
                timer_start_in(process->timer, REST_USEC);
        }
}

static void on_nonsense(struct child_process *process)
{
        child_process_distrust(process, "sent a message that makes no sense");
}

/* It is up, which it says once: all that depends on it is told then. One that was held back is believed to
 * last once it has answered. */
static void on_confined(struct child_process *process, const struct message_confined *message)
{
        if (process->up) {
                on_nonsense(process);
                return;
        }
        process->confinement = message->confinement;
        process->up = true;
        child_forget_question(process);
        if (process->held_back || process->draining) {
                child_ask_now(process);
        } else {
                process->handlers.on_answer(process->handlers.userdata);
        }
        process->handlers.on_change(process->handlers.userdata);
}

void child_on_no_answer(struct child_process *process)
{
        if (++process->n_unanswered < QUESTIONS_MAX) {
                child_ask_now(process);
                return;
        }
        child_say(process, "does not answer: it is ended%s",
                  process->draining ? "" : ", and another one takes its place");
        child_end(process);
}

bool child_process_is_well(const struct child_process *process)
{
        return process->n_unanswered < QUESTIONS_MAX;
}

void child_expect_sign(struct child_process *process, uint64_t usec)
{
        process->asking = ASKING_WAITS;
        process->n_unanswered = QUESTIONS_MAX - 1;
        timer_start_in(process->timer, usec);
}

void child_forget_question(struct child_process *process)
{
        process->asking = ASKING_NOT;
        process->n_unanswered = 0;
        timer_stop(process->timer);
}

/* ---- what it sends ---- */

void child_on_message(const void *bytes, size_t length, int fd, void *userdata)
{
        struct child_process *process = userdata;
        int type = process->kind->check(bytes, length);

        close_fd(&fd); /* it has none to give */
        switch (type) {
        case -EBADMSG:
                on_nonsense(process);
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
