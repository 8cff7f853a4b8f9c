/* Doctor: the report. It is one JSON object from the start, and the text for people is a view of it. All
 * that goes in passes scrub(), here, at the one place where all of it comes by. */
#include "ctl/doctor.h"

#include "ctl/complain.h"
#include "ctl/fields.h"
#include "ctl/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <strings.h>
#include <unistd.h>

#define HIDDEN_MAX      192 /* 32 environments have hosts and accounts, as configured and as run */
#define HIDDEN_NAME_MAX 256
#define TEXT_MAX        2048
#define COLUMNS         100
#define NAME_COLUMNS    24

struct doctor_secrecy {
        struct {
                char name[HIDDEN_NAME_MAX], by[64];
        } hidden[HIDDEN_MAX];
        size_t n;
};

int doctor_init(struct doctor *ret_doctor, const struct options *options)
{
        struct doctor doctor = { .options = options };
        char host[HIDDEN_NAME_MAX];

        doctor.facts = json_object_new_object();
        doctor.findings = json_object_new_array();
        doctor.secrecy = calloc(1, sizeof(*doctor.secrecy));
        if (!doctor.facts || !doctor.findings || !doctor.secrecy) {
                doctor_clear(&doctor);
                return -ENOMEM;
        }
        if (gethostname(host, sizeof(host) - 1) == 0) {
                host[sizeof(host) - 1] = '\0';
                doctor_hide(&doctor, host, "THIS-HOST");
        }

        *ret_doctor = doctor;
        return 0;
}

void doctor_clear(struct doctor *doctor)
{
        doctor->settings = settings_free(doctor->settings);
        json_putp(&doctor->status);
        json_putp(&doctor->facts);
        json_putp(&doctor->findings);
        free(doctor->secrecy);
        doctor->secrecy = NULL;
}

/* ---- hiding ---- */

void doctor_hide(struct doctor *doctor, const char *name, const char *by)
{
        static const char *const ordinary[] = { "localhost",  "sandbox",     "production",
                                                "eqp-broker", "eqp-brokerd", "eqpctl" };
        struct doctor_secrecy *secrecy = doctor->secrecy;
        size_t length = strlen(name);

        /* Names this short, or of ours, would be found in ordinary words. */
        for (size_t i = 0; i < ARRAY_SIZE(ordinary); i++) {
                if (strcasecmp(name, ordinary[i]) == 0) {
                        return;
                }
        }
        for (size_t i = 0; i < secrecy->n; i++) {
                if (strcasecmp(name, secrecy->hidden[i].name) == 0) {
                        return;
                }
        }
        if (length < 3 || length >= HIDDEN_NAME_MAX || secrecy->n == HIDDEN_MAX) {
                return;
        }

        (void)snprintf(secrecy->hidden[secrecy->n].name, HIDDEN_NAME_MAX, "%s", name);
        (void)snprintf(secrecy->hidden[secrecy->n].by, sizeof(secrecy->hidden[0].by), "%s", by);
        secrecy->n++;
}

void doctor_hide_url(struct doctor *doctor, const char *url, const char *by)
{
        const char *host = strstr(url, "://"), *at;
        char name[HIDDEN_NAME_MAX];
        size_t length;

        host = host ? host + 3 : url;
        length = strcspn(host, "/?#");
        at = memrchr(host, '@', length);
        if (at) {
                (void)snprintf(name, sizeof(name), "%.*s",
                               (int)MIN_OF((size_t)(at - host), sizeof(name) - 1), host);
                doctor_hide(doctor, name, "CREDENTIALS");
                length -= (size_t)(at + 1 - host);
                host = at + 1;
        }
        if (host[0] != '[') {
                length = MIN_OF(length, strcspn(host, ":"));
        }
        (void)snprintf(name, sizeof(name), "%.*s", (int)MIN_OF(length, sizeof(name) - 1), host);
        if (!strcasestr(name, ".adobe.com") && !strcasestr(name, ".magento.com") &&
            strncmp(name, "127.", 4) != 0 && !streq(name, "[::1]")) {
                doctor_hide(doctor, name, by);
        }
}

static bool is_name_character(char c)
{
        return isalnum((unsigned char)c) || c == '-';
}

/* The hidden name that begins here, as a whole word; NULL: none. */
static const char *hidden_at(const struct doctor_secrecy *secrecy, const char *text, const char *begin,
                             size_t *ret_length)
{
        if (text > begin && is_name_character(text[-1])) {
                return NULL;
        }
        for (size_t i = 0; i < secrecy->n; i++) {
                size_t length = strlen(secrecy->hidden[i].name);

                if (strncasecmp(text, secrecy->hidden[i].name, length) == 0 &&
                    !is_name_character(text[length])) {
                        *ret_length = length;
                        return secrecy->hidden[i].by;
                }
        }
        /* The home directory of a user has the user's name. */
        if (strncmp(text, "/home/", 6) == 0 && text[6] != '\0') {
                *ret_length = 6 + strcspn(text + 6, "/ :,;'\"");
                return "~";
        }

        return NULL;
}

static void scrub(const struct doctor *doctor, const char *text, char buffer[static TEXT_MAX])
{
        size_t used = 0;

        for (const char *c = text; *c != '\0' && used + 1 < TEXT_MAX;) {
                size_t length = 0;
                const char *by = hidden_at(doctor->secrecy, c, text, &length);

                if (!by) {
                        buffer[used++] = *c++;
                        continue;
                }
                used += (size_t)snprintf(buffer + used, TEXT_MAX - used, "%s", by);
                used = MIN_OF(used, (size_t)TEXT_MAX - 1);
                c += length;
        }
        buffer[used] = '\0';
}

/* ---- adding ---- */

static void add_text(struct doctor *doctor, struct json_object *object, const char *name, const char *text)
{
        char clean[TEXT_MAX], scrubbed[TEXT_MAX];
        struct json_object *string;

        text_clean(clean, sizeof(clean), text, /* unicode= */ true);
        scrub(doctor, clean, scrubbed);
        string = json_object_new_string(scrubbed);
        scrub(doctor, name, scrubbed);
        if (!string || json_object_object_add(object, scrubbed, string) != 0) {
                (void)json_object_put(string);
                doctor->out_of_memory = true;
        }
}

void doctor_fact(struct doctor *doctor, const char *section, const char *name, const char *format, ...)
{
        struct json_object *object = field_object(doctor->facts, section);
        char text[TEXT_MAX];
        va_list arguments;

        if (!object) {
                object = json_object_new_object();
                if (!object || json_object_object_add(doctor->facts, section, object) != 0) {
                        json_putp(&object);
                        doctor->out_of_memory = true;
                        return;
                }
        }
        va_start(arguments, format);
        (void)vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        add_text(doctor, object, name, text);
}

/* An administrator's systemctl is a user's systemctl --user for a broker of their own. */
static void add_cure(struct doctor *doctor, struct json_object *finding, const char *cure)
{
        static const char *const words[] = { "systemctl ", "journalctl " };
        char text[2048];
        size_t length = 0;

        for (const char *rest = doctor->user ? cure : ""; *rest != '\0' && length < sizeof(text) - 64;) {
                size_t n = 1;
                for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                        n = strncmp(rest, words[i], strlen(words[i])) == 0 ? strlen(words[i]) : n;
                }
                memcpy(text + length, rest, n);
                length += n;
                rest += n;
                if (n > 1) {
                        memcpy(text + length, "--user ", strlen("--user "));
                        length += strlen("--user ");
                }
        }
        text[length] = '\0';
        add_text(doctor, finding, "cure", doctor->user ? text : cure);
}

void doctor_find(struct doctor *doctor, const char *id, const char *what, const char *why, const char *cure)
{
        struct json_object *finding = json_object_new_object();

        if (!finding || json_object_array_add(doctor->findings, finding) != 0) {
                json_putp(&finding);
                doctor->out_of_memory = true;
                return;
        }
        add_text(doctor, finding, "id", id);
        add_text(doctor, finding, "what", what);
        add_text(doctor, finding, "why", why);
        add_cure(doctor, finding, cure);
}

/* ---- printing ---- */

static int complain_memory(const struct doctor *doctor)
{
        if (!doctor->out_of_memory) {
                return EXIT_DONE;
        }

        complain("Out of memory.");
        return EXIT_FAILED;
}

static void print_section(const char *title, struct json_object *section)
{
        (void)printf("\n%s\n", title);
        json_object_object_foreach (section, name, value) {
                (void)fputs("  ", stdout);
                text_pad(stdout, name, NAME_COLUMNS);
                (void)fputc(' ', stdout);
                text_wrap(stdout, json_object_get_string(value), NAME_COLUMNS + 3,
                          COLUMNS - NAME_COLUMNS - 3);
                (void)fputc('\n', stdout);
        }
}

static void print_part(struct json_object *finding, const char *part, const char *before)
{
        (void)fputs(before, stdout);
        text_wrap(stdout, field_text(finding, part), 5, COLUMNS - 5);
        (void)fputc('\n', stdout);
}

int doctor_print(struct doctor *doctor)
{
        size_t n = json_object_array_length(doctor->findings);

        (void)puts("eqp-broker report");
        json_object_object_foreach (doctor->facts, title, section)
                print_section(title, section);
        (void)printf("\nfindings\n");
        for (size_t i = 0; i < n; i++) {
                struct json_object *finding = json_object_array_get_idx(doctor->findings, i);
                char number[32];

                (void)snprintf(number, sizeof(number), "%3zu. ", i + 1);
                print_part(finding, "what", number);
                print_part(finding, "why", "     ");
                print_part(finding, "cure", "     -> ");
        }
        if (n == 0) {
                (void)puts("  none");
        }
        return complain_memory(doctor);
}

int doctor_print_json(struct doctor *doctor)
{
        _cleanup_(json_putp) struct json_object *report = json_object_new_object();
        const char *text = NULL;

        if (report && json_object_object_add(report, "facts", json_object_get(doctor->facts)) == 0 &&
            json_object_object_add(report, "findings", json_object_get(doctor->findings)) == 0) {
                text = json_object_to_json_string_ext(report, JSON_C_TO_STRING_PRETTY |
                                                                      JSON_C_TO_STRING_SPACED |
                                                                      JSON_C_TO_STRING_NOSLASHESCAPE);
        }
        if (!text) {
                doctor->out_of_memory = true;
        } else {
                (void)puts(text);
        }
        return complain_memory(doctor);
}
