/* Programs that are set up wrongly, as their requests show: how many there were, and when the last one came.
 * Nothing of what they sent is kept. */
#pragma once

#include "daemon/frontend/api/api_state.h"

/* A program sent an application ID that is neither a local key's, nor a name, nor that of an access key. */
void sightings_note_unknown_id(struct known_environment *environment, uint64_t now_usec);

/* A request of a client of the EQP API is about to be refused, for what it carries or as there is no such
 * path. environment: that its path names; "": none. */
void sightings_note_refused(struct api *api, const struct request *request, const char *environment,
                            uint64_t now_usec);

/* For the status: {"count", "last_at", "last_ago_sec"}, the times null if there was none. */
struct json_object *sighting_describe(const struct known_sighting *sighting, uint64_t now_usec);
