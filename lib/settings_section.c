/* Headings of sections: which section a reading is in, and whom it is about. */
#include "lib/settings_key.h"

#include <errno.h>

const struct settings_keys *const settings_sections[] = {
        &settings_broker_keys, &settings_environment_keys, &settings_gateway_keys,
        &settings_local_keys,  &settings_share_keys,       NULL,
};

static void open_keys(struct settings_reading *r, const struct settings_keys *keys, uint32_t *seen)
{
        r->keys = keys;
        r->seen = seen;
}

/* ---- about an environment ---- */

/* Its settings; the place of its first section is noted. */
static int find_environment(struct settings_reading *r, const char *name)
{
        char place[SETTINGS_PLACE_MAX + 1];
        struct environment_settings *environment;
        int n;

        if (!environment_name_valid(name, strlen(name))) {
                return settings_fail(
                        r, "this is no name of an environment: write a letter of a-z, then up to 31 of "
                           "a-z 0-9 -, and not v1, livez, readyz or metrics");
        }
        n = settings_add_environment(r->settings, name, &environment);
        if (n == -E2BIG) {
                return settings_fail(r, "there are too many environments: %d can be had",
                                     SETTINGS_ENVIRONMENTS_MAX);
        }
        if (n < 0) {
                return settings_fail_memory(r);
        }
        if (!environment->place) {
                environment->place = strdup(settings_place(r, place));
                if (!environment->place) {
                        return settings_fail_memory(r);
                }
        }
        r->environment = environment;
        return 0;
}

static int open_environment(struct settings_reading *r, const char *name)
{
        int n = find_environment(r, name);

        if (n >= 0) {
                open_keys(r, &settings_environment_keys,
                          &r->seen_environment[r->environment - r->settings->environments]);
        }
        return n;
}

static int open_gateway(struct settings_reading *r, const char *name)
{
        int n = find_environment(r, name);

        if (n >= 0) {
                open_keys(r, &settings_gateway_keys,
                          &r->seen_gateway[r->environment - r->settings->environments]);
        }
        return n;
}

/* ---- about a local key ---- */

static int open_local(struct settings_reading *r, const char *name)
{
        size_t i;
        int n;

        n = settings_add_local_key(r->settings, name, &r->local_key);
        if (n == -EINVAL) {
                return settings_fail(
                        r, "this is no name of a local key: write up to 32 of A-Z a-z 0-9 _ . -, the "
                           "first one no dot and no hyphen");
        }
        if (n < 0) {
                return settings_fail_memory(r);
        }
        if (r->local_key->place[0] == '\0') {
                (void)settings_place(r, r->local_key->place);
        }

        i = (size_t)(r->local_key - r->settings->local_keys);
        if (i >= r->n_seen_local) {
                size_t wanted = MAX_OF(2 * r->n_seen_local, r->settings->n_local_keys);
                uint32_t *grown = reallocarray(r->seen_local, wanted, sizeof(*grown));

                if (!grown) {
                        return settings_fail_memory(r);
                }
                memset(grown + r->n_seen_local, 0, (wanted - r->n_seen_local) * sizeof(*grown));
                r->seen_local = grown;
                r->n_seen_local = wanted;
        }
        open_keys(r, &settings_local_keys, &r->seen_local[i]);
        return 0;
}

/* ---- headings ---- */

/* The sections that have a name, or the name of an environment, in their heading. */
static const struct {
        const char *word;
        const char *form;
        int (*open)(struct settings_reading *r, const char *name);
} named[] = {
        { "environment", "[environment NAME]", open_environment },
        { "gateway", "[gateway ENVIRONMENT]", open_gateway },
        { "local", "[local NAME]", open_local },
};

static int open_heading(struct settings_reading *r, const char *heading)
{
        if (streq(heading, "broker")) {
                open_keys(r, &settings_broker_keys, &r->seen_broker);
                return 0;
        }
        if (streq(heading, "share")) {
                (void)settings_place(r, r->settings->share.place);
                open_keys(r, &settings_share_keys, &r->seen_share);
                return 0;
        }
        for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
                size_t length = strlen(named[i].word);

                if (strncmp(heading, named[i].word, length) == 0 && heading[length] == ' ') {
                        return named[i].open(r, heading + length + strspn(heading + length, " "));
                }
                if (streq(heading, named[i].word)) {
                        return settings_fail(r, "the name is missing: write %s", named[i].form);
                }
        }
        if (settings_is_showable(heading) && settings_environment(r->settings, heading)) {
                return settings_fail(r, "unknown section [%s]: did you mean [environment %s]?", heading,
                                     heading);
        }
        return settings_fail(r, "unknown section: write " SETTINGS_HEADINGS);
}

int settings_open_section(struct settings_reading *r, const char *line, size_t length)
{
        char heading[64] = "";

        if (line[length - 1] != ']' || memchr(line, ']', length - 1)) {
                return settings_fail(r, "a heading ends with its only bracket: write " SETTINGS_HEADINGS);
        }
        if (length - 2 >= sizeof(heading)) {
                return settings_fail(r, "unknown section: write " SETTINGS_HEADINGS);
        }
        memcpy(heading, line + 1, length - 2);
        heading[length - 2] = '\0';
        return open_heading(r, heading);
}
