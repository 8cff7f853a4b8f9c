/* Programs that are set up wrongly; see the header. They are seen in what is refused anyway, so nothing has
 * to be looked for; and by eqpctl doctor, which has the cure. */
#include "daemon/frontend/api/sightings.h"

#include "daemon/base/clock.h"
#include "lib/json_form.h"
#include "lib/util.h"

static void note(struct known_sighting *sighting, uint64_t now_usec)
{
        sighting->n++;
        sighting->last_usec = now_usec;
}

void sightings_note_unknown_id(struct known_environment *environment, uint64_t now_usec)
{
        note(&environment->unknown_ids, now_usec);
}

void sightings_note_refused(struct api *api, const struct request *request, const char *environment,
                            uint64_t now_usec)
{
        int at = *environment ? known_find(api->known, environment) : -1;

        if (at >= 0 && request->carried.unknown_id) {
                note(&api->known->environments[at]->unknown_ids, now_usec);
        }
        if (route_lacks_environment(request->target)) {
                note(&api->without_environment, now_usec);
        }
}

struct json_object *sighting_describe(const struct known_sighting *sighting, uint64_t now_usec)
{
        struct json_object *json = json_object_new_object();
        char text[CLOCK_TEXT_MAX];

        json_put(json, "count", json_object_new_int64((int64_t)sighting->n));
        if (sighting->n == 0) {
                json_put_null(json, "last_at");
                json_put_null(json, "last_ago_sec");
        } else {
                json_put(json, "last_at",
                         json_object_new_string(clock_format_utc(sighting->last_usec, text)));
                json_put(json, "last_ago_sec",
                         json_object_new_int64(
                                 (int64_t)(usec_sub(now_usec, sighting->last_usec) / USEC_PER_SEC)));
        }
        return json;
}
