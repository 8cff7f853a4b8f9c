/* Status details: the store through which tokens are shared. */
#include "ctl/status_share.h"

#include "ctl/fields.h"
#include "lib/share_view.h"
#include "lib/util.h"

const char *status_share_fault(const char *state, const char **ret_cure)
{
        if (streq(state, "short_key")) {
                *ret_cure = "Use an access key whose secret has 32 characters or more.";
                return "the secret of its access key is too short to be shared";
        }
        if (streq(state, "unread")) {
                *ret_cure = "See the log, or eqp-brokerd --check; then: eqpctl reload.";
                return "the daemon cannot read password_file or share_secret_file";
        }
        for (int i = STORE_FINE + 1; i < _STORE_STATE_COUNT; i++) {
                if (streq(state, store_state_name((enum store_state)i))) {
                        *ret_cure = store_state_cure((enum store_state)i);
                        return store_state_text((enum store_state)i);
                }
        }
        return NULL;
}

const char *status_share_store(struct json_object *share)
{
        return streq(field_text(share, "state"), "short_key") ? "" : field_text(share, "store");
}

void status_share_say(FILE *stream, struct json_object *share, const char *fault)
{
        const char *store = status_share_store(share);

        if (store[0] != '\0') {
                (void)fprintf(stream, "through the store %s: ", store);
        }
        (void)fputs(fault                              ? fault
                    : store[0] == '\0'                 ? "no store has been asked yet"
                    : field_truth(share, "from_store") ? "the token in hand is another host's"
                                                       : "the token in hand was obtained here",
                    stream);
}

int status_share_print(const struct paragraph_place *place, struct json_object *environment, bool full)
{
        struct json_object *share = field_object(environment, "share");
        const char *cure = "", *fault = status_share_fault(field_text(share, "state"), &cure);
        int64_t skew_sec = field_count(share, "clock_skew_seconds");
        bool off = skew_sec > SHARE_SKEW_MAX_SEC || skew_sec < -SHARE_SKEW_MAX_SEC;
        struct paragraph paragraph;
        int r;

        if (!share || (!full && !fault && !off)) {
                return 0;
        }

        r = paragraph_begin(&paragraph);
        if (r < 0) {
                return r;
        }
        status_share_say(paragraph.stream, share, fault);
        if (fault) {
                (void)fputs(status_share_store(share)[0] != '\0'
                                    ? "; tokens are obtained without it meanwhile"
                                    : "; this host obtains its own tokens",
                            paragraph.stream);
        }
        if (off) {
                (void)fprintf(
                        paragraph.stream,
                        "; the clock of this host is %lld s %s, so no token is taken over or put there",
                        (long long)(skew_sec < 0 ? -skew_sec : skew_sec), skew_sec < 0 ? "late" : "early");
        }
        if (full) {
                (void)fprintf(paragraph.stream, "; %lld taken over, %lld put there",
                              (long long)field_count(share, "adopted"),
                              (long long)field_count(share, "published"));
        }
        return paragraph_end(&paragraph, place, "shared", fault || off ? STYLE_WARNING : STYLE_PLAIN);
}
