/* Verbs: the commands of eqpctl. Each prints its answer on stdout, says on stderr what went wrong,
 * and returns the exit code. */
#pragma once

#include "ctl/options.h"

int verb_token(const struct options *options);
int verb_exec(const struct options *options);
int verb_watch(const struct options *options);
int verb_status(const struct options *options);
int verb_refresh(const struct options *options);
int verb_reload(const struct options *options);
int verb_ready(const struct options *options);
int verb_live(const struct options *options);
int verb_key_set(const struct options *options);
int verb_key_list(const struct options *options);
int verb_key_check(const struct options *options);
int verb_key_remove(const struct options *options);
int verb_gateway_explain(const struct options *options);
int verb_local_add(const struct options *options);
int verb_local_list(const struct options *options);
int verb_local_rotate(const struct options *options);
int verb_local_remove(const struct options *options);
int verb_doctor(const struct options *options);
