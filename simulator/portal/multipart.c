/* multipart: reads multipart/form-data as it arrives.
 *
 * libmicrohttpd's MHD_create_post_processor() finds the end of a part at "\r\n--" only. Programs that upload
 * packages write such bodies by hand, with bare line feeds, so the end of a part is looked for here.
 *
 * Words: the delimiter is a line end, two dashes and the boundary; its tail is what stands behind it up to
 * the end of the line, or the two dashes that close the whole. As a delimiter begins with a line feed and
 * has no other in it, a mismatch can only begin anew at a line feed: no byte is looked at twice, and what
 * was held back is known from how far the delimiter had matched.
 *
 * A body whose first delimiter line ends in a bare line feed is one of bare line feeds: there, a carriage
 * return before a delimiter is the file's own last byte. */
#include "simulator/portal/multipart.h"

#include "lib/util.h"
#include "simulator/portal/multipart_head.h"

#include <errno.h>

#define TAIL_MAX      16 /* white space behind a boundary */
#define LINE_SIZE_MAX 2048
#define HEAD_LINES    32

enum state { STATE_BODY, STATE_DELIMITER, STATE_TAIL, STATE_HEAD, STATE_EPILOGUE };

struct multipart {
        struct multipart_handlers handlers;
        void *userdata;
        enum state state;
        bool in_part; /* false in what stands before the first delimiter, which is dropped */
        bool seen_line, bare_line_feeds;

        char delimiter[MULTIPART_BOUNDARY_MAX + 4]; /* "\n--boundary" */
        size_t delimiter_size;
        bool held_return; /* a carriage return, the byte before what is being compared */
        size_t matched;   /* so many bytes of the delimiter */
        char tail[TAIL_MAX];
        size_t tail_size;

        struct multipart_part part;
        char line[LINE_SIZE_MAX + 1];
        size_t line_size;
        unsigned n_lines;
};

int multipart_new(struct multipart **ret, const char *boundary, const struct multipart_handlers *handlers,
                  void *userdata)
{
        struct multipart *multipart;
        size_t size = strlen(boundary);

        if (size == 0 || size > MULTIPART_BOUNDARY_MAX || strchr(boundary, '\n')) {
                return -EINVAL;
        }
        multipart = calloc(1, sizeof(*multipart));
        if (!multipart) {
                return -ENOMEM;
        }

        multipart->handlers = *handlers;
        multipart->userdata = userdata;
        memcpy(multipart->delimiter, "\n--", 3);
        memcpy(multipart->delimiter + 3, boundary, size);
        multipart->delimiter_size = size + 3;
        /* As behind a line feed: the first delimiter needs none. */
        multipart->state = STATE_DELIMITER;
        multipart->matched = 1;
        *ret = multipart;
        return 0;
}

struct multipart *multipart_free(struct multipart *multipart)
{
        free(multipart);
        return NULL;
}

void multipart_freep(struct multipart **multipart)
{
        *multipart = multipart_free(*multipart);
}

bool multipart_is_complete(const struct multipart *multipart)
{
        return multipart->state == STATE_EPILOGUE;
}

static int give(struct multipart *multipart, const char *bytes, size_t size)
{
        return multipart->in_part && size > 0 ? multipart->handlers.data(bytes, size, multipart->userdata)
                                              : 0;
}

static int give_held_return(struct multipart *multipart)
{
        bool held = multipart->held_return;

        multipart->held_return = false;
        return held ? give(multipart, "\r", 1) : 0;
}

/* It was no delimiter: the held bytes are those of the file. */
static int give_back(struct multipart *multipart)
{
        int r;

        r = give_held_return(multipart);
        if (r != 0) {
                return r;
        }
        /* The line feed that the beginning of the body is taken to have before it is in no part. */
        r = give(multipart, multipart->delimiter, multipart->matched);
        if (r != 0) {
                return r;
        }
        r = give(multipart, multipart->tail, multipart->tail_size);
        multipart->matched = 0;
        multipart->tail_size = 0;
        multipart->state = STATE_BODY;
        return r;
}

/* Up to the next line feed. */
static int read_body(struct multipart *multipart, const char *bytes, size_t size, size_t *ret_used)
{
        const char *line_feed = memchr(bytes, '\n', size);
        size_t run = line_feed ? (size_t)(line_feed - bytes) : size;
        int r;

        *ret_used = run;
        if (run > 0) {
                bool ends_in_return = bytes[run - 1] == '\r';

                r = give_held_return(multipart);
                if (r != 0) {
                        return r;
                }
                r = give(multipart, bytes, run - ends_in_return);
                if (r != 0) {
                        return r;
                }
                multipart->held_return = ends_in_return;
        }
        if (line_feed) {
                *ret_used = run + 1;
                multipart->matched = 1;
                multipart->state = STATE_DELIMITER;
        }
        return 0;
}

static int read_delimiter(struct multipart *multipart, char byte, size_t *ret_used)
{
        if (byte != multipart->delimiter[multipart->matched]) {
                return give_back(multipart);
        }
        *ret_used = 1;
        if (++multipart->matched == multipart->delimiter_size) {
                multipart->tail_size = 0;
                multipart->state = STATE_TAIL;
        }
        return 0;
}

static int end_part(struct multipart *multipart, enum state next)
{
        int r = 0;

        if (multipart->in_part) {
                if (multipart->bare_line_feeds) {
                        r = give_held_return(multipart);
                }
                if (r == 0) {
                        r = multipart->handlers.end(multipart->userdata);
                }
        }
        multipart->held_return = false;
        multipart->in_part = false;
        multipart->matched = 0;
        multipart->tail_size = 0;
        multipart->part = (struct multipart_part){ 0 };
        multipart->line_size = 0;
        multipart->n_lines = 0;
        multipart->state = next;
        return r;
}

static int read_tail(struct multipart *multipart, char byte, size_t *ret_used)
{
        const char *tail = multipart->tail;
        size_t size = multipart->tail_size;
        bool after_return = size > 0 && tail[size - 1] == '\r',
             after_dash = size > 0 && tail[size - 1] == '-';

        if (byte == '\n' && !after_dash) {
                *ret_used = 1;
                if (!multipart->seen_line) {
                        multipart->bare_line_feeds = !after_return;
                        multipart->seen_line = true;
                }
                return end_part(multipart, STATE_HEAD);
        }
        if (byte == '-' && size == 1 && after_dash) {
                *ret_used = 1;
                return end_part(multipart, STATE_EPILOGUE);
        }
        if (size == TAIL_MAX || after_return || after_dash || !strchr("-\r \t", byte) || byte == '\0' ||
            (byte == '-' && size > 0)) {
                return give_back(multipart);
        }
        *ret_used = 1;
        multipart->tail[multipart->tail_size++] = byte;
        return 0;
}

/* A line of a part's head; the empty one ends it. */
static int read_line(struct multipart *multipart)
{
        int r;

        if (multipart->line_size > 0 && multipart->line[multipart->line_size - 1] == '\r') {
                multipart->line_size--;
        }
        multipart->line[multipart->line_size] = '\0';
        if (multipart->line_size > 0) {
                if (++multipart->n_lines > HEAD_LINES) {
                        return -E2BIG;
                }
                r = multipart_head_line(multipart->line, multipart->line_size, &multipart->part);
                multipart->line_size = 0;
                return r;
        }

        multipart->in_part = true;
        multipart->state = STATE_BODY;
        return multipart->handlers.begin(&multipart->part, multipart->userdata);
}

static int read_head(struct multipart *multipart, char byte)
{
        if (byte == '\n') {
                return read_line(multipart);
        }
        if (multipart->line_size == LINE_SIZE_MAX) {
                return -E2BIG;
        }
        multipart->line[multipart->line_size++] = byte;
        return 0;
}

int multipart_read(struct multipart *multipart, const char *bytes, size_t size)
{
        size_t used;
        int r = 0;

        for (; size > 0 && multipart->state != STATE_EPILOGUE; bytes += used, size -= used) {
                used = 0;
                switch (multipart->state) {
                case STATE_BODY:
                        r = read_body(multipart, bytes, size, &used);
                        break;
                case STATE_DELIMITER:
                        r = read_delimiter(multipart, *bytes, &used);
                        break;
                case STATE_TAIL:
                        r = read_tail(multipart, *bytes, &used);
                        break;
                case STATE_HEAD:
                        used = 1;
                        r = read_head(multipart, *bytes);
                        break;
                case STATE_EPILOGUE:
                        break;
                }
                if (r != 0) {
                        return r;
                }
        }
        return 0;
}
