/* A transfer's request on its way to the lane. */
#include "daemon/frontend/gateway/transfer_send.h"

#include "daemon/frontend/http/connection.h"
#include "lib/gateway_headers.h"
#include "lib/util.h"

/* ---- the head ---- */

/* Header lines under construction. */
struct lines {
        struct gateway_connection connection;
        char *at;
        size_t length;
        bool too_many;
};

static enum MHD_Result note_connection(void *userdata, enum MHD_ValueKind kind, const char *name,
                                       const char *value)
{
        gateway_connection_note(userdata, name, value);
        return MHD_YES;
}

static void add(struct lines *lines, const char *text, size_t length)
{
        memcpy(lines->at + lines->length, text, length);
        lines->length += length;
}

static enum MHD_Result add_line(void *userdata, enum MHD_ValueKind kind, const char *name, const char *value)
{
        struct lines *lines = userdata;

        if (!gateway_header_goes_in(name, &lines->connection)) {
                return MHD_YES;
        }
        size_t name_length = strlen(name), value_length = value ? strlen(value) : 0;
        if (lines->length + name_length + value_length + strlen(": \r\n") > LANE_HEADERS_MAX) {
                lines->too_many = true;
                return MHD_NO;
        }
        add(lines, name, name_length);
        add(lines, ": ", 2);
        add(lines, value ? value : "", value_length);
        add(lines, "\r\n", 2);
        return MHD_YES;
}

/* Returns the length of the packet; 0: it has no room. */
static size_t fill(const struct transfer *transfer, struct lane_request *packet)
{
        struct MHD_Connection *mhd = transfer->request->connection->mhd;
        const struct gateway_target *target = &transfer->target;
        struct lines lines = { .at = (char *)(packet + 1) };
        size_t target_length = target->path_length + (target->query ? 1 + target->query_length : 0);

        if (target_length > LANE_TARGET_MAX) {
                return 0;
        }
        memcpy(lines.at, target->path, target_length);
        lines.at += target_length;
        (void)MHD_get_connection_values(mhd, MHD_HEADER_KIND, note_connection, &lines.connection);
        (void)MHD_get_connection_values(mhd, MHD_HEADER_KIND, add_line, &lines);
        if (lines.too_many) {
                return 0;
        }
        packet->target_length = (uint32_t)target_length;
        packet->headers_length = (uint32_t)lines.length;
        packet->token_length = (uint32_t)strlen(transfer->session->ust);
        char *end = lines.at + lines.length;
        memcpy(end, transfer->session->ust, packet->token_length);
        end += packet->token_length;
        memcpy(end, transfer->kept ? transfer->kept : "", packet->data_length);
        return (size_t)(end + packet->data_length - (char *)packet);
}

/* The packet's account of the body. */
static void tell_body(const struct transfer *transfer, struct lane_request *packet)
{
        const struct request *request = transfer->request;

        packet->has_body = transfer->announced != 0 || request->facts.n_content_lengths > 0 ||
                           request->facts.n_transfer_encodings > 0;
        packet->has_body = packet->has_body && !transfer->is_head;
        packet->body_length = transfer->announced;
        packet->whole = transfer->body_ended && transfer->kept_length <= LANE_DATA_MAX;
        packet->data_length = packet->whole ? (uint32_t)transfer->kept_length : 0;
        packet->expect = !transfer->body_ended;
}

int transfer_send_head(struct transfer *transfer, uint64_t now_usec)
{
        struct gateway *gateway = transfer->gateway;
        struct lane_request *packet = (struct lane_request *)(void *)gateway->packet;

        lane_packet_init(packet, sizeof(*packet), LANE_REQUEST, lane_number(transfer->lane.lane));
        memcpy(packet->environment, transfer->what.environment, sizeof(packet->environment));
        memcpy(packet->base_url, transfer->base_url, sizeof(packet->base_url));
        memcpy(packet->method, transfer->what.method, sizeof(packet->method));
        tell_body(transfer, packet);
        size_t length = fill(transfer, packet);
        if (length == 0) {
                return -E2BIG;
        }
        int r = lane_send(transfer->lane.lane, &(struct iovec){ packet, length }, 1);
        if (r >= 0) {
                transfer->sent = packet->data_length;
                transfer->may_send = !packet->expect;
                transfer->lane_usec = now_usec;
                transfer->until_usec = 0; /* the wait for room is over */
                gateway->known->sides->ask->carrying(gateway->known->sides->keeper, now_usec);
        }
        memset(packet, 0, length);
        return r;
}

/* ---- the body ---- */

static int send_data(struct transfer *transfer, const char *data, size_t size, bool last)
{
        struct lane_data packet;

        lane_packet_init(&packet, sizeof(packet), LANE_DATA, lane_number(transfer->lane.lane));
        packet.data_length = (uint32_t)size;
        packet.last = last;
        const struct iovec parts[] = { { &packet, sizeof(packet) }, { (void *)(uintptr_t)data, size } };
        int r = lane_send(transfer->lane.lane, parts, ARRAY_SIZE(parts));
        if (r >= 0) {
                transfer->sent += size;
                transfer->until_usec = 0; /* the wait for room is over; the next one begins anew */
        }
        return r;
}

/* With the last byte of a body whose length was told the forwarder hears of its end. */
static bool ends_with(const struct transfer *transfer, size_t size)
{
        return transfer->announced >= 0 && transfer->sent + size == (uint64_t)transfer->announced;
}

int transfer_send_kept(struct transfer *transfer)
{
        while (transfer->sent < transfer->kept_length) {
                size_t size = MIN_OF(transfer->kept_length - (size_t)transfer->sent, (size_t)LANE_DATA_MAX);
                int r = send_data(transfer, transfer->kept + transfer->sent, size,
                                  ends_with(transfer, size));
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

int transfer_send_piece(struct transfer *transfer, const char *data, size_t size)
{
        size_t n = MIN_OF(size, (size_t)LANE_DATA_MAX);
        int r = send_data(transfer, data, n, ends_with(transfer, n));

        return r < 0 ? r : (int)n;
}

int transfer_send_end(struct transfer *transfer)
{
        struct lane_packet packet;

        if (transfer->announced >= 0) {
                return 0; /* it ended with its last byte */
        }
        lane_packet_init(&packet, sizeof(packet), LANE_END, lane_number(transfer->lane.lane));
        return lane_send(transfer->lane.lane, &(struct iovec){ &packet, sizeof(packet) }, 1);
}
