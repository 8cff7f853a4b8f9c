/* Any bytes as an upload's body: whole or in pieces, the same parts with the same bytes come out of it,
 * never more bytes than went in, and begin and end alternate. The first byte says how long the pieces are.
 */
#include "lib/util.h"
#include "simulator/portal/multipart.h"
#include "simulator/portal/multipart_head.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>

struct outcome {
        size_t begun, ended, bytes;
        uint64_t sum; /* of all that was told, in its order */
        int result;
        bool complete;
};

static void mix(struct outcome *outcome, const char *bytes, size_t size)
{
        for (size_t i = 0; i < size; i++) {
                outcome->sum = (outcome->sum ^ (uint8_t)bytes[i]) * UINT64_C(1099511628211);
        }
}

static int on_begin(const struct multipart_part *part, void *userdata)
{
        struct outcome *outcome = userdata;

        must(outcome->begun == outcome->ended);
        outcome->begun++;
        mix(outcome, "\1", 1);
        mix(outcome, part->name, strnlen(part->name, sizeof(part->name)));
        mix(outcome, part->filename, strnlen(part->filename, sizeof(part->filename)));
        mix(outcome, part->content_type, strnlen(part->content_type, sizeof(part->content_type)));
        return 0;
}

static int on_data(const char *bytes, size_t size, void *userdata)
{
        struct outcome *outcome = userdata;

        must(outcome->begun == outcome->ended + 1 && size > 0);
        outcome->bytes += size;
        mix(outcome, bytes, size);
        return 0;
}

static int on_end(void *userdata)
{
        struct outcome *outcome = userdata;

        must(outcome->begun == outcome->ended + 1);
        outcome->ended++;
        mix(outcome, "\2", 1);
        return 0;
}

static struct outcome read_body(const char *bytes, size_t size, size_t piece)
{
        static const struct multipart_handlers handlers = { on_begin, on_data, on_end };
        _cleanup_(multipart_freep) struct multipart *multipart = NULL;
        struct outcome outcome = { 0 };

        must(multipart_new(&multipart, "b", &handlers, &outcome) == 0);
        for (size_t i = 0; outcome.result == 0 && i < size; i += piece) {
                outcome.result = multipart_read(multipart, bytes + i, MIN_OF(piece, size - i));
        }
        outcome.complete = multipart_is_complete(multipart);
        return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *value = strndup((const char *)data, size);
        struct outcome whole, pieces;
        char text[16];
        int r;

        if (size == 0) {
                return 0;
        }
        whole = read_body((const char *)data + 1, size - 1, size);
        pieces = read_body((const char *)data + 1, size - 1, 1 + data[0] % 7);
        must(whole.result == 0 || whole.result == -EBADMSG || whole.result == -E2BIG);
        must(whole.result == pieces.result && whole.complete == pieces.complete);
        must(whole.begun == pieces.begun && whole.ended == pieces.ended);
        must(whole.bytes == pieces.bytes && whole.sum == pieces.sum && whole.bytes < size);
        must(!whole.complete || whole.begun == whole.ended);

        must(value);
        r = multipart_parameter(value, "b", text, sizeof(text));
        must(r == -ENOENT || r == -EBADMSG || r == -E2BIG || (r == 0 && strlen(text) < sizeof(text)));
        return 0;
}
