/* eqpctl: the command line of the broker. It speaks to eqp-brokerd through libeqp-broker, as any program
 * may. */
#include <locale.h>
#include <sys/resource.h>

#include "ctl/complain.h"
#include "ctl/options.h"

/* A token passes through this process; a crash must not leave it on disk. */
static void forbid_core_dumps(void)
{
        const struct rlimit none = { 0, 0 };

        (void)setrlimit(RLIMIT_CORE, &none);
}

int main(int argc, char **argv)
{
        struct options options;
        int code, written;

        forbid_core_dumps();
        (void)setlocale(LC_CTYPE, "");
        options_parse(&options, argc, argv);
        code = options.run(&options);
        written = finish_output();
        return code != EXIT_DONE ? code : written;
}
