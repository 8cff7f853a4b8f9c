/* A child as an object, for the two files that work on it: daemon/keeper/child_process starts it and
 * hears of its end, daemon/keeper/child_talk, below that, sends and receives, asks whether it is well, and
 * ends it. */
#pragma once

#include "daemon/base/channel.h"
#include "daemon/keeper/child_process.h"
#include "lib/util.h"

enum asking {
        ASKING_NOT,
        ASKING_WAITS, /* for an answer */
        ASKING_RESTS, /* it has answered, and is not asked again so soon */
};

struct child_process {
        sd_event *event;
        const struct child_kind *kind;
        struct child_process_handlers handlers;
        struct confinement ours;
        pid_t pid; /* 0: there is none */
        struct channel *channel;
        struct confinement confinement;
        uint64_t began_usec, first_usec; /* CLOCK_BOOTTIME: this one; the first one */
        uint64_t n_started;
        unsigned n_short_lives; /* in a row */
        uint64_t n_ended;
        bool wanted;   /* there is to be one */
        bool draining; /* this one has been told to end */
        bool up;       /* it has confined itself */
        bool held_back;

        enum asking asking;
        unsigned n_unanswered;
        uint64_t question;      /* the number of the latest one */
        sd_event_source *timer; /* of a question, or of a pause before the next start */
        sd_event_source *gone;  /* a turn: on_drained, without a process */
};

/* Logs it as an error, behind "the NAME ". */
void child_say(const struct child_process *process, const char *format, ...) _printf_(2, 3);

/* Ends it; that it has ended is heard of by child_process_on_child(). */
void child_end(struct child_process *process);

/* If nothing is heard of it for so long, it is ended. */
void child_expect_sign(struct child_process *process, uint64_t usec);

/* Whatever it was asked. */
void child_forget_question(struct child_process *process);

void child_set_held_back(struct child_process *process, bool held_back);

/* Is it well? Its timer fires if there is no answer in time. */
void child_ask_now(struct child_process *process);
/* There was none. */
void child_on_no_answer(struct child_process *process);

/* For channel_new(); userdata is the process. */
void child_on_message(const void *bytes, size_t length, int fd, void *userdata);
