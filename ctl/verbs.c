/* Verbs: token, refresh, reload, ready and live; each one request and its answer. For status see
 * verb_status.c. */
#include "ctl/verbs.h"

#include "ctl/complain.h"
#include "ctl/fields.h"
#include "ctl/text.h"
#include "ctl/token.h"
#include "ctl/token_text.h"
#include "ctl/unknown_environment.h"
#include "lib/duration.h"
#include "lib/json_scope.h"
#include "lib/secret.h"

#include <json-c/json.h>
#include <stdio.h>

/* ---- token ---- */

int verb_token(const struct options *options)
{
        _cleanup_(token_freep) struct eqp_broker_token *token = NULL;
        _cleanup_secret_ char *text = NULL;
        size_t length = 0;
        int code;

        code = token_ask(&token, options);
        if (code != EXIT_DONE) {
                return code;
        }

        text = token_text(token, options->format, &length);
        if (!text) {
                complain("Out of memory.");
                return EXIT_FAILED;
        }
        (void)fwrite(text, 1, length, stdout);
        return EXIT_DONE;
}

/* ---- refresh ---- */

int verb_refresh(const struct options *options)
{
        _cleanup_(broker_freep) struct eqp_broker *broker = NULL;
        _cleanup_(json_putp) struct json_object *report = NULL;
        _cleanup_free_ char *json = NULL;
        char message[1024], key[64], life[DURATION_TEXT_MAX];
        bool refreshed = false;
        int64_t expires_in_sec;
        int code, r;

        code = open_broker(&broker, options->address);
        if (code != EXIT_DONE) {
                return code;
        }

        r = eqp_broker_refresh(broker, options->environment, &refreshed, &json);
        if (r < 0) {
                return complain_about_environment(broker, r, options->environment);
        }

        report = json_tokener_parse(json);
        if (!refreshed) {
                text_clean(message, sizeof(message), field_text(report, "message"), /* unicode= */ true);
                complain("No new token for %s: %s", options->environment, message);
                return EXIT_FAILED;
        }

        (void)printf("%s: a new token", options->environment);
        text_clean(key, sizeof(key), field_text(report, "key"), /* unicode= */ true);
        if (key[0] != '\0') {
                (void)printf(" with the key %s", key);
        }
        if (field_seconds(report, "expires_in", &expires_in_sec)) {
                (void)printf(", valid for %s",
                             duration_format((uint64_t)expires_in_sec * USEC_PER_SEC, life));
        }
        (void)putchar('\n');
        return EXIT_DONE;
}

/* ---- reload ---- */

int verb_reload(const struct options *options)
{
        _cleanup_(broker_freep) struct eqp_broker *broker = NULL;
        int code, r;

        code = open_broker(&broker, options->address);
        if (code != EXIT_DONE) {
                return code;
        }

        r = eqp_broker_reload(broker, NULL);
        if (r < 0) {
                code = complain_broker(broker, r);
                /* That is about tokens, and this is not. */
                return code == EXIT_NO_TOKEN ? EXIT_FAILED : code;
        }

        (void)puts("reloaded");
        return EXIT_DONE;
}

/* ---- health ---- */

static int ask_health(const struct options *options, int (*ask)(struct eqp_broker *broker), const char *good)
{
        _cleanup_(broker_freep) struct eqp_broker *broker = NULL;
        int code, r;

        code = open_broker(&broker, options->address);
        if (code != EXIT_DONE) {
                return code;
        }

        r = ask(broker);
        if (r < 0) {
                return complain_broker(broker, r);
        }

        (void)puts(good);
        return EXIT_DONE;
}

int verb_ready(const struct options *options)
{
        return ask_health(options, eqp_broker_ready, "ready");
}

int verb_live(const struct options *options)
{
        return ask_health(options, eqp_broker_live, "live");
}
