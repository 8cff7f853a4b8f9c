/* Key words: the daemon's knowledge of a key, put into words. */
#include "ctl/key_words.h"

#include "lib/duration.h"

#include <stdio.h>

/* Of a cause that is not known here there are none. */
static const char *cause_words(const char *cause)
{
        static const struct {
                const char *cause, *words;
        } causes[] = {
                { "unauthorized", ": answered 401" },
                { "outdone", ": it failed where another key obtained a token" },
                { "other_account", ": of another account" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(causes); i++) {
                if (streq(causes[i].cause, cause)) {
                        return causes[i].words;
                }
        }
        return "";
}

const char *key_words(char words[static KEY_WORDS_MAX], struct json_object *key, bool in_use)
{
        const char *state = field_text(key, "state"), *use = in_use ? ", in use" : "";
        char ago[DURATION_TEXT_MAX] = "";
        int64_t ago_sec = 0;
        bool seen = field_seconds(key, "seen_ago_sec", &ago_sec);

        (void)duration_format((uint64_t)ago_sec * USEC_PER_SEC, ago);
        if (streq(state, "good") && seen) {
                (void)snprintf(words, KEY_WORDS_MAX, "good, seen %s ago%s", ago, use);
        } else if (streq(state, "refused")) {
                (void)snprintf(words, KEY_WORDS_MAX, "refused%s%s%s%s%s", seen ? " " : "", seen ? ago : "",
                               seen ? " ago" : "", cause_words(field_text(key, "cause")), use);
        } else {
                (void)snprintf(words, KEY_WORDS_MAX, "%s%s", state, use);
        }
        return words;
}

bool key_is_in_use(struct json_object *environment, struct json_object *key)
{
        struct json_object *token = field_object(environment, "token");

        return token && streq(field_text(token, "key"), field_text(key, "label"));
}

bool key_is_doubtful(struct json_object *key)
{
        const char *state = field_text(key, "state");
        int64_t trial_sec = KEY_TRIAL_NEAR_SEC;

        (void)field_seconds(key, "trial_in_sec", &trial_sec);
        return streq(state, "refused") || (streq(state, "untried") && trial_sec >= KEY_TRIAL_NEAR_SEC);
}
