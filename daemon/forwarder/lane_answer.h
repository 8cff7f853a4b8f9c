/* The frontend's packets of one request: in order, as few packets as it takes, and no faster than it
 * reads them. */
#pragma once

#include "daemon/forwarder/lane_end.h"
#include "lib/lane.h"

#define LANE_ANSWER_HELD_MAX 4096 /* bytes of a body that may wait with the head for its end */

struct lane_answer {
        const struct lane_end *end;
        uint64_t number;
        bool over; /* the last packet is sent, or the other end is gone */

        /* its own: packets to be sent yet, in this order */
        bool continue_due, response_due, last_due, failure_due;
        bool responded;
        struct lane_response response;
        const char *lines;
        unsigned char *held; /* bytes of the body that wait for more of them */
        size_t n_held, held_size;
        struct lane_failure failure;
};

void lane_answer_init(struct lane_answer *answer, const struct lane_end *end, uint64_t number);

/* Frees what is held. */
void lane_answer_clear(struct lane_answer *answer);

/* Sends CONTINUE as soon as it can be; an answer that is there already says it, too. */
void lane_answer_continue(struct lane_answer *answer);

/* The head of the answer, with its lengths filled in, and its lines, which are borrowed until it is sent. It
 * goes with the first data, or at lane_answer_flush(). */
void lane_answer_respond(struct lane_answer *answer, const struct lane_response *response,
                         const char *lines);

/* Data behind it, at most LANE_DATA_MAX. last: there is no more. It may wait for more, until
 * lane_answer_flush(). False: none is taken as there is no room now. */
bool lane_answer_data(struct lane_answer *answer, const void *bytes, size_t length, bool last);

/* The end of a whole answer, and of any other. A head that was not sent yet is not sent before a failure. */
void lane_answer_last(struct lane_answer *answer);
void lane_answer_fail(struct lane_answer *answer, enum lane_fail fail, bool sent, const char *why);

/* Sends what is due. False: there is no room for all of it now. */
bool lane_answer_flush(struct lane_answer *answer);

/* Is there something that waits for room? */
bool lane_answer_waits(const struct lane_answer *answer);
