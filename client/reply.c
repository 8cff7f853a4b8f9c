/* Reply: the head of an HTTP answer. */
#include "client/reply.h"

#include <strings.h>

#define RETRY_AFTER_MAX_SEC 86400
#define LINE_END            "\r\n"

/* A part of a line, which has no NUL. */
struct piece {
        const char *start;
        size_t length;
};

static bool piece_is(struct piece piece, const char *text)
{
        return piece.length == strlen(text) && strncasecmp(piece.start, text, piece.length) == 0;
}

static bool piece_begins(struct piece piece, const char *text)
{
        return piece.length >= strlen(text) && strncasecmp(piece.start, text, strlen(text)) == 0;
}

static struct piece trimmed(struct piece piece)
{
        while (piece.length > 0 && (*piece.start == ' ' || *piece.start == '\t')) {
                piece.start++;
                piece.length--;
        }
        while (piece.length > 0 &&
               (piece.start[piece.length - 1] == ' ' || piece.start[piece.length - 1] == '\t')) {
                piece.length--;
        }
        return piece;
}

/* Digits and nothing else; a larger number than 2^53 is that. False: it is no number. */
static bool read_number(struct piece piece, uint64_t *ret)
{
        uint64_t number = 0;

        for (size_t i = 0; i < piece.length; i++) {
                if (piece.start[i] < '0' || piece.start[i] > '9') {
                        return false;
                }
                number = MIN_OF(number * 10 + (uint64_t)(piece.start[i] - '0'), UINT64_C(1) << 53);
        }
        *ret = number;
        return piece.length > 0;
}

/* "HTTP/1.1 200 OK". */
static int read_status(struct piece line, struct reply *ret)
{
        static const char version[] = "HTTP/1.";
        const size_t at = strlen(version) + 2; /* a digit and a space */
        uint64_t status = 0;

        if (line.length < at + 3 || strncmp(line.start, version, strlen(version)) != 0 ||
            (line.start[at - 2] != '0' && line.start[at - 2] != '1') || line.start[at - 1] != ' ' ||
            (line.length > at + 3 && line.start[at + 3] != ' ') ||
            !read_number((struct piece){ line.start + at, 3 }, &status) || status < 100) {
                return -EPROTO;
        }
        ret->status = (unsigned)status;
        ret->closes = line.start[at - 2] == '0';
        return 0;
}

static bool is_json(struct piece value)
{
        static const char json[] = "application/json";

        return piece_begins(value, json) &&
               (value.length == strlen(json) || strchr("; \t", value.start[strlen(json)]));
}

/* "..." or W/"...", of visible characters, so that it can be sent back as it is. */
static bool is_etag(struct piece value)
{
        size_t begin = value.length >= 2 && strncmp(value.start, "W/", 2) == 0 ? 2 : 0;

        if (value.length > REPLY_ETAG_MAX || value.length < begin + 2 || value.start[begin] != '"' ||
            value.start[value.length - 1] != '"') {
                return false;
        }
        for (size_t i = begin + 1; i < value.length - 1; i++) {
                if (value.start[i] <= 0x20 || value.start[i] >= 0x7f || value.start[i] == '"') {
                        return false;
                }
        }
        return true;
}

static void take_etag(struct piece value, struct reply *ret)
{
        bool good = ret->n_etags++ == 0 && is_etag(value); /* of two, neither is it */

        memcpy(ret->etag, value.start, good ? value.length : 0);
        ret->etag[good ? value.length : 0] = '\0';
}

static int read_header(struct piece line, struct reply *ret)
{
        const char *colon = memchr(line.start, ':', line.length);
        uint64_t number = 0;

        /* A line that goes on from the one before, as was once allowed, begins with a blank. */
        if (!colon || colon == line.start || memchr(line.start, '\0', line.length) ||
            strcspn(line.start, " \t:") < (size_t)(colon - line.start)) {
                return -EPROTO;
        }
        struct piece name = { line.start, (size_t)(colon - line.start) };
        struct piece value = trimmed((struct piece){ colon + 1, line.length - name.length - 1 });

        if (piece_is(name, "Content-Length")) {
                if (!read_number(value, &number) || (ret->has_length && ret->length != number)) {
                        return -EPROTO;
                }
                ret->has_length = true;
                ret->length = number;
        } else if (piece_is(name, "Transfer-Encoding")) {
                return -EPROTO; /* an eqp-brokerd knows how long its answers are */
        } else if (piece_is(name, "Content-Type")) {
                ret->is_json = is_json(value);
        } else if (piece_is(name, "Connection")) {
                ret->closes = ret->closes || !piece_is(value, "keep-alive");
        } else if (piece_is(name, "ETag")) {
                take_etag(value, ret);
        } else if (piece_is(name, "Retry-After") && read_number(value, &number)) {
                ret->retry_after_sec = (unsigned)MIN_OF(number, (uint64_t)RETRY_AFTER_MAX_SEC);
        }
        return 0;
}

/* Is this the beginning of any HTTP answer? Whatever else speaks there need not be waited for. */
static bool may_be_http(const char *bytes, size_t length)
{
        static const char start[] = "HTTP/1.";

        return memcmp(bytes, start, MIN_OF(length, strlen(start))) == 0;
}

ssize_t reply_read(const char *bytes, size_t length, struct reply *ret)
{
        size_t at = 0;

        *ret = (struct reply){ 0 };
        if (!may_be_http(bytes, length)) {
                return -EPROTO;
        }
        for (;;) {
                const char *end = memmem(bytes + at, length - at, LINE_END, strlen(LINE_END));
                if (!end) {
                        return length < REPLY_HEAD_MAX ? 0 : -EPROTO;
                }
                struct piece line = { bytes + at, (size_t)(end - (bytes + at)) };
                bool is_first = at == 0;
                at += line.length + strlen(LINE_END);
                if (!is_first && line.length == 0) {
                        break;
                }
                int r = is_first ? read_status(line, ret) : read_header(line, ret);
                if (r < 0) {
                        return r;
                }
        }
        if (ret->status < 200 || ret->status == 204 || ret->status == 304) {
                ret->has_length = true; /* these have no body, whatever they say */
                ret->length = 0;
        }
        return (ssize_t)at;
}
