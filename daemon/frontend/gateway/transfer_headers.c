/* The headers of an answer as its client gets them. */
#include "daemon/frontend/gateway/transfer_headers.h"

#include "lib/gateway_headers.h"
#include "lib/util.h"

/* How much longer a value can become: each place in it may be rewritten. */
static size_t rewritten_room(const char *value, const struct gateway_places *places)
{
        size_t n_places = 1;

        for (const char *at = value; *at != '\0'; at++) {
                n_places += *at == '<';
        }
        return n_places * ((places->host ? strlen(places->host) : 0) + ENVIRONMENT_NAME_MAX + 16);
}

/* libmicrohttpd refuses a header with a tab in it. */
static void write_blanks(char *text)
{
        for (char *at = text; (at = strchr(at, '\t'));) {
                *at = ' ';
        }
}

/* One of them. */
static bool give(const struct transfer *transfer, char *name, const char *value, transfer_header_fn header,
                 void *userdata)
{
        const struct request *request = transfer->request;
        const struct gateway_places places = { .base_url = request->environment->view.base_url,
                                               .host = request->facts.host,
                                               .environment = transfer->what.environment };
        size_t room = strlen(value) + rewritten_room(value, &places) + 1;
        _cleanup_free_ char *text = malloc(room);

        if (!text || gateway_header_rewrite(name, value, &places, text, room) < 0) {
                return false;
        }
        write_blanks(text);
        if (transfer->covers) {
                (void)gateway_cover(text, strlen(text), transfer->session->ust);
                (void)gateway_cover(name, strlen(name), transfer->session->ust); /* by what is fit for one */
        }
        return header(name, text, userdata);
}

bool transfer_headers_each(const struct transfer *transfer, transfer_header_fn header, void *userdata)
{
        size_t length = transfer->headers_length;
        _cleanup_free_ char *copy = malloc(MAX_OF(length, (size_t)1)); /* each part gets an end in it */
        struct gateway_connection none = { 0 };
        const char *lines = copy;
        struct lane_line line;

        if (!copy) {
                return false;
        }
        memcpy(copy, transfer->headers, length);
        while (lane_line_next(&lines, &length, &line) > 0) {
                char *name = copy + (line.text - copy), *value = copy + (line.value - copy);
                name[line.name_length] = '\0';
                value[line.value_length] = '\0';
                if (gateway_header_goes_out(name, &none) && !give(transfer, name, value, header, userdata)) {
                        return false;
                }
        }
        return true;
}
