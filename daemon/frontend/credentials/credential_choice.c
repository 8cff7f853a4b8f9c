/* Which environment's token a unit gets.
 *
 * If the credential is called like an environment, that one is meant. Else it is the only one that the unit
 * may use, or the only one of these with a key, as a host often has rules for all environments and a key for
 * one. */
#include "daemon/frontend/credentials/credential_choice.h"

#include "daemon/frontend/callers/access.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

/* One bit per environment that has a key. */
static uint32_t configured(const struct known *known)
{
        uint32_t bits = 0;

        for (size_t i = 0; i < known->n_environments; i++) {
                if (known_configured(known->environments[i])) {
                        bits |= UINT32_C(1) << i;
                }
        }
        return bits;
}

static bool is_one(uint32_t bits)
{
        return bits != 0 && (bits & (bits - 1)) == 0;
}

/* "sandbox, production". */
static void list_names(const struct known *known, uint32_t bits, char *text, size_t size)
{
        size_t length = 0;

        *text = '\0';
        for (size_t i = 0; i < known->n_environments && length < size; i++) {
                if (bits & UINT32_C(1) << i) {
                        int n = snprintf(text + length, size - length, "%s%s", length > 0 ? ", " : "",
                                         known->environments[i]->view.name);
                        length += n > 0 ? (size_t)n : 0;
                }
        }
}

static int refuse_choice(const struct known *known, uint32_t candidates, char *why)
{
        char names[256];

        list_names(known, candidates, names, sizeof(names));
        (void)snprintf(why, CREDENTIAL_WHY_MAX,
                       "it may use several environments (%s): say which by the credential's name, as in "
                       "LoadCredential=eqp.%s:SOCKET",
                       names, known->environments[__builtin_ctz(candidates)]->view.name);
        return -EACCES;
}

static int refuse_keyless(const struct known *known, uint32_t allowed, char *why)
{
        char names[256];

        list_names(known, allowed, names, sizeof(names));
        (void)snprintf(why, CREDENTIAL_WHY_MAX,
                       "no environment that it may use (%s) has an access key: put a key file into %s",
                       names, known_keys_directory(known));
        return -EACCES;
}

static int refuse_name(const struct known *known, const char *credential, char *why)
{
        char names[256];

        list_names(known, UINT32_MAX, names, sizeof(names));
        (void)snprintf(why, CREDENTIAL_WHY_MAX,
                       "the credential's name '%s' begins with eqp. and names no environment: there are %s",
                       credential, names);
        return -EACCES;
}

/* environment: -1 if it is not said which. */
static int refuse_unit(const struct known *known, const char *unit, int environment, char *why)
{
        const struct access_environment *settings =
                environment < 0 ? NULL : &known->settings->environments[environment];
        const char *own = settings && settings->has_allow ? settings->name : NULL;

        (void)snprintf(why, CREDENTIAL_WHY_MAX,
                       "no rule allows it %s%s: add allow = unit:%s to [%s%s] of the configuration, beside "
                       "the rules for others, and reload",
                       settings ? "to use " : "anything", settings ? settings->name : "", unit,
                       own ? "environment " : "broker", own ? own : "");
        return -EACCES;
}

int credential_choose(const struct known *known, const struct credential_peer *peer,
                      struct known_environment **ret, char reterr_why[static CREDENTIAL_WHY_MAX])
{
        uint32_t allowed = access_judge_unit(known->settings, peer->unit);
        uint32_t candidates = is_one(allowed) ? allowed : allowed & configured(known);
        struct credential_name name;

        credential_name_read(peer->credential, &name);
        int named = known_find(known, name.environment);
        if (named < 0 && name.sure) {
                return refuse_name(known, peer->credential, reterr_why);
        }
        if (allowed == 0 || (named >= 0 && !(allowed & UINT32_C(1) << named))) {
                return refuse_unit(known, peer->unit, named, reterr_why);
        }
        if (named < 0 && candidates == 0) {
                return refuse_keyless(known, allowed, reterr_why);
        }
        if (named < 0 && !is_one(candidates)) {
                return refuse_choice(known, candidates, reterr_why);
        }
        *ret = known->environments[named >= 0 ? named : __builtin_ctz(candidates)];
        return 0;
}
