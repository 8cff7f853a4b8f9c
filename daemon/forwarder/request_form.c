/* A request in libcurl's form.
 *
 * The header lines stay where they came, in the packet; each is made a text of its own in place. libcurl
 * takes "Name:" for a wish to leave a header out, and "Name;" for one without a value. */
#include "daemon/forwarder/request_form.h"

#include "lib/echo.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>

#define OWN_LINES 5 /* the token, and what libcurl would add by itself */

struct request_form {
        struct curl_slist *nodes; /* one array: first those of the packet, then the own ones */
        size_t n_nodes;
        struct curl_slist *expect; /* one of them */
        char *target;
        char *authorization;                                  /* secret */
        _Alignas(struct lane_request) unsigned char packet[]; /* secret */
};

const struct lane_request *request_form_packet(const struct request_form *form)
{
        return (const struct lane_request *)form->packet;
}

static size_t count_lines(const struct lane_request *packet)
{
        const char *at = lane_request_headers(packet);
        size_t left = packet->headers_length, n = 0;
        struct lane_line line;

        while (lane_line_next(&at, &left, &line) > 0) {
                n++;
        }
        return n;
}

static void add_node(struct request_form *form, const char *text)
{
        struct curl_slist *node = &form->nodes[form->n_nodes];

        *node = (struct curl_slist){ .data = (char *)text };
        if (form->n_nodes > 0) {
                form->nodes[form->n_nodes - 1].next = node;
        }
        form->n_nodes++;
}

static void add_lines(struct request_form *form)
{
        const char *at = lane_request_headers(request_form_packet(form));
        size_t left = request_form_packet(form)->headers_length;
        struct lane_line line;

        while (lane_line_next(&at, &left, &line) > 0) {
                char *text = (char *)line.text;
                if (line.value_length == 0) {
                        text[line.name_length] = ';';
                        text[line.name_length + 1] = '\0';
                } else {
                        text[line.length] = '\0';
                }
                add_node(form, text);
        }
}

static int add_own(struct request_form *form)
{
        const struct lane_request *packet = request_form_packet(form);

        form->expect = &form->nodes[form->n_nodes];
        add_node(form, "Expect:");
        add_node(form, "Accept:");
        add_node(form, "User-Agent:");
        add_node(form, "Content-Type:");
        if (packet->token_length > 0) {
                size_t size = sizeof("Authorization: Bearer ") + packet->token_length;
                form->authorization = malloc(size);
                if (!form->authorization) {
                        return -ENOMEM;
                }
                (void)snprintf(form->authorization, size, "Authorization: Bearer %.*s",
                               (int)packet->token_length, lane_request_token(packet));
                add_node(form, form->authorization);
        }
        return 0;
}

static void free_form(struct request_form **form)
{
        *form = request_form_free(*form);
}

int request_form_new(struct request_form **ret, const struct lane_request *packet, size_t length,
                     const char *path)
{
        _cleanup_(free_form) struct request_form *form = calloc(1, sizeof(*form) + length);

        if (!form) {
                return -ENOMEM;
        }
        memcpy(form->packet, packet, length);
        form->nodes = calloc(count_lines(packet) + OWN_LINES, sizeof(*form->nodes));
        if (!form->nodes) {
                return -ENOMEM;
        }
        if (asprintf(&form->target, "%s%.*s", path, (int)packet->target_length,
                     lane_request_target(packet)) < 0) {
                form->target = NULL;
                return -ENOMEM;
        }
        add_lines(form);
        int r = add_own(form);
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(form);
        return 0;
}

struct request_form *request_form_free(struct request_form *form)
{
        if (form) {
                if (form->authorization) {
                        explicit_bzero(form->authorization, strlen(form->authorization));
                }
                const struct lane_request *packet = request_form_packet(form);
                explicit_bzero((char *)lane_request_token(packet), packet->token_length);
                free(form->authorization);
                free(form->target);
                free(form->nodes);
                free(form);
        }
        return NULL;
}

static bool is_one_of(const char *method, const char *const *methods, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (streq(method, methods[i])) {
                        return true;
                }
        }
        return false;
}

static bool set_method(const struct request_form *form, CURL *easy)
{
        static const char *const with_body[] = { "PATCH", "POST", "PUT" };
        const struct lane_request *packet = request_form_packet(form);

#define SET(option, value) (curl_easy_setopt(easy, (option), (value)) == CURLE_OK)
        if (streq(packet->method, "HEAD")) {
                return SET(CURLOPT_NOBODY, 1L);
        }
        if (!packet->whole) {
                return SET(CURLOPT_UPLOAD, 1L) &&
                       SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)packet->body_length) &&
                       SET(CURLOPT_CUSTOMREQUEST, packet->method);
        }
        /* Of a method that has a body by nature, a length of 0 is told as well. */
        if (packet->has_body || is_one_of(packet->method, with_body, ARRAY_SIZE(with_body))) {
                return SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)packet->data_length) &&
                       SET(CURLOPT_POSTFIELDS, lane_request_body(packet)) &&
                       SET(CURLOPT_CUSTOMREQUEST, packet->method);
        }
        return SET(CURLOPT_HTTPGET, 1L) &&
               (streq(packet->method, "GET") || SET(CURLOPT_CUSTOMREQUEST, packet->method));
}

bool request_form_set_up(struct request_form *form, CURL *easy, bool expect)
{
        form->expect->data = (char *)(expect ? "Expect: 100-continue" : "Expect:");
        return SET(CURLOPT_REQUEST_TARGET, form->target) && SET(CURLOPT_HTTPHEADER, form->nodes) &&
               SET(CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE) && set_method(form, easy);
#undef SET
}

bool request_form_is_idempotent(const struct request_form *form)
{
        static const char *const methods[] = { "GET", "HEAD", "OPTIONS", "PUT", "DELETE" };

        return is_one_of(request_form_packet(form)->method, methods, ARRAY_SIZE(methods));
}

bool request_form_echoes(const struct request_form *form, const char *text)
{
        const char *token = form->authorization ? strrchr(form->authorization, ' ') + 1 : NULL;

        return token && echo_is_in(text, strlen(text), &token, 1);
}
