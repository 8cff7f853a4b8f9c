/* api: the EQP API of one environment: routes, right answers, faults in their place, and the record of it
 * all. */
#pragma once

struct answer;
struct request;

/* An http_begin_t and an http_decide_t; `userdata` is the struct environment. */
int api_begin(struct request *request, void *userdata);
int api_decide(struct request *request, struct answer **ret, void *userdata);

/* JSON bodies may be so long. */
#define API_BODY_MAX (256 * 1024)
