/* Configuration: the settings in force, as eqp-brokerd reads them; which environments there are, and where
 * the keys are. */
#pragma once

#include "ctl/program.h"
#include "lib/settings.h"

/* The findings of eqp-brokerd as the daemon's user, which it becomes where root asks. */
struct configuration_view {
        char user[64]; /* "": it was this user who looked */
        char *closed; /* lines "…, may not read PATH: CURE", "[SECTION] KEY = RULE: there is no such …", and
                       * remarks on settings; "": there are none */
};

/* Has eqp-brokerd check the configuration, and takes over what it prints. Release with settings_free().
 * ret_view: NULL is fine; release with configuration_view_clear(). Files that the daemon's user may not
 * read, and users and groups of rules that there are not, are no error. reterr_message says what is wrong
 * and what to do. -ENOENT, -EACCES: eqp-brokerd cannot be run. -EINVAL: the configuration has a mistake.
 * -EPERM: it may not be read. Other errors likewise. */
int configuration_read(struct settings **ret_settings, struct configuration_view *ret_view,
                       char reterr_message[static PROGRAM_WORDS_MAX]);

/* An empty ({ 0 }) one is fine. */
void configuration_view_clear(struct configuration_view *view);

/* Where the keys are by these settings. */
const char *configuration_keys_directory(const struct settings *settings);

/* Says on stderr that there is no such environment, and which there are. */
void configuration_complain_unknown(const struct settings *settings, const char *environment);
