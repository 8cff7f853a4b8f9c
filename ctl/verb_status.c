/* Verb status: the daemon's account of itself, once or every second, as a picture or as JSON. */
#include "ctl/complain.h"
#include "ctl/daemon_status.h"
#include "ctl/status_view.h"
#include "ctl/text.h"
#include "ctl/unknown_environment.h"
#include "ctl/verbs.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* The second screen of a terminal, without a cursor; and back. */
#define SCREEN_ENTER "\033[?1049h\033[?25l"
#define SCREEN_LEAVE "\033[?25h\033[?1049l"
#define SCREEN_HOME  "\033[H"
#define LINE_END     "\033[K\n"
#define SCREEN_END   "\033[J"

/* ---- json ---- */

/* Leaves only the environment that is named. */
static void narrow(struct json_object *status, const char *name)
{
        struct json_object *environments = field_array(status, "environments");

        for (size_t i = json_object_array_length(environments); i > 0; i--) {
                if (!streq(field_text(json_object_array_get_idx(environments, i - 1), "name"), name)) {
                        (void)json_object_array_del_idx(environments, i - 1, 1);
                }
        }
}

/* json-c escapes the control characters below 0x20; here the others, which a terminal may act on as well. */
static void print_json_text(const char *text)
{
        for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
                if (*c == 0x7f) {
                        (void)fputs("\\u007f", stdout);
                } else if (*c == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f) {
                        (void)printf("\\u00%02x", *++c);
                } else {
                        (void)putchar(*c);
                }
        }
        (void)putchar('\n');
}

static int print_json(struct json_object *status, const char *only)
{
        const char *text;

        if (only) {
                narrow(status, only);
        }
        text = json_object_to_json_string_ext(status, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                              JSON_C_TO_STRING_NOSLASHESCAPE);
        if (!text) {
                complain("Out of memory.");
                return EXIT_FAILED;
        }

        print_json_text(text);
        return EXIT_DONE;
}

/* ---- watch ---- */

/* Leaves the terminal as it was, at once, even in the middle of a request; only calls that a handler may
 * make. */
static void on_interrupt(int signal_number)
{
        static const char leave[] = SCREEN_LEAVE;
        ssize_t n = write(STDOUT_FILENO, leave, sizeof(leave) - 1);

        _exit(n >= 0 ? EXIT_DONE : EXIT_FAILED);
}

/* Only ends the pause, so that a new width is used at once. */
static void on_resize(int signal_number)
{
}

static bool handle_signals(void)
{
        static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
        const struct sigaction interrupt = { .sa_handler = on_interrupt };
        const struct sigaction resize = { .sa_handler = on_resize };

        for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
                if (sigaction(ends[i], &interrupt, NULL) < 0) {
                        return false;
                }
        }

        return sigaction(SIGWINCH, &resize, NULL) == 0;
}

/* The text to be shown now: the picture, or why there is none. NULL without memory. */
static char *draw(struct eqp_broker *broker, const char *only, const struct terminal *terminal)
{
        _cleanup_(json_putp) struct json_object *status = NULL;
        char *text = NULL;
        size_t size = 0;
        FILE *out;
        int r;

        out = open_memstream(&text, &size);
        if (!out) {
                return NULL;
        }

        r = daemon_status_get(broker, &status);
        if (r < 0) {
                text_wrap(out, eqp_broker_error_message(broker), 0, terminal->columns);
                (void)fputc('\n', out);
        } else {
                r = status_view_print(out, status, only, terminal);
                if (r == 0 && only) {
                        (void)fprintf(out, "\nThere is no environment '%s' that you may use.\n", only);
                }
        }
        if (fclose(out) != 0) {
                free(text);
                return NULL;
        }

        return text;
}

/* Writes over what was there, line by line: clearing first would flicker. */
static void show(const char *text, const struct terminal *terminal)
{
        (void)fputs(SCREEN_HOME, stdout);
        for (unsigned row = 1; *text != '\0'; row++) {
                size_t length = strcspn(text, "\n");

                (void)fwrite(text, 1, length, stdout);
                text += length + (text[length] == '\n' ? 1 : 0);
                if (terminal->rows > 0 && row + 1 >= terminal->rows) {
                        break;
                }
                (void)fputs(LINE_END, stdout);
        }
        (void)fputs(SCREEN_END, stdout);
}

static int watch(struct eqp_broker *broker, const char *only)
{
        const struct timespec pause = { .tv_sec = 1 };
        struct terminal terminal;

        terminal_look(&terminal);
        if (!terminal.can_redraw) {
                complain("--watch needs a terminal that can be redrawn; without one, use --json or a plain "
                         "status.");
                return EXIT_USAGE;
        }
        if (!handle_signals()) {
                complain("Signals cannot be handled: %s.", strerror(errno));
                return EXIT_FAILED;
        }

        /* At once: an interrupt before the first answer has to bring the user back from there. */
        (void)fputs(SCREEN_ENTER, stdout);
        (void)fflush(stdout);
        while (!ferror(stdout)) {
                _cleanup_free_ char *text = NULL;

                terminal_look(&terminal);
                text = draw(broker, only, &terminal);
                show(text ? text : "Out of memory.\n", &terminal);
                if (fflush(stdout) != 0) {
                        break;
                }
                (void)nanosleep(&pause, NULL);
        }

        return EXIT_FAILED;
}

/* ---- once ---- */

static int print_once(struct eqp_broker *broker, const struct options *options)
{
        _cleanup_(json_putp) struct json_object *status = NULL;
        struct terminal terminal;
        int r;

        r = daemon_status_get(broker, &status);
        if (r == -ENOMEM) {
                complain("Out of memory.");
                return EXIT_FAILED;
        }
        if (r < 0) {
                return complain_broker(broker, r);
        }
        if (options->environment && !daemon_status_environment(status, options->environment)) {
                return complain_unknown_environment(status, options->environment);
        }
        if (options->json) {
                return print_json(status, options->environment);
        }

        terminal_look(&terminal);
        r = status_view_print(stdout, status, options->environment, &terminal);
        if (r < 0) {
                complain("Out of memory.");
                return EXIT_FAILED;
        }
        if (r == 0) {
                complain("There is no environment here that you may use.");
        }
        return EXIT_DONE;
}

int verb_status(const struct options *options)
{
        _cleanup_(broker_freep) struct eqp_broker *broker = NULL;
        int code;

        code = open_broker(&broker, options->address);
        if (code != EXIT_DONE) {
                return code;
        }

        return options->watch ? watch(broker, options->environment) : print_once(broker, options);
}
