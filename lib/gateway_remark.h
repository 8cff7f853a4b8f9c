/* Remarks on local keys and the gateway's rules: they are in order, and still not what anybody can want. */
#pragma once

#include "lib/settings.h"

#define GATEWAY_REMARK_MAX 768

/* text: "FILE:LINE: ..." with what it means and what to do; environment: the one that it is about. */
typedef void (*gateway_remark_fn)(const char *environment, const char *text, void *userdata);

/* Says all of them, in the order of the configuration: local keys and rules where the gateway is off, rules
 * that nothing reaches, rules for local keys that there are not, keys that open nothing, or nothing any
 * more. wall_now_sec: the wall clock. */
void gateway_remarks(const struct settings *settings, int64_t wall_now_sec, gateway_remark_fn tell,
                     void *userdata);
