/* Key place: configuration and directory together. */
#include "ctl/key_place.h"

#include "ctl/complain.h"
#include "ctl/configuration.h"

#include <errno.h>

int key_place_exit_code(int error)
{
        return error == -EACCES || error == -EPERM ? EXIT_NOT_ALLOWED : EXIT_FAILED;
}

int key_place_open(struct key_place *ret_place, const struct options *options)
{
        _cleanup_(key_place_close) struct key_place place = { .store.fd = -1 };
        const char *directory = options->directory;
        char message[PROGRAM_WORDS_MAX];
        int r;

        r = configuration_read(&place.settings, /* ret_view= */ NULL, message);
        if (r < 0 && !directory) {
                complain("Where the keys are is not known, since the configuration cannot be read: %s. "
                         "Correct it, or name the directory with --directory.",
                         message);
                return EXIT_FAILED;
        }
        if (r < 0) {
                complain("The configuration cannot be read: %s.", message);
        }

        if (!directory) {
                directory = configuration_keys_directory(place.settings);
        }
        place.in_force = place.settings && streq(directory, configuration_keys_directory(place.settings));
        r = key_store_open(&place.store, directory);
        if (r < 0) {
                return key_place_exit_code(r);
        }

        *ret_place = place;
        place = (struct key_place){ .store.fd = -1 };
        return EXIT_DONE;
}

void key_place_close(struct key_place *place)
{
        key_store_close(&place->store);
        place->settings = settings_free(place->settings);
}

int key_place_read_name(struct key_file_name *ret_name, const char *text)
{
        if (key_file_name_read(ret_name, text) == 0) {
                return EXIT_DONE;
        }

        complain(
                "A key is named ENVIRONMENT or ENVIRONMENT.LABEL, such as sandbox or production.1-main, not "
                "'%s'.",
                text);
        return EXIT_USAGE;
}

bool key_place_knows(const struct key_place *place, const char *environment)
{
        if (!place->settings || settings_environment(place->settings, environment)) {
                return true;
        }

        configuration_complain_unknown(place->settings, environment);
        return false;
}

int key_place_visit(const struct options *options, key_place_visitor visit)
{
        _cleanup_(key_place_close) struct key_place place = { .store.fd = -1 };
        struct key_file_name name;
        int code;

        code = key_place_read_name(&name, options->environment);
        if (code == EXIT_DONE) {
                code = key_place_open(&place, options);
        }
        return code == EXIT_DONE ? visit(&place, options, &name) : code;
}
