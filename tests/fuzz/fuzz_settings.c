/* Any bytes as a configuration file: a good one can be written and read again; any other gives
 * FILE:LINE. */
#include "lib/settings.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz.h"

static void check_round_trip(const struct settings *settings)
{
        _cleanup_(settings_freep) struct settings *again = NULL;
        _cleanup_free_ char *once = settings_format(settings), *twice = NULL;
        char message[SETTINGS_ERROR_MAX];

        must(once);
        must(settings_new(&again) == 0);
        must(settings_read(again, "b.conf", once, strlen(once), message) == 0);
        must(settings_finish(again, message) == 0);
        twice = settings_format(again);
        must(twice);
        must(streq(once, twice));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(settings_freep) struct settings *settings = NULL;
        char message[SETTINGS_ERROR_MAX] = "";

        must(settings_new(&settings) == 0);
        if (settings_read(settings, "a.conf", (const char *)data, size, message) < 0) {
                must(strncmp(message, "a.conf:", 7) == 0);
                must(message[7] >= '1' && message[7] <= '9');
                for (const char *p = message; *p != '\0'; p++) {
                        must(*p >= 0x20 && *p <= 0x7e);
                }
                return 0;
        }
        if (settings_finish(settings, message) < 0) {
                must(message[0] != '\0');
        } else {
                check_round_trip(settings);
        }
        return 0;
}
