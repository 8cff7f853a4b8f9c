/* keys_file: {"environment":[{"id","secret"}...]}. */
#include "simulator/keys_file.h"

#include "lib/util.h"
#include "simulator/json_text.h"

#include <errno.h>
#include <stdio.h>

#define FILE_SIZE_MAX (1024 * 1024)

struct keys_file {
        struct json_object *json;
};

static void fclosep(FILE **file)
{
        if (*file) {
                (void)fclose(*file);
        }
}

static int read_json(const char *path, struct json_object **ret)
{
        _cleanup_(fclosep) FILE *file = fopen(path, "re");
        _cleanup_free_ char *text = NULL;
        size_t size;

        if (!file) {
                return -errno;
        }
        text = malloc(FILE_SIZE_MAX);
        if (!text) {
                return -ENOMEM;
        }

        size = fread(text, 1, FILE_SIZE_MAX, file);
        if (ferror(file)) {
                return -EIO;
        }
        if (size == FILE_SIZE_MAX) {
                return -EFBIG;
        }
        return json_read(text, size, ret) == -ENOMEM ? -ENOMEM : *ret ? 0 : -EINVAL;
}

int keys_file_read(struct keys_file **ret, const char *path)
{
        _cleanup_(keys_file_freep) struct keys_file *file = calloc(1, sizeof(*file));
        int r;

        if (!file) {
                return -ENOMEM;
        }
        r = read_json(path, &file->json);
        if (r < 0) {
                return r;
        }
        if (!json_object_is_type(file->json, json_type_object)) {
                return -EINVAL;
        }

        json_object_object_foreach (file->json, name, list) {
                struct keys keys = { 0 };

                (void)name;
                r = keys_add_json(&keys, list);
                keys_clear(&keys);
                if (r < 0) {
                        return r == -ENOMEM ? r : -EINVAL;
                }
        }
        *ret = take_ptr(file);
        return 0;
}

struct keys_file *keys_file_free(struct keys_file *file)
{
        if (!file) {
                return NULL;
        }

        json_object_put(file->json);
        free(file);
        return NULL;
}

void keys_file_freep(struct keys_file **file)
{
        *file = keys_file_free(*file);
}

int keys_file_get(const struct keys_file *file, const char *environment, struct keys *ret)
{
        struct keys keys = { 0 };
        struct json_object *list;
        int r;

        if (json_object_object_get_ex(file->json, environment, &list)) {
                r = keys_add_json(&keys, list);
                if (r < 0) {
                        keys_clear(&keys);
                        return r;
                }
        }
        *ret = keys;
        return 0;
}
