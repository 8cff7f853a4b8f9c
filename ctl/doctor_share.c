/* Doctor, sharing: the store through which an environment's tokens are shared, as the daemon found it. */
#include "ctl/doctor_parts.h"
#include "ctl/fields.h"
#include "ctl/status_share.h"
#include "lib/share_view.h"
#include "lib/util.h"

/* Those of the status; the caller frees. NULL: out of memory. */
static char *words_of(struct json_object *share, const char *fault)
{
        char *text = NULL;
        size_t size;
        FILE *stream = open_memstream(&text, &size);

        if (!stream) {
                return NULL;
        }
        status_share_say(stream, share, fault);
        if (fclose(stream) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

void doctor_examine_share(struct doctor *doctor, struct json_object *environment, const char *name,
                          const char *section)
{
        struct json_object *share = field_object(environment, "share");
        const char *state = field_text(share, "state"), *store = status_share_store(share), *cure = "";
        const char *fault = status_share_fault(state, &cure);
        long long skew_sec = (long long)field_count(share, "clock_skew_seconds");
        _cleanup_free_ char *words = NULL;
        char what[512];

        if (!share) {
                return;
        }
        const char *address = field_text(share, "store"); /* whatever the state is about */
        if (strncmp(address, "unix:", strlen("unix:")) != 0) {
                doctor_hide_url(doctor, address, "HOST-OF-A-STORE");
        }
        words = words_of(share, fault);
        doctor_fact(doctor, section, "shared", "%s; %lld taken over, %lld of them reported, %lld put there",
                    words ? words : state, (long long)field_count(share, "adopted"),
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
                (void)snprintf(what, sizeof(what),
                               "The clock of this host, or that of the store or the upstream, is off: they "
                               "are %lld s apart.",
                               skew_sec < 0 ? -skew_sec : skew_sec);
                doctor_find(doctor, "clock_off", what,
                            "No token is taken over from other hosts, and none is put into the store for "
                            "them, as its end could not be told; this host obtains its own.",
                            "Set the clock, and keep it set (timedatectl set-ntp true).");
        }
}
