/* Is this request safe to answer? Pure: headers in, verdict out. */
#include "daemon/frontend/http/guard.h"

#include "lib/names.h"
#include "lib/util.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

/* Fetch metadata and CORS, by the Fetch Standard. A lone `Sec-Fetch-Mode` is not among them: Node's fetch
 * sends it. */
static const char *const browser_headers[] = {
        "Origin",
        "Sec-Fetch-Site",
        "Sec-Fetch-Dest",
        "Access-Control-Request-Method",
        "Access-Control-Request-Headers",
        "Access-Control-Request-Private-Network",
};

/* RFC 7239 and what came before it; RFC 9110, section 7.6.3. */
static const char *const proxy_headers[] = { "Forwarded", "Via" };
#define X_FORWARDED "X-Forwarded-"

/* Header names are alike whatever their case. Most differ in the first letter: that is looked at first. */
static bool same_name(const char *a, const char *b)
{
        return (a[0] | 0x20) == (b[0] | 0x20) && strcasecmp(a, b) == 0;
}

static const char *find_name(const char *const *names, size_t n, const char *name)
{
        for (size_t i = 0; i < n; i++) {
                if (same_name(names[i], name)) {
                        return names[i];
                }
        }
        return NULL;
}

static bool note_single(const char *header, const char *name, const char *value, const char **where,
                        unsigned *n)
{
        if (!same_name(header, name)) {
                return false;
        }
        *where = value ? value : "";
        (*n)++;
        return true;
}

/* RFC 9110, section 5.6.2: token. A folded line, or a space before the colon, ends up as a name that is none
 * when libmicrohttpd reads it; others may read another name, for example Origin. */
static bool is_token(const char *name)
{
        static const bool allowed[256] = {
                ['!'] = true,         ['#' ... '\''] = true, ['*'] = true,         ['+'] = true,
                ['-'] = true,         ['.'] = true,          ['0' ... '9'] = true, ['A' ... 'Z'] = true,
                ['^' ... 'z'] = true, ['|'] = true,          ['~'] = true,
        };
        const unsigned char *at = (const unsigned char *)name;

        while (allowed[*at]) {
                at++;
        }
        return *at == '\0' && *name != '\0';
}

/* RFC 9110, section 5.5: a value has no control characters but tabs. */
static bool is_field_value(const char *value)
{
        for (const unsigned char *at = (const unsigned char *)value; *at; at++) {
                if ((*at < ' ' && *at != '\t') || *at == 0x7f) {
                        return false;
                }
        }
        return true;
}

void guard_note(struct guard_facts *facts, const char *name, const char *value)
{
        if (!is_token(name)) {
                facts->malformed =
                        "a header's name has a character that none may have, or its line is folded";
                return;
        }
        if (value && !is_field_value(value)) {
                facts->malformed = "a header's value has a control character";
                return;
        }
        if (note_single("Host", name, value, &facts->host, &facts->n_hosts) ||
            note_single("EQP-Client", name, value, &facts->client, &facts->n_clients) ||
            note_single("Accept", name, value, &facts->accept, &facts->n_accepts) ||
            note_single("Authorization", name, value, &facts->authorization, &facts->n_authorizations) ||
            note_single("If-None-Match", name, value, &facts->if_none_match, &facts->n_if_none_matches) ||
            note_single("Content-Length", name, value, &facts->content_length, &facts->n_content_lengths) ||
            note_single("Transfer-Encoding", name, value, &facts->transfer_encoding,
                        &facts->n_transfer_encodings)) {
                return;
        }
        if (note_single("Expect", name, value, &facts->expect, &facts->n_expects)) {
                facts->expects_continue |= strcasecmp(facts->expect, "100-continue") == 0;
                return;
        }
        const char *found = find_name(browser_headers, ARRAY_SIZE(browser_headers), name);
        if (found) {
                facts->browser_header = found;
                return;
        }
        found = find_name(proxy_headers, ARRAY_SIZE(proxy_headers), name);
        if (found || strncasecmp(name, X_FORWARDED, strlen(X_FORWARDED)) == 0) {
                facts->proxy_header = found ? found : "X-Forwarded-…";
        }
}

static bool refuse(struct guard_refusal *refusal, unsigned status, const char *slug, const char *format, ...)
        _printf_(4, 5);

static bool refuse(struct guard_refusal *refusal, unsigned status, const char *slug, const char *format, ...)
{
        va_list arguments;

        refusal->status = status;
        refusal->slug = slug;
        refusal->close = false;
        va_start(arguments, format);
        (void)vsnprintf(refusal->message, sizeof(refusal->message), format, arguments);
        va_end(arguments);
        return false;
}

/* Is the text ":" and the port, in plain decimal digits? */
static bool port_is(const char *text, uint16_t port)
{
        unsigned value = 0;

        if (text[0] != ':' || text[1] < '1' || text[1] > '9') {
                return false;
        }
        for (text++; *text >= '0' && *text <= '9' && value <= UINT16_MAX; text++) {
                value = value * 10 + (unsigned)(*text - '0');
        }
        return *text == '\0' && value == port;
}

/* "NAME:PORT"; the port may be left out where it is 80, as clients do. */
static bool host_is(const char *host, const char *name, uint16_t port)
{
        size_t length = strlen(name);

        return strncasecmp(host, name, length) == 0 &&
               (port_is(host + length, port) || (port == 80 && host[length] == '\0'));
}

static bool host_allowed(const char *host, const struct listen_place *place)
{
        return host_is(host, "127.0.0.1", place->port) || host_is(host, "localhost", place->port) ||
               host_is(host, "[::1]", place->port) || host_is(host, place->address, place->port);
}

bool guard_framing_sound(const struct guard_facts *facts)
{
        return !facts->malformed && facts->n_content_lengths + facts->n_transfer_encodings <= 1 &&
               (facts->n_transfer_encodings == 0 || strcasecmp(facts->transfer_encoding, "chunked") == 0);
}

static bool check_framing(const struct guard_facts *facts, struct guard_refusal *refusal)
{
        if (guard_framing_sound(facts)) {
                return true;
        }
        if (facts->malformed) {
                (void)refuse(refusal, 400, "bad_request", "the request is malformed: %s", facts->malformed);
        } else if (facts->n_content_lengths + facts->n_transfer_encodings > 1) {
                (void)refuse(refusal, 400, "bad_request",
                             "the length of the body is given twice: send one Content-Length or "
                             "Transfer-Encoding, not both");
        } else {
                (void)refuse(refusal, 400, "bad_request",
                             "the only Transfer-Encoding that is understood here is chunked");
        }
        refusal->close = true;
        return false;
}

static bool check_form(const struct guard_facts *facts, struct guard_refusal *refusal)
{
        if (facts->n_hosts > 1 || facts->n_clients > 1 || facts->n_authorizations > 1 ||
            facts->n_accepts > 1 || facts->n_if_none_matches > 1 || facts->n_expects > 1) {
                return refuse(refusal, 400, "bad_request", "a header that may stand once is there twice: %s",
                              facts->n_hosts > 1            ? "Host"
                              : facts->n_clients > 1        ? "EQP-Client"
                              : facts->n_authorizations > 1 ? "Authorization"
                              : facts->n_accepts > 1        ? "Accept"
                              : facts->n_expects > 1        ? "Expect"
                                                            : "If-None-Match");
        }
        return true;
}

bool guard_check(const struct guard_facts *facts, const struct listen_place *place, bool needs_client,
                 struct guard_refusal *reterr_refusal)
{
        if (!check_framing(facts, reterr_refusal)) {
                return false;
        }
        if (place->tcp) {
                if (facts->n_hosts != 1 || !host_allowed(facts->host, place)) {
                        return refuse(reterr_refusal, 403, "host_refused",
                                      "the request must have exactly one Host header, and it must be "
                                      "localhost:%u, "
                                      "127.0.0.1:%u or [::1]:%u: use such a URL",
                                      place->port, place->port, place->port);
                }
                if (facts->browser_header) {
                        return refuse(
                                reterr_refusal, 403, "browser_refused",
                                "the request has the header %s, as browsers send it: web pages get nothing "
                                "here; leave the header out if this is no browser",
                                facts->browser_header);
                }
                if (facts->proxy_header) {
                        return refuse(reterr_refusal, 403, "proxy_refused",
                                      "the request has the header %s, as proxies send it: ask the broker "
                                      "directly, "
                                      "without a proxy (with curl: --noproxy '*')",
                                      facts->proxy_header);
                }
        }
        if (!check_form(facts, reterr_refusal)) {
                return false;
        }
        if (facts->n_clients > 0 && !client_name_valid(facts->client, strlen(facts->client))) {
                return refuse(reterr_refusal, place->tcp ? 403 : 400,
                              place->tcp ? "client_header_missing" : "bad_request",
                              "the EQP-Client header must be a name of 1 to 64 characters from A-Z a-z 0-9 "
                              ". _ / @ -");
        }
        if (place->tcp && needs_client && facts->n_clients == 0) {
                return refuse(
                        reterr_refusal, 403, "client_header_missing",
                        "the header EQP-Client is missing: send one with your program's name, for example "
                        "'EQP-Client: nightly-upload'");
        }
        return true;
}
