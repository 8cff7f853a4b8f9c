/* The small words of scenario files. */
#include "tests/scenario/script.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

bool complain(struct script *script, const char *format, ...)
{
        va_list arguments;

        fprintf(stderr, "%s:%u: ", script->file, script->line);
        va_start(arguments, format);
        vfprintf(stderr, format, arguments);
        va_end(arguments);
        fputc('\n', stderr);
        script->failed = true;
        return false;
}

char *next_word(struct script *script)
{
        static const char between[] = " \t,\r\n";
        char *word = script->rest + strspn(script->rest, between);
        size_t length = strcspn(word, between);

        if (length == 0) {
                script->rest = word;
                return NULL;
        }
        script->rest = word + length;
        if (*script->rest != '\0') {
                *script->rest++ = '\0';
        }
        return word;
}

bool demand_word(struct script *script, const char *word)
{
        const char *found = next_word(script);
        return (found && streq(found, word)) ||
               complain(script, "expected \"%s\", found \"%s\"", word, found ? found : "end of line");
}

bool read_number(struct script *script, const char *word, uint64_t *ret)
{
        int length = 0;
        if (!word || sscanf(word, "%" SCNu64 "%n", ret, &length) != 1 || word[length] != '\0') {
                return complain(script, "expected a number, found \"%s\"", word ? word : "end of line");
        }
        return true;
}

bool read_duration(struct script *script, const char *word, uint64_t *ret_usec)
{
        static const struct {
                const char *name;
                uint64_t usec;
        } units[] = { { "ms", USEC_PER_MSEC },
                      { "s", USEC_PER_SEC },
                      { "m", USEC_PER_MIN },
                      { "h", USEC_PER_HOUR },
                      { "d", 24 * USEC_PER_HOUR } };
        double value;
        int length = 0;

        if (word && streq(word, "0")) {
                *ret_usec = 0;
                return true;
        }
        if (word && sscanf(word, "%lf%n", &value, &length) == 1 && value >= 0 && value < 1e6) {
                for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
                        if (streq(word + length, units[i].name)) {
                                *ret_usec = (uint64_t)(value * (double)units[i].usec + 0.5);
                                return true;
                        }
                }
        }
        return complain(script, "expected a duration (250ms, 90s, 5m, 9h, 3d), found \"%s\"",
                        word ? word : "end of line");
}

bool read_time(struct script *script, const char *word, uint64_t base_usec, uint64_t *ret_usec)
{
        unsigned hours, minutes;
        double seconds;
        int length = 0;

        if (word && word[0] == '+') {
                if (!read_duration(script, word + 1, ret_usec)) {
                        return false;
                }
                *ret_usec += base_usec;
                return true;
        }
        if (!word || sscanf(word, "%u:%2u:%lf%n", &hours, &minutes, &seconds, &length) != 3 ||
            word[length] != '\0' || hours > 100000 || minutes > 59 || seconds < 0 || seconds >= 60) {
                return complain(script, "expected a time (HH:MM:SS or +DURATION), found \"%s\"",
                                word ? word : "end of line");
        }
        *ret_usec = hours * USEC_PER_HOUR + minutes * USEC_PER_MIN + (uint64_t)(seconds * 1e6 + 0.5);
        return true;
}
