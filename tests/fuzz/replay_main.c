/* main() of a fuzz target in ordinary builds: plays every file of the directories named, so that what a
 * fuzzer has ever found is tried in every run. A directory without files is an error, since a test that
 * tries nothing tells nothing. */
#include "lib/util.h"
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdbool.h>

#define FILE_MAX (1024 * 1024 + 1)

static bool replay_file(const char *path)
{
        _cleanup_free_ uint8_t *data = malloc(FILE_MAX);
        _cleanup_free_ uint8_t *exact = NULL;
        size_t size;
        bool failed;
        FILE *file;

        if (!data) {
                return false;
        }
        file = fopen(path, "re");
        if (!file) {
                return false;
        }
        size = fread(data, 1, FILE_MAX, file);
        failed = ferror(file);
        if (fclose(file) != 0 || failed) {
                return false;
        }

        /* Exactly as much memory, so that a sanitizer sees every byte read too far. */
        exact = malloc(size + (size == 0));
        if (!exact) {
                return false;
        }
        memcpy(exact, data, size);
        (void)fprintf(stderr, "%s\n", path);
        return LLVMFuzzerTestOneInput(exact, size) == 0;
}

/* How many files were played; -1: trouble. */
static int replay_directory(const char *path)
{
        DIR *directory = opendir(path);
        struct dirent *entry;
        int n = 0;

        if (!directory) {
                return -1;
        }
        while (n >= 0 && (entry = readdir(directory))) {
                _cleanup_free_ char *file = NULL;

                if (entry->d_name[0] == '.') {
                        continue;
                }
                if (asprintf(&file, "%s/%s", path, entry->d_name) < 0) {
                        file = NULL;
                        n = -1;
                } else {
                        n = replay_file(file) ? n + 1 : -1;
                }
        }
        if (closedir(directory) < 0) {
                return -1;
        }
        return n;
}

int main(int argc, char **argv)
{
        for (int i = 1; i < argc; i++) {
                if (replay_directory(argv[i]) <= 0) {
                        (void)fprintf(stderr, "%s: cannot be read, or holds no file\n", argv[i]);
                        return EXIT_FAILURE;
                }
        }
        return argc > 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
