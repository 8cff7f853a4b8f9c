/* A heap that fails once. */
#include "tests/unit/no_memory.h"

#include "tests/unit/unit.h"

#include <errno.h>
#include <ini.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define INI_NO_MEMORY (-2) /* inih's word for it */

static unsigned which, n_calls; /* which: 0: none fails */
static int n_mappings;

bool no_memory_now(void)
{
        return which > 0 && ++n_calls == which;
}

NO_MEMORY_WRAP(void *, malloc, NULL, (size_t size), (size))
NO_MEMORY_WRAP(void *, calloc, NULL, (size_t n, size_t size), (n, size))
NO_MEMORY_WRAP(void *, reallocarray, NULL, (void *memory, size_t n, size_t size), (memory, n, size))
NO_MEMORY_WRAP(char *, strdup, NULL, (const char *text), (text))
NO_MEMORY_WRAP(char *, strndup, NULL, (const char *text, size_t n), (text, n))
NO_MEMORY_WRAP(FILE *, open_memstream, NULL, (char **text, size_t *size), (text, size))
NO_MEMORY_WRAP(int, madvise, -1, (void *at, size_t size, int advice), (at, size, advice))
NO_MEMORY_WRAP(int, ini_parse_stream, INI_NO_MEMORY,
               (ini_reader reader, void *stream, ini_handler handler, void *userdata),
               (reader, stream, handler, userdata))
NO_MEMORY_WRAP(struct json_object *, json_object_new_object, NULL, (void), ())
NO_MEMORY_WRAP(struct json_object *, json_object_new_array, NULL, (void), ())
NO_MEMORY_WRAP(struct json_object *, json_object_new_string, NULL, (const char *text), (text))
NO_MEMORY_WRAP(struct json_object *, json_object_new_int64, NULL, (int64_t number), (number))
NO_MEMORY_WRAP(struct json_object *, json_object_new_boolean, NULL, (json_bool truth), (truth))
NO_MEMORY_WRAP(int, json_object_object_add, -1,
               (struct json_object * object, const char *name, struct json_object *value),
               (object, name, value))
NO_MEMORY_WRAP(int, json_object_array_add, -1, (struct json_object * array, struct json_object *value),
               (array, value))
NO_MEMORY_WRAP(struct json_tokener *, json_tokener_new, NULL, (void), ())
NO_MEMORY_WRAP(struct json_tokener *, json_tokener_new_ex, NULL, (int depth), (depth))
NO_MEMORY_WRAP(const char *, json_object_to_json_string_length, NULL,
               (struct json_object * object, int flags, size_t *length), (object, flags, length))

/* A stream into memory tells at its end that it could not grow; it is gone all the same. */
int __real_fclose(FILE *file);
int __wrap_fclose(FILE *file);
int __wrap_fclose(FILE *file)
{
        bool failed = no_memory_now();
        int r = __real_fclose(file);

        return failed ? EOF : r;
}

void *__real_mmap64(void *at, size_t size, int protection, int flags, int fd, off64_t offset);
void *__wrap_mmap64(void *at, size_t size, int protection, int flags, int fd, off64_t offset);
void *__wrap_mmap64(void *at, size_t size, int protection, int flags, int fd, off64_t offset)
{
        if (no_memory_now()) {
                errno = ENOMEM;
                return MAP_FAILED;
        }
        n_mappings++;
        return __real_mmap64(at, size, protection, flags, fd, offset);
}

int __real_munmap(void *at, size_t size);
int __wrap_munmap(void *at, size_t size);
int __wrap_munmap(void *at, size_t size)
{
        n_mappings--;
        return __real_munmap(at, size);
}

void no_memory_try(no_memory_fn act, unsigned n_min)
{
        for (unsigned n = 1;; n++) {
                int n_before = n_mappings;

                n_calls = 0;
                which = n;
                int r = act();
                which = 0;
                assert_int_equal(n_mappings, n_before);
                if (n_calls < n) { /* it was not its turn: this one was undisturbed */
                        assert_int_equal(r, 0);
                        assert_true(n > n_min);
                        return;
                }
                if (r != -ENOMEM) {
                        fail_msg("call %u failed, and what came of it is %d", n, r);
                }
        }
}
