/* multipart_head: the lines of a part's head.
 *
 * In quotes a backslash is itself, unless a quote or another one follows: curl escapes these two, and
 * Windows has backslashes in names of files. */
#include "simulator/portal/multipart_head.h"

#include "lib/util.h"

#include <errno.h>
#include <strings.h>

#define SPACE " \t"

/* Copies a quoted text, from behind its first quote, or passes over it (`ret_text` is NULL). Moves *p behind
 * the last quote. */
static int copy_quoted(const char **p, char *ret_text, size_t size)
{
        const char *from = *p;
        size_t used = 0;

        if (ret_text) {
                ret_text[0] = '\0';
        }
        for (; *from != '"'; from++) {
                if (*from == '\\' && (from[1] == '"' || from[1] == '\\')) {
                        from++;
                }
                if (*from == '\0') {
                        return -EBADMSG;
                }
                if (ret_text && used + 1 >= size) {
                        return -E2BIG;
                }
                if (ret_text) {
                        ret_text[used++] = *from;
                        ret_text[used] = '\0';
                }
        }
        *p = from + 1;
        return 0;
}

static int copy_token(const char **p, char *ret_text, size_t size)
{
        size_t length = strcspn(*p, ";" SPACE);

        if (ret_text && length >= size) {
                return -E2BIG;
        }
        if (ret_text) {
                memcpy(ret_text, *p, length);
                ret_text[length] = '\0';
        }
        *p += length;
        return 0;
}

int multipart_parameter(const char *value, const char *name, char *ret_text, size_t size)
{
        const char *p = value + strcspn(value, ";");
        int r;

        while (*p == ';') {
                const char *key = p + 1 + strspn(p + 1, SPACE);
                size_t length = strcspn(key, "=;" SPACE);
                bool wanted = length == strlen(name) && strncasecmp(key, name, length) == 0;

                p = key + length + strspn(key + length, SPACE);
                if (*p != '=') {
                        p += strcspn(p, ";");
                        continue;
                }
                p += 1 + strspn(p + 1, SPACE);
                if (*p == '"') {
                        p++;
                        r = copy_quoted(&p, wanted ? ret_text : NULL, size);
                } else {
                        r = copy_token(&p, wanted ? ret_text : NULL, size);
                }
                if (r < 0 || wanted) {
                        return r;
                }
                p += strcspn(p, ";");
        }
        return -ENOENT;
}

static int read_disposition(const char *value, struct multipart_part *part)
{
        int r;

        r = multipart_parameter(value, "name", part->name, sizeof(part->name));
        if (r < 0 && r != -ENOENT) {
                return r;
        }
        r = multipart_parameter(value, "filename", part->filename, sizeof(part->filename));
        return r == -ENOENT ? 0 : r;
}

static int read_content_type(const char *value, struct multipart_part *part)
{
        size_t length = strcspn(value, ";" SPACE);

        if (length >= sizeof(part->content_type)) {
                return -E2BIG;
        }
        memcpy(part->content_type, value, length);
        part->content_type[length] = '\0';
        return 0;
}

int multipart_head_line(const char *line, size_t size, struct multipart_part *part)
{
        const char *colon = strchr(line, ':'), *value;
        size_t length;

        if (!colon || colon == line || strchr(SPACE, line[0]) || strlen(line) != size) {
                return -EBADMSG;
        }
        length = (size_t)(colon - line);
        value = colon + 1 + strspn(colon + 1, SPACE);
        if (length == strlen("Content-Disposition") &&
            strncasecmp(line, "Content-Disposition", length) == 0) {
                return read_disposition(value, part);
        }
        if (length == strlen("Content-Type") && strncasecmp(line, "Content-Type", length) == 0) {
                return read_content_type(value, part);
        }
        return 0;
}
