/* Configuration: eqp-brokerd reads it, as the files may be anybody's business but ours; its output is a
 * configuration file again, and lib/settings reads that. */
#include "ctl/configuration.h"

#include "ctl/complain.h"
#include "ctl/scope.h"
#include "lib/nearest_name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAMES_MAX 16 /* in a message */
/* Of eqp-brokerd, together with the settings: some file that they name is closed; some user or group that a
 * rule names is not there, so that the rule gives nothing. */
#define EXIT_CLOSED 77
#define EXIT_ABSENT 78
#define SEEN_AS     "# As the daemon's user, "

/* How much of the text is one file: all of it, or as many whole sections as a file may hold. With very many
 * local keys they are more. */
static size_t first_file(const char *text)
{
        size_t length = strlen(text);

        if (length <= SETTINGS_TEXT_MAX) {
                return length;
        }
        for (size_t n = SETTINGS_TEXT_MAX; n > 1; n--) {
                if (text[n] == '[' && text[n - 1] == '\n') {
                        return n;
                }
        }
        return length;
}

static int parse(struct settings *settings, const char *text, char reterr_message[static SETTINGS_ERROR_MAX])
{
        do {
                size_t length = first_file(text);
                int r = settings_read(settings, "eqp-brokerd --check", text, length, reterr_message);

                if (r < 0) {
                        return r;
                }
                text += length;
        } while (*text != '\0');
        return settings_finish(settings, reterr_message);
}

static int understand(struct settings **ret_settings, const char *text,
                      char reterr_message[static PROGRAM_WORDS_MAX])
{
        _cleanup_(settings_freep) struct settings *settings = NULL;
        char message[SETTINGS_ERROR_MAX];
        struct places places;
        int r;

        scope_places(&places);
        r = settings_new_at(&settings, &places);
        if (r < 0) {
                (void)snprintf(reterr_message, PROGRAM_WORDS_MAX, "out of memory");
                return r;
        }
        r = parse(settings, text, message);
        if (r < 0) {
                (void)snprintf(reterr_message, PROGRAM_WORDS_MAX,
                               "%s; are eqpctl and %s of the same version?", message, program_path());
                return r;
        }

        *ret_settings = take_ptr(settings);
        return 0;
}

void configuration_view_clear(struct configuration_view *view)
{
        free(view->closed);
        *view = (struct configuration_view){ 0 };
}

/* Takes the errors over. */
static void understand_view(struct configuration_view *ret_view, struct program_result *result)
{
        const char *user = result->output;

        *ret_view = (struct configuration_view){ .closed = take_ptr(result->errors) };
        if (strncmp(user, SEEN_AS, strlen(SEEN_AS)) == 0) {
                user += strlen(SEEN_AS);
                (void)snprintf(ret_view->user, sizeof(ret_view->user), "%.*s", (int)strcspn(user, ",\n"),
                               user);
        }
}

int configuration_read(struct settings **ret_settings, struct configuration_view *ret_view,
                       char reterr_message[static PROGRAM_WORDS_MAX])
{
        static const char *const arguments[] = { "--check", NULL };
        _cleanup_(program_result_clear) struct program_result result = { 0 };
        int r;

        r = program_run(arguments, /* input= */ NULL, 0, PROGRAM_LIMIT_USEC, &result);
        if (r < 0) {
                (void)snprintf(reterr_message, PROGRAM_WORDS_MAX, "%s cannot be run: %s", program_path(),
                               program_error(r));
                return r;
        }
        bool usable = (result.exit_code == EXIT_CLOSED || result.exit_code == EXIT_ABSENT) &&
                      result.output[0] != '\0';
        if (result.exit_code != 0 && !usable) {
                if (result.words[0] != '\0') {
                        (void)snprintf(reterr_message, PROGRAM_WORDS_MAX, "%s", result.words);
                } else {
                        (void)snprintf(reterr_message, PROGRAM_WORDS_MAX,
                                       "%s --check ended with %d and said nothing", program_path(),
                                       result.exit_code);
                }
                return result.exit_code == EXIT_CLOSED ? -EPERM : -EINVAL;
        }

        r = understand(ret_settings, result.output, reterr_message);
        if (r == 0 && ret_view) {
                understand_view(ret_view, &result);
        }
        return r;
}

const char *configuration_keys_directory(const struct settings *settings)
{
        return settings->keys_directory ? settings->keys_directory : settings->default_keys_directory;
}

void configuration_complain_unknown(const struct settings *settings, const char *environment)
{
        const char *names[NAMES_MAX];
        char guess[NEAREST_NAMES_TEXT_MAX];
        size_t n = MIN_OF(settings->n_environments, (size_t)NAMES_MAX);

        for (size_t i = 0; i < n; i++) {
                names[i] = settings->environments[i].name;
        }

        (void)nearest_names(environment, names, n, guess, sizeof(guess));
        complain("There is no environment '%s': %s%s A new one needs a section [environment %s] with its "
                 "base_url in the configuration.",
                 environment, guess, strchr(guess, '?') ? "" : ".", environment);
}
