/* The head of an answer, line by line.
 *
 * Text that may be shown is redacted whole and only then cut: half a secret is none that could be found. */
#include "lib/answer_head.h"

#include "lib/answer_kind.h"
#include "lib/echo.h"
#include "lib/redact.h"
#include "lib/util.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#define NAME_MAX_SHOWN 64

struct field {
        const char *name, *value;
        size_t name_length, value_length;
};

static bool is_blank(char c)
{
        return c == ' ' || c == '\t';
}

static bool read_field(const char *line, size_t length, struct field *ret)
{
        const char *colon = memchr(line, ':', length), *end = line + length;

        if (!colon) {
                return false;
        }
        const char *value = colon + 1;
        while (value < end && is_blank(*value)) {
                value++;
        }
        while (end > value && is_blank(end[-1])) {
                end--;
        }
        *ret = (struct field){ line, value, (size_t)(colon - line), (size_t)(end - value) };
        return true;
}

static bool is_named(const struct field *field, const char *name)
{
        return field->name_length == strlen(name) && strncasecmp(field->name, name, field->name_length) == 0;
}

static bool is_value(const struct field *field, const char *value)
{
        return field->value_length == strlen(value) &&
               strncasecmp(field->value, value, field->value_length) == 0;
}

/* A line that does not fit is none of the few forms that are read. */
static void keep_value(const struct field *field, char *to, size_t size, bool *ret_has)
{
        *ret_has = field->value_length < size && !memchr(field->value, '\0', field->value_length);
        if (*ret_has) {
                memcpy(to, field->value, field->value_length);
                to[field->value_length] = '\0';
        }
}

static void keep_name(struct answer_head *head, const struct field *field, const char *const *hidden,
                      size_t n_hidden)
{
        size_t used = strlen(head->header_names), room = sizeof(head->header_names) - used;
        char name[NAME_MAX_SHOWN + 1];

        redact(field->name, field->name_length, hidden, n_hidden, name, sizeof(name));
        if (field->name_length == 0 || field->name_length > NAME_MAX_SHOWN || strlen(name) + 3 > room) {
                return;
        }
        for (char *c = name; *c; c++) {
                *c = (char)tolower((unsigned char)*c);
        }
        (void)snprintf(head->header_names + used, room, "%s%s", used > 0 ? ", " : "", name);
}

static void keep_content_type(struct answer_head *head, const struct field *field, const char *const *hidden,
                              size_t n_hidden)
{
        const char *parameters = memchr(field->value, ';', field->value_length);
        size_t length = parameters ? (size_t)(parameters - field->value) : field->value_length;

        while (length > 0 && is_blank(field->value[length - 1])) {
                length--;
        }
        redact(field->value, length, hidden, n_hidden, head->content_type, sizeof(head->content_type));
}

static bool ends_host(char c)
{
        return strchr("/?#\\", c) != NULL; /* NUL as well */
}

/* The part of a URL between its slashes and the path, without user and port. */
static void find_host(const char *url, size_t length, const char **ret, size_t *ret_length)
{
        const char *start = url, *end = url + length;

        *ret = NULL;
        while (start < end && *start != ':' && !ends_host(*start)) {
                start++;
        }
        /* A scheme, or none at all: else it is a path of the same host. */
        if (start < end && start > url && *start == ':') {
                start++;
        } else if (start > url) {
                return;
        }
        if (end - start < 2 || memcmp(start, "//", 2) != 0) {
                return;
        }
        start += 2;
        for (const char *p = start; p < end; p++) {
                if (ends_host(*p)) {
                        end = p;
                }
        }
        const char *login = memrchr(start, '@', (size_t)(end - start));
        if (login) {
                start = login + 1;
        }
        const char *port = memchr(start, ':', (size_t)(end - start));
        *ret = start;
        *ret_length = (size_t)((port ? port : end) - start);
}

/* A host name whose labels are none that could be a token. */
static bool may_show_host(const char *host, size_t length)
{
        size_t label = 0;

        for (size_t i = 0; i < length; i++) {
                if (host[i] == '.') {
                        label = i + 1;
                } else if (!isascii(host[i]) || (!isalnum((unsigned char)host[i]) && host[i] != '-') ||
                           redact_is_like_token(host + label, i + 1 - label)) {
                        return false;
                }
        }
        return length > 0 && length < ANSWER_HOST_MAX;
}

static void keep_redirect(struct answer_head *head, const struct field *field, const char *const *hidden,
                          size_t n_hidden)
{
        const char *host;
        size_t length;

        find_host(field->value, field->value_length, &host, &length);
        if (host && may_show_host(host, length) && !echo_is_in(host, length, hidden, n_hidden)) {
                (void)snprintf(head->redirect_host, sizeof(head->redirect_host), "%.*s", (int)length, host);
        }
}

void answer_head_take(struct answer_head *head, const char *line, size_t length, const char *const *hidden,
                      size_t n_hidden)
{
        struct field field;

        while (length > 0 && (line[length - 1] == '\r' || line[length - 1] == '\n')) {
                length--;
        }
        if (length >= 5 && memcmp(line, "HTTP/", 5) == 0) {
                *head = (struct answer_head){ 0 };
                return;
        }
        if (length == 0) {
                head->whole = true;
                return;
        }
        if (head->whole || !read_field(line, length, &field)) {
                return; /* headers behind the body count for nothing */
        }
        keep_name(head, &field, hidden, n_hidden);
        head->networks = head->networks || answer_kind_header_is_networks(field.name, field.name_length,
                                                                          field.value, field.value_length);
        if (is_named(&field, "Retry-After")) {
                keep_value(&field, head->retry_after, sizeof(head->retry_after), &head->has_retry_after);
        } else if (is_named(&field, "Date")) {
                keep_value(&field, head->date, sizeof(head->date), &head->has_date);
        } else if (is_named(&field, "Content-Type")) {
                keep_content_type(head, &field, hidden, n_hidden);
        } else if (is_named(&field, "Location")) {
                keep_redirect(head, &field, hidden, n_hidden);
        } else if (is_named(&field, "Transfer-Encoding")) {
                head->coded = head->coded || !is_value(&field, "chunked");
        }
}
