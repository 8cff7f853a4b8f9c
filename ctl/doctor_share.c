/* Doctor, sharing: the store through which an environment's tokens are shared, as the daemon found it. */
#include "ctl/doctor.h"
#include "ctl/fields.h"
#include "ctl/status_share.h"
#include "lib/share_view.h"
#include "lib/util.h"

void doctor_examine_share(struct doctor *doctor, struct json_object *environment, const char *name,
                          const char *section)
{
        struct json_object *share = field_object(environment, "share");
        const char *state = field_text(share, "state"), *store = field_text(share, "store"), *cure = "";
        const char *fault = status_share_fault(state, &cure);
        long long skew_sec = (long long)field_count(share, "clock_skew_seconds");
        char what[512];

        if (!share) {
                return;
        }
        if (strncmp(store, "unix:", strlen("unix:")) != 0) {
                doctor_hide_url(doctor, store, "HOST-OF-A-STORE");
        }
        doctor_fact(doctor, section, "shared",
                    "%s%s%s; %lld taken over, %lld of them reported, %lld put there", state,
                    store[0] != '\0' ? ", through " : "", store, (long long)field_count(share, "adopted"),
                    (long long)field_count(share, "rejected"), (long long)field_count(share, "published"));
        if (fault) {
                (void)snprintf(what, sizeof(what), "Tokens for %s are not shared%s%s: %s.", name,
                               store[0] != '\0' ? " through " : "", store, fault);
                doctor_find(
                        doctor, "not_shared", what,
                        "Each host obtains its own, as without a store: the upstream is asked more often.",
                        cure);
        }
        if (skew_sec > SHARE_SKEW_MAX_SEC || skew_sec < -SHARE_SKEW_MAX_SEC) {
                (void)snprintf(
                        what, sizeof(what),
                        "The clock of this host, or that of the store, is off: they are %lld s apart.",
                        skew_sec < 0 ? -skew_sec : skew_sec);
                doctor_find(doctor, "clock_off", what,
                            "No token is taken over from other hosts, or put there for them, as its end "
                            "could not "
                            "be told.",
                            "Set the clock, and keep it set (timedatectl set-ntp true).");
        }
}
