/* Messages of the frontend and the forwarder to each other over a lane: the packets of one request at a
 * time.
 *
 * A lane is a kept pair of SOCK_SEQPACKET sockets. Each packet is one of the structs below, as it lies in
 * memory, and then the bytes whose lengths it tells, one after the other in the order of those lengths. Both
 * ends are the same program; the receiver believes nothing all the same: lane_check_from_*() hold before
 * anything else looks at a packet.
 *
 *     frontend                                     forwarder
 *     REQUEST, then unless it says `whole`:        CONTINUE, at most once, where the request says `expect`
 *     DATA ..., the one that is `last`, or END     RESPONSE, DATA ..., the one that is `last`, or LAST
 *     ABORT, at any time                           or FAIL, at any time before the end
 *
 * A request is over with the packet of the forwarder's that is `last`, with LAST, or with FAIL; only then
 * may the next REQUEST come, with a higher number. ABORT is answered like that as well, by FAIL with
 * LANE_FAIL_ABORTED if the end was not already under way. The forwarder ignores packets of a number that is
 * over, which were on their way; one of a number that was never begun, and a REQUEST before its time, end
 * the lane. So does any packet of the forwarder's that is of another number than the latest, or not in the
 * order above: of a request that is over it says nothing more.
 *
 * A full socket is the back-pressure: the side that finds it full waits until it can be written to. The
 * frontend's ABORT must not wait behind its own DATA: where there is no room for it, the frontend makes
 * some, by a larger SO_SNDBUF. The forwarder finds it behind DATA that it does not take yet, within a
 * second. Closing ends the lane with what it carries. */
#pragma once

#include "lib/base_url.h"
#include "lib/names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LANES_MAX 64

#define LANE_DATA_MAX    16384 /* bytes of a body in one packet */
#define LANE_PIECE_MAX   49152 /* the same, of the forwarder's DATA */
#define LANE_TARGET_MAX  8192
#define LANE_HEADERS_MAX 16384 /* bytes of all header lines, either way */
#define LANE_METHOD_MAX  16
#define LANE_TOKEN_MAX   4096
#define LANE_WHY_MAX     160

/* The largest packet, either way. */
#define LANE_PACKET_MAX (56 * 1024)

/* For SO_SNDBUF of both ends, of which the kernel makes twice as much: the largest packet has to fit, and
 * what lies in a lane is memory, too. The process that makes the pair sets it. */
#define LANE_SEND_BUFFER (32 * 1024)

enum lane_packet_type {
        /* frontend to forwarder */
        LANE_REQUEST = 1,
        LANE_DATA, /* either way */
        LANE_END,
        LANE_ABORT,
        /* forwarder to frontend */
        LANE_CONTINUE,
        LANE_RESPONSE,
        LANE_LAST,
        LANE_FAIL,
        _LANE_PACKET_TYPE_COUNT,
};

/* Each packet begins so. END, ABORT, CONTINUE and LAST are no more than that. */
struct lane_packet {
        uint32_t type;
        uint32_t zero;   /* 0 */
        uint64_t number; /* of the request, from 1 on */
};

/* Secret, for its token. Then: target, headers, token, body. */
struct lane_request {
        struct lane_packet head;
        char environment[ENVIRONMENT_NAME_MAX + 1];
        char base_url[BASE_URL_MAX + 1];  /* the one that the token is of: another host is not to get it */
        char method[LANE_METHOD_MAX + 1]; /* a token of RFC 9110; not CONNECT, not TRACE */
        bool has_body;                    /* with false, body_length is 0. A HEAD has none. */
        bool whole;  /* all of the body is in this packet; as well where there is none */
        bool expect; /* `Expect: 100-continue` goes upstream, and no DATA comes before CONTINUE. Only where
                        the body is not whole. */
        int64_t body_length;     /* of the whole body; -1: not known (it goes upstream in chunks) */
        uint32_t target_length;  /* "/rest/v1/…", path and query: the part behind the base URL, byte for
                                    byte as it is to be sent; visible ASCII */
        uint32_t headers_length; /* lines, see lane_line_next(); see lane_name_is_framing() */
        uint32_t token_length;   /* sent as `Authorization: Bearer`; 0: no such header */
        uint32_t data_length;    /* of the body in this packet: body_length if whole, else 0 */
};

/* Then: the data; one byte at least unless it is the last. */
struct lane_data {
        struct lane_packet head;
        uint32_t data_length; /* at most LANE_DATA_MAX, from the forwarder LANE_PIECE_MAX */
        bool last;            /* neither END nor LAST follows */
};

/* Then: headers, data. */
struct lane_response {
        struct lane_packet head;
        uint32_t status;  /* 200 to 599 */
        bool last;        /* nothing follows: the answer ends with the data in this packet */
        bool until_close; /* it has a body that ends where the upstream closed: its length was not told */
        bool drop_body; /* it came before all of the request's body was sent, and no more of that is wanted:
                           further DATA is ignored. Without this the frontend goes on with its body
                           to the end, answered or not. */
        int64_t content_length;  /* as the upstream told it, for a HEAD as well; -1: it did not */
        uint32_t headers_length; /* lines as the upstream sent them, without those that concern a connection
                                    or a length: see lane_name_is_framing(), and those that Connection names
                                  */
        uint32_t data_length;    /* of the body that came with the head; at most LANE_DATA_MAX */
};

enum lane_fail {
        LANE_FAIL_UNREACHABLE, /* no connection, or none to be trusted */
        LANE_FAIL_MALFORMED,   /* the answer is none that may be passed on */
        LANE_FAIL_LOST,        /* the connection ended too early */
        LANE_FAIL_SLOW,     /* the upstream did not answer, or did not take or send a byte, for too long */
        LANE_FAIL_STALLED,  /* the frontend did not send or take a byte for too long */
        LANE_FAIL_BUSY,     /* all connections to the upstream were in use for too long */
        LANE_FAIL_ABORTED,  /* the frontend wanted it */
        LANE_FAIL_UNKNOWN,  /* this environment is no more, or nothing was told of it for too long */
        LANE_FAIL_MOVED,    /* the base URL that this environment has here is another one */
        LANE_FAIL_STOPPING, /* the forwarder is coming to its end */
        LANE_FAIL_INTERNAL, /* no memory */
        _LANE_FAIL_COUNT,
};

/* Behind RESPONSE it says that the answer is cut off. */
struct lane_failure {
        struct lane_packet head;
        uint32_t fail;          /* enum lane_fail */
        bool sent;              /* the request may have been carried out, all of it or in part */
        char why[LANE_WHY_MAX]; /* for the log: printable ASCII, no secret; may be "" */
};

/* ---- judging ---- */

/* Is this a packet that the frontend (the forwarder) may send, of the length that it tells, and with sound
 * values? The bytes are aligned for any type. Returns its type, else -EBADMSG. */
int lane_check_from_frontend(const void *bytes, size_t length);
int lane_check_from_forwarder(const void *bytes, size_t length);

/* The same of the frontend's DATA, whose struct and whose data came into different places, as recvmsg() does
 * it: `length` bytes of data. 0, else -EBADMSG. */
int lane_check_data(const struct lane_data *data, size_t length);

/* Room for any of the structs. */
union lane_head {
        struct lane_packet packet;
        struct lane_request request;
        struct lane_data data;
        struct lane_response response;
        struct lane_failure failure;
};

/* Of a sound packet: bytes of the struct that it begins with. 0: there is no such type. */
size_t lane_head_size(uint32_t type);

/* ---- the parts of sound packets ---- */

static inline const char *lane_request_target(const struct lane_request *request)
{
        return (const char *)(request + 1);
}

static inline const char *lane_request_headers(const struct lane_request *request)
{
        return lane_request_target(request) + request->target_length;
}

static inline const char *lane_request_token(const struct lane_request *request)
{
        return lane_request_headers(request) + request->headers_length;
}

static inline const char *lane_request_body(const struct lane_request *request)
{
        return lane_request_token(request) + request->token_length;
}

static inline const char *lane_response_headers(const struct lane_response *response)
{
        return (const char *)(response + 1);
}

static inline const char *lane_response_data(const struct lane_response *response)
{
        return lane_response_headers(response) + response->headers_length;
}

static inline const char *lane_data_bytes(const struct lane_data *data)
{
        return (const char *)(data + 1);
}

/* ---- header lines ---- */

struct lane_line {
        const char *text; /* "Name: value", without the end of the line */
        size_t length;
        size_t name_length;
        const char *value; /* without blanks around it */
        size_t value_length;
};

/* Takes the first line off `*lines`, which has `*length` bytes left: a name that is a token, a colon, a
 * value of visible characters, blanks, tabs and bytes from 128 on, CR, LF. 1: ret is filled. 0: no bytes are
 * left. -EBADMSG: it is no such line. */
int lane_line_next(const char **lines, size_t *length, struct lane_line *ret);

/* Splits one line, without its end; as above. -EBADMSG. */
int lane_line_split(const char *text, size_t length, struct lane_line *ret);

/* Is this the name of a header that concerns the connection or the length of a message, ours to set on each
 * connection, and so in none of the lines? Connection, Content-Length, Expect, Keep-Alive,
 * Proxy-Authenticate, Proxy-Authorization, Proxy-Connection, TE, Trailer, Transfer-Encoding, Upgrade; of a
 * request also Host and Authorization. */
bool lane_name_is_framing(const char *name, size_t length, bool of_request);

/* ---- filling ---- */

/* Zeroed, with its type and number. */
void lane_packet_init(void *ret, size_t size, enum lane_packet_type type, uint64_t number);

/* why: any text, of which printable ASCII is taken and the rest becomes '?'; NULL: "". */
void lane_failure_init(struct lane_failure *ret, uint64_t number, enum lane_fail fail, bool sent,
                       const char *why);
