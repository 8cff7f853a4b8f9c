/* The keys of [share], as in settings_key.c, and what the section needs as a whole. */
#include "lib/settings_key.h"
#include "lib/settings_share.h"
#include "lib/settings_value.h"

#include <errno.h>
#include <stdio.h>

#define WHY_MAX      256
#define USERNAME_MAX 64

static int set_store(struct settings_reading *r, const char *value)
{
        struct share_settings *share = &r->settings->share;
        struct store_address address;
        char why[WHY_MAX];

        int n = store_address_parse(value, &address, why, sizeof(why));
        if (n == -ENOMEM) {
                return settings_fail_memory(r);
        }
        if (n < 0) {
                return settings_fail(r, "%s: %s", r->key, why);
        }
        if (r->first) {
                share->n_stores = 0;
        }
        for (size_t i = 0; i < share->n_stores; i++) {
                if (streq(share->stores[i].text, address.text)) {
                        return settings_fail_value(r, value,
                                                   "this store is listed already: leave one of the two out");
                }
        }
        if (share->n_stores >= SHARE_STORES_MAX) {
                return settings_fail_value(r, value, "there are too many stores: write 8 at most");
        }
        share->stores[share->n_stores++] = address;
        return 0;
}

static int set_username(struct settings_reading *r, const char *value)
{
        if (strlen(value) > USERNAME_MAX) {
                return settings_fail(r, "%s is over %d characters long", r->key, USERNAME_MAX);
        }
        for (const char *p = value; *p != '\0'; p++) {
                if (*p <= 0x20 || *p > 0x7e) {
                        return settings_fail(r, "%s: write visible ASCII characters without blanks", r->key);
                }
        }
        return settings_value_text(r, value, &r->settings->share.username);
}

static int set_password_file(struct settings_reading *r, const char *value)
{
        return settings_value_path(r, value, &r->settings->share.password_file);
}

static int set_ca_file(struct settings_reading *r, const char *value)
{
        return settings_value_path(r, value, &r->settings->share.ca_file);
}

static int set_share_secret_file(struct settings_reading *r, const char *value)
{
        return settings_value_path(r, value, &r->settings->share.share_secret_file);
}

static const struct settings_key share_keys[] = {
        { "store", true, set_store },
        { "username", false, set_username },
        { "password_file", false, set_password_file },
        { "ca_file", false, set_ca_file },
        { "share_secret_file", false, set_share_secret_file },
};

const struct settings_keys settings_share_keys = { "[share]", share_keys, ARRAY_SIZE(share_keys) };

/* ---- the section as a whole ---- */

static bool has_tls(const struct share_settings *share)
{
        for (size_t i = 0; i < share->n_stores; i++) {
                if (share->stores[i].kind == STORE_TLS) {
                        return true;
                }
        }
        return false;
}

int settings_finish_share(const struct settings *settings, char reterr_message[static SETTINGS_ERROR_MAX])
{
        const struct share_settings *share = &settings->share;
        const char *fault = NULL;

        if (share->n_stores == 0 &&
            (share->username || share->password_file || share->ca_file || share->share_secret_file)) {
                fault = "has no store: write store = rediss://HOST:PORT, or leave the section out";
        } else if (share->username && !share->password_file) {
                fault = "has a username, but no password_file: write password_file = PATH";
        } else if (share->ca_file && !has_tls(share)) {
                fault = "has a ca_file, but no store that is spoken to over TLS: write rediss:// for "
                        "redis://, "
                        "or leave it out";
        }
        if (!fault) {
                return 0;
        }
        (void)snprintf(reterr_message, SETTINGS_ERROR_MAX, "%s: [share] %s",
                       share->place[0] ? share->place : "configuration", fault);
        return -EINVAL;
}

void settings_clear_share(struct settings *settings)
{
        free(settings->share.username);
        free(settings->share.password_file);
        free(settings->share.ca_file);
        free(settings->share.share_secret_file);
}
