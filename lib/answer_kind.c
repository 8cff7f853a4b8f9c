/* The kind of an answer that gave no token.
 *
 * The API is documented to answer in JSON. Where a status that content networks use to turn requests away
 * (403, 429) comes with a web page, or with a network's headers and anything but JSON, the request did not
 * reach the API. With JSON it did, though a network passed it on. A web page with 200 or 503 stands for an
 * API that is away for a while. */
#include "lib/answer_kind.h"

#include "lib/util.h"

#include <stdio.h>
#include <strings.h>

const char *answer_kind_name(enum answer_kind kind)
{
        static const char *const names[_ANSWER_KIND_COUNT] = {
                [ANSWER_PLAIN] = "plain",
                [ANSWER_BLOCK_PAGE] = "block_page",
                [ANSWER_MAINTENANCE_PAGE] = "maintenance_page",
                [ANSWER_REDIRECT] = "redirect",
        };

        return (unsigned)kind < _ANSWER_KIND_COUNT ? names[kind] : "unknown";
}

static bool begins_with(const char *text, size_t length, const char *beginning)
{
        size_t n = strlen(beginning);

        return length >= n && strncasecmp(text, beginning, n) == 0;
}

bool answer_kind_header_is_networks(const char *name, size_t name_length, const char *value,
                                    size_t value_length)
{
        static const char *const beginnings[] = {
                "cf-ray",  "cf-mitigated",        "x-amz-cf-", "x-amzn-waf-", "x-akamai-",  "akamai-",
                "x-iinfo", "x-fastly-request-id", "x-sucuri-", "x-azure-ref", "x-datadome",
        };
        static const char *const servers[] = { "cloudflare", "AkamaiGHost", "CloudFront", "Sucuri" };

        for (size_t i = 0; i < ARRAY_SIZE(beginnings); i++) {
                if (begins_with(name, name_length, beginnings[i])) {
                        return true;
                }
        }
        if (name_length != strlen("server") || !begins_with(name, name_length, "server")) {
                return false;
        }
        for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
                if (begins_with(value, value_length, servers[i])) {
                        return true;
                }
        }
        return false;
}

enum answer_kind answer_kind_find(long status, const char *content_type, bool networks)
{
        bool page = strcasecmp(content_type, "text/html") == 0 ||
                    strcasecmp(content_type, "application/xhtml+xml") == 0;
        bool json = strcasecmp(content_type, "application/json") == 0;

        if (status >= 300 && status <= 399) {
                return ANSWER_REDIRECT;
        }
        if ((status == 200 || status == 503) && page) {
                return ANSWER_MAINTENANCE_PAGE;
        }
        if ((status == 403 || status == 429 || status == 503) && (page || (networks && !json))) {
                return ANSWER_BLOCK_PAGE;
        }
        return ANSWER_PLAIN;
}

void answer_kind_describe(enum answer_kind kind, long status, const char *why, const char *host,
                          char *buffer, size_t size)
{
        switch (kind) {
        case ANSWER_BLOCK_PAGE:
                why = "a block page of a content network or a firewall";
                break;
        case ANSWER_MAINTENANCE_PAGE:
                why = "a maintenance page in place of an answer";
                break;
        case ANSWER_REDIRECT:
                if (*host) {
                        (void)snprintf(buffer, size, "HTTP %ld: a redirect to %s is not followed", status,
                                       host);
                        return;
                }
                break;
        default:
                break;
        }
        (void)snprintf(buffer, size, "HTTP %ld: %s", status, why);
}
