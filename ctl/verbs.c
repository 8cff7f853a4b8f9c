/* Verbs: token, refresh, reload, ready and live; each one request and its answer. For status see
 * verb_status.c. */
#include "ctl/verbs.h"

#include <json-c/json.h>
#include <stdio.h>

#include "ctl/complain.h"
#include "ctl/fields.h"
#include "ctl/text.h"
#include "ctl/token.h"
#include "ctl/unknown_environment.h"
#include "lib/duration.h"
#include "lib/json_form.h"

/* ---- token ---- */

/* The daemon's own form of a token answer. */
static int print_token_json(const struct eqp_broker_token *token)
{
        _cleanup_(json_putp) struct json_object *object = json_object_new_object();
        const char *text = NULL;

        json_put(object, "mage_id", json_object_new_string(eqp_broker_token_mage_id(token)));
        json_put(object, "ust", json_object_new_string(eqp_broker_token_ust(token)));
        json_put(object, "expires_in", json_object_new_int64(eqp_broker_token_expires_in_sec(token)));
        json_put(object, "expires_at", json_object_new_string(eqp_broker_token_expires_at(token)));
        json_put(object, "environment", json_object_new_string(eqp_broker_token_environment(token)));
        json_put(object, "base_url", json_object_new_string(eqp_broker_token_base_url(token)));
        if (json_is_whole(object)) {
                text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
                                                                      JSON_C_TO_STRING_NOSLASHESCAPE);
        }
        if (!text) {
                complain("Out of memory.");
                return EXIT_FAILED;
        }

        (void)puts(text);
        return EXIT_DONE;
}

int verb_token(const struct options *options)
{
        _cleanup_(token_freep) struct eqp_broker_token *token = NULL;
        int code;

        code = token_ask(&token, options);
        if (code != EXIT_DONE) {
                return code;
        }

        switch (options->format) {
        case TOKEN_FORMAT_JSON:
                return print_token_json(token);
        case TOKEN_FORMAT_HEADER:
                (void)printf("Authorization: Bearer %s\n", eqp_broker_token_ust(token));
                return EXIT_DONE;
        case TOKEN_FORMAT_RAW:
        default:
                (void)puts(eqp_broker_token_ust(token));
                return EXIT_DONE;
        }
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
