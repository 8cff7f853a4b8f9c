/* Key trial: eqp-brokerd --try-key takes the key on its standard input and gives its verdict as an exit
 * code, and the account of a good key on its standard output. */
#include "ctl/key_trial.h"

#include "lib/duration.h"
#include "lib/secret.h"

#include <errno.h>
#include <stdio.h>

#define START_AND_END_USEC        (10 * USEC_PER_SEC)
#define EXCHANGE_TIMEOUT_MAX_USEC (2 * USEC_PER_MIN) /* see eqp-brokerd.conf(5) */

/* eqp-brokerd's exit codes, see eqp-brokerd(8). */
enum {
        TRIAL_DONE = 0,
        TRIAL_REFUSED = 67,
        TRIAL_NOT_NOW = 75,
        TRIAL_ODD = 76,
};

static enum key_verdict verdict_of(int exit_code)
{
        switch (exit_code) {
        case TRIAL_DONE:
                return KEY_GOOD;
        case TRIAL_REFUSED:
                return KEY_REFUSED;
        case TRIAL_NOT_NOW:
                return KEY_NOT_NOW;
        case TRIAL_ODD:
                return KEY_ODD;
        default:
                return KEY_NO_TRIAL;
        }
}

/* The caller knows which environment it is about. */
static const char *without_environment(const char *words, const char *environment)
{
        size_t length = strlen(environment);

        return strncmp(words, environment, length) == 0 && strncmp(words + length, ": ", 2) == 0
                       ? words + length + 2
                       : words;
}

/* A line of its own; an eqp-brokerd of another version may print none, or something else. */
static void take_account(struct key_trial *trial, const char *output)
{
        size_t length = strcspn(output, "\n");

        if (token_exchange_is_plain(output, length, MAGE_ID_MAX) && streq(output + length, "\n")) {
                memcpy(trial->account, output, length);
                trial->account[length] = '\0';
        }
}

/* eqp-brokerd gives up by itself when the exchange has taken too long. */
static uint64_t limit_usec(const struct settings *settings, const char *name)
{
        const struct environment_settings *environment =
                settings ? settings_environment(settings, name) : NULL;

        return START_AND_END_USEC +
               (environment ? environment->exchange_timeout_usec : EXCHANGE_TIMEOUT_MAX_USEC);
}

void key_trial_run(struct key_trial *ret_trial, const struct settings *settings, const char *environment,
                   const struct access_key *key)
{
        const char *const arguments[] = { "--try-key", environment, NULL };
        _cleanup_secret_ char *line = secret_alloc(ACCESS_KEY_TEXT_MAX + 1);
        _cleanup_(program_result_clear) struct program_result result = { 0 };
        char duration[DURATION_TEXT_MAX];
        const char *words;
        uint64_t limit;
        int length, r;

        *ret_trial = (struct key_trial){ .verdict = KEY_NO_TRIAL };
        if (!line) {
                (void)snprintf(ret_trial->words, sizeof(ret_trial->words), "out of memory");
                return;
        }
        length = snprintf(line, ACCESS_KEY_TEXT_MAX + 1, "%s:%s\n", key->id, key->secret);
        limit = limit_usec(settings, environment);
        r = program_run(arguments, line, (size_t)MAX_OF(length, 0), limit, &result);
        if (r == -ETIME) {
                ret_trial->verdict = KEY_NOT_NOW;
                (void)snprintf(ret_trial->words, sizeof(ret_trial->words),
                               "%s --try-key said nothing for %s, and was killed", program_path(),
                               duration_format(limit, duration));
                return;
        }
        if (r < 0) {
                (void)snprintf(ret_trial->words, sizeof(ret_trial->words), "%s cannot be run: %s",
                               program_path(), program_error(r));
                return;
        }

        ret_trial->verdict = verdict_of(result.exit_code);
        if (ret_trial->verdict == KEY_GOOD) {
                take_account(ret_trial, result.output);
        }
        words = without_environment(result.words, environment);
        if (words[0] != '\0') {
                (void)snprintf(ret_trial->words, sizeof(ret_trial->words), "%s", words);
        } else if (ret_trial->verdict != KEY_GOOD) {
                (void)snprintf(ret_trial->words, sizeof(ret_trial->words),
                               "%s --try-key ended with %d and said nothing", program_path(),
                               result.exit_code);
        }
}

const char *key_verdict_name(enum key_verdict verdict)
{
        static const char *const names[] = {
                [KEY_GOOD] = "good",      [KEY_REFUSED] = "refused",    [KEY_NOT_NOW] = "not now",
                [KEY_ODD] = "odd answer", [KEY_NO_TRIAL] = "not tried",
        };

        return names[verdict];
}
