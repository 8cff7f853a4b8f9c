/* Local section: written once, and rewritten line by line at a rotation, as people may have added to it. */
#include "ctl/local_section.h"

#include "ctl/complain.h"
#include "lib/access_rule.h"
#include "lib/end_date.h"
#include "lib/gateway_rule.h"

#include <stdio.h>
#include <time.h>

#define HEAD "# Made by eqpctl local. The rules of the key can be changed here; then: eqpctl reload\n"

static void write_hash(FILE *file, const char *key, const uint8_t *hash)
{
        char text[2 * LOCAL_KEY_HASH_SIZE + 1];

        local_key_hash_format(hash, text);
        (void)fprintf(file, "%s = %s\n", key, text);
}

/* The stream remembers whether memory ran out. */
static char *finish(FILE *file, char **text)
{
        bool failed = ferror(file);

        if (fclose(file) != 0 || failed) {
                free(*text);
                return NULL;
        }
        return *text;
}

char *local_section_format(const struct local_section *section, size_t *ret_length)
{
        const struct options *options = section->options;
        char *text = NULL;
        FILE *file = open_memstream(&text, ret_length);

        if (!file) {
                return NULL;
        }
        (void)fprintf(file, HEAD "[local %s]\nenvironment = %s\nid = %s\n", section->name,
                      section->environment, section->id);
        write_hash(file, "secret_sha256", section->hash);
        for (size_t i = 0; i < options->n_callers; i++) {
                (void)fprintf(file, "caller = %s\n", options->callers[i]);
        }
        for (size_t i = 0; i < options->n_allows; i++) {
                (void)fprintf(file, "allow = %s\n", options->allows[i]);
        }
        if (options->expires) {
                (void)fprintf(file, "expires = %s\n", options->expires);
        }
        if (options->real) {
                (void)fprintf(file, "token = real\n");
        }
        return finish(file, &text);
}

/* ---- rotating ---- */

/* Is this a line "KEY = …"? */
static bool is_setting(const char *line, const char *key)
{
        size_t length = strlen(key);

        line += strspn(line, " \t");
        return strncmp(line, key, length) == 0 && line[length + strspn(line + length, " \t")] == '=';
}

static bool is_section(const char *line, const char *name)
{
        size_t length = strlen(name);

        line += strspn(line, " \t");
        return strncmp(line, "[local ", strlen("[local ")) == 0 &&
               strncmp(line + strlen("[local "), name, length) == 0 &&
               line[strlen("[local ") + length] == ']';
}

char *local_section_rotate(const char *text, const char *name, const uint8_t *hash, const uint8_t *old_hash,
                           int64_t old_until_sec, size_t *ret_length, bool *ret_found)
{
        char *rotated = NULL, date[END_DATE_TEXT_MAX];
        FILE *file = open_memstream(&rotated, ret_length);
        bool inside = false;

        *ret_found = false;
        if (!file) {
                return NULL;
        }
        for (const char *line = text, *end; *line; line = end) {
                end = strchrnul(line, '\n');
                end += *end == '\n';
                if (line[strspn(line, " \t")] == '[') {
                        inside = is_section(line, name);
                }
                if (inside && is_setting(line, "secret_sha256")) {
                        write_hash(file, "secret_sha256", hash);
                        write_hash(file, "secret_sha256_old", old_hash);
                        (void)fprintf(file, "old_until = %s\n", end_date_format(old_until_sec, date));
                        *ret_found = true;
                } else if (!inside ||
                           !(is_setting(line, "secret_sha256_old") || is_setting(line, "old_until"))) {
                        (void)fwrite(line, 1, (size_t)(end - line), file);
                }
        }
        return finish(file, &rotated);
}

/* ---- checking ---- */

static bool check_callers(const struct options *options)
{
        struct access_rule rule;
        const char *why;

        for (size_t i = 0; i < options->n_callers; i++) {
                if (access_rule_parse(options->callers[i], &rule, &why) < 0) {
                        complain("--caller %s: %s.", options->callers[i], why);
                        return false;
                }
                if (rule.kind == ACCESS_RULE_UNIT || rule.kind == ACCESS_RULE_LOCAL) {
                        complain("--caller %s: write user:NAME, uid:NUMBER, group:NAME, gid:NUMBER or any.",
                                 options->callers[i]);
                        return false;
                }
        }
        return true;
}

bool local_section_check(const struct options *options)
{
        struct gateway_rule rule;
        const char *why;
        int64_t sec;

        for (size_t i = 0; i < options->n_allows; i++) {
                if (gateway_rule_parse(options->allows[i], /* with_who= */ false, &rule, &why) < 0) {
                        complain("--allow '%s': %s.", options->allows[i], why);
                        return false;
                }
        }
        if (options->expires && end_date_parse(options->expires, &sec) < 0) {
                complain("--expires takes a day such as 2027-06-30, or a moment such as "
                         "2027-06-30T12:00:00Z, not '%s'.",
                         options->expires);
                return false;
        }
        if (options->expires && sec <= (int64_t)time(NULL)) {
                complain("--expires %s is over already: name a day to come, or leave it out.",
                         options->expires);
                return false;
        }
        return check_callers(options);
}
