/* Which environment's token a unit gets.
 *
 * If the credential is called like an environment, that one is meant. Else it is the only one that the unit
 * may use; those without a key count only if there is no other, since all but a few hosts have a key for
 * one environment and rules for all. */
#include "daemon/credential_choice.h"

#include "daemon/access.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

/* What the rules allow, one bit per environment. */
static uint32_t with_keys(const struct api *api, uint32_t allowed)
{
        uint32_t configured = 0;

        for (size_t i = 0; i < api->n_environments; i++) {
                if (environment_configured(api->environments[i])) {
                        configured |= UINT32_C(1) << i;
                }
        }
        return allowed & configured ? allowed & configured : allowed;
}

static int find_by_name(const struct api *api, const char *name)
{
        for (size_t i = 0; i < api->n_environments; i++) {
                if (streq(api->environments[i]->name, name)) {
                        return (int)i;
                }
        }
        return -1;
}

/* "sandbox, production". */
static void list_names(const struct api *api, uint32_t bits, char *text, size_t size)
{
        size_t length = 0;

        *text = '\0';
        for (size_t i = 0; i < api->n_environments && length < size; i++) {
                if (bits & UINT32_C(1) << i) {
                        int n = snprintf(text + length, size - length, "%s%s", length > 0 ? ", " : "",
                                         api->environments[i]->name);
                        length += n > 0 ? (size_t)n : 0;
                }
        }
}

static int refuse_choice(const struct api *api, uint32_t candidates, char *why)
{
        char names[256];

        list_names(api, candidates, names, sizeof(names));
        (void)snprintf(why, CREDENTIAL_WHY_MAX,
                       "it may use several environments (%s): say which by the credential's name, as in "
                       "LoadCredential=eqp.%s:SOCKET",
                       names, api->environments[__builtin_ctz(candidates)]->name);
        return -EACCES;
}

static int refuse_name(const struct api *api, const char *credential, char *why)
{
        char names[256];

        list_names(api, UINT32_MAX, names, sizeof(names));
        (void)snprintf(why, CREDENTIAL_WHY_MAX,
                       "the credential's name '%s' begins with eqp. and names no environment: there are %s",
                       credential, names);
        return -EACCES;
}

static int refuse_unit(const struct credential_peer *peer, const char *environment, char *why)
{
        (void)snprintf(why, CREDENTIAL_WHY_MAX,
                       "no rule allows it %s%s: write allow = unit:%s into [%s%s] of the configuration, and "
                       "reload",
                       environment ? "to use " : "anything", environment ? environment : "", peer->unit,
                       environment ? "environment " : "environment NAME", environment ? environment : "");
        return -EACCES;
}

int credential_choose(const struct api *api, const struct credential_peer *peer, struct environment **ret,
                      char reterr_why[static CREDENTIAL_WHY_MAX])
{
        uint32_t allowed = access_judge_unit(api->settings, peer->unit);
        uint32_t candidates = with_keys(api, allowed);
        struct credential_name name;

        credential_name_read(peer->credential, &name);
        int named = find_by_name(api, name.environment);
        if (named >= 0) {
                if (!(allowed & UINT32_C(1) << named)) {
                        return refuse_unit(peer, name.environment, reterr_why);
                }
                *ret = api->environments[named];
                return 0;
        }
        if (name.sure) {
                return refuse_name(api, peer->credential, reterr_why);
        }
        if (candidates == 0) {
                return refuse_unit(peer, NULL, reterr_why);
        }
        if (candidates & (candidates - 1)) {
                return refuse_choice(api, candidates, reterr_why);
        }
        *ret = api->environments[__builtin_ctz(candidates)];
        return 0;
}
