/* Remarks on settings: they are in order, and still not what anybody can want. */
#pragma once

#include "lib/settings.h"

#define SETTINGS_REMARK_MAX 384

/* Of the hourly budget, what is there for renewing tokens; a renewal comes when 70 % of a life is over, so
 * this is the shortest life that the budget bears. */
#define LIFETIME_RENEWALS_PER_HOUR 44
#define LIFETIME_BORNE_SEC         117

/* Why there is no token: the status begins so, and the doctor finds it there. */
#define LIFETIME_WAS_SHORT "the latest token lived for less than the hourly budget can bear"

/* Is there a remark on this environment? A clause for the log, with what it means and what to set. */
bool settings_remark(const struct environment_settings *environment, char ret[static SETTINGS_REMARK_MAX]);

/* The same on a lifetime that was granted where a longer one was asked for. */
bool settings_remark_granted(uint32_t granted_sec, uint32_t asked_sec, char ret[static SETTINGS_REMARK_MAX]);

/* The same on [share]. */
bool settings_remark_share(const struct share_settings *share, char ret[static SETTINGS_REMARK_MAX]);
