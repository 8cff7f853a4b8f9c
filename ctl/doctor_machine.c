/* Doctor, machine: the broker's surroundings, and obstacles that were met elsewhere: a clock that is wrong,
 * a container that does not know localhost, name servers that the service does not see, a proxy that catches
 * requests to this machine. */
#include "ctl/doctor_parts.h"

#include <libgen.h>
#include <netdb.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define SECTION  "machine"
#define RESOLVER "/etc/resolv.conf"
#define DAY_SEC  86400
#define FAR_SEC  (INT64_C(20) * 365 * DAY_SEC)
#define EARLY    INT64_C(1577836800) /* 2020-01-01: no program of ours is older */

static void tell_system(struct doctor *doctor)
{
        char line[256], name[256] = "unknown";
        struct utsname system;
        FILE *file;

        file = fopen("/etc/os-release", "re");
        while (file && fgets(line, sizeof(line), file)) {
                if (sscanf(line, "PRETTY_NAME=\"%200[^\"]", name) == 1) {
                        break;
                }
        }
        if (file) {
                (void)fclose(file);
        }
        doctor_fact(doctor, SECTION, "system", "%s", name);
        if (uname(&system) == 0) {
                doctor_fact(doctor, SECTION, "kernel", "%s %s %s", system.sysname, system.release,
                            system.machine);
        }
        doctor_fact(doctor, SECTION, "service manager", "%s",
                    access("/run/systemd/system", F_OK) == 0 ? "systemd" : "not systemd");
}

static const char *container(void)
{
        if (getenv("KUBERNETES_SERVICE_HOST")) {
                return "Kubernetes";
        }
        if (access("/run/.containerenv", F_OK) == 0) {
                return "podman";
        }
        if (access("/.dockerenv", F_OK) == 0) {
                return "docker";
        }
        return getenv("container") ? "yes" : "none that shows";
}

/* Clocks that are far off are off by years, as after a flat battery: then the time lies before that of this
 * program itself. Images and some file systems give all files one time, such as 1970: that is no measure. */
static void examine_clock(struct doctor *doctor)
{
        struct timex kernel = { 0 };
        int state = adjtimex(&kernel);
        time_t now = time(NULL);
        char text[64] = "";
        struct stat program;
        struct tm parts;

        if (gmtime_r(&now, &parts)) {
                (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
        }
        doctor_fact(doctor, SECTION, "clock", "%s, %s", text,
                    state < 0             ? "whether synchronised is not known"
                    : state == TIME_ERROR ? "not synchronised"
                                          : "synchronised");
        if (stat("/proc/self/exe", &program) < 0 || (program.st_mtime < EARLY && now >= EARLY) ||
            (now + DAY_SEC >= program.st_mtime && now < program.st_mtime + FAR_SEC)) {
                return;
        }
        doctor_find(doctor, "clock_wrong", "The clock of this machine is wrong.",
                    "Certificates look expired or not valid yet, so no token can be obtained, and the times "
                    "in the "
                    "log are wrong. (How long a token lives is not measured with this clock.)",
                    "Set it, and have it kept: timedatectl set-ntp true");
}

static void examine_localhost(struct doctor *doctor)
{
        const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
        struct addrinfo *list = NULL;
        bool is_loopback = true;
        char address[64] = "", found[256] = "";
        int r = getaddrinfo("localhost", NULL, &hints, &list);

        for (struct addrinfo *info = list; info; info = info->ai_next) {
                if (getnameinfo(info->ai_addr, info->ai_addrlen, address, sizeof(address), NULL, 0,
                                NI_NUMERICHOST) != 0) {
                        continue;
                }
                is_loopback = is_loopback && (strncmp(address, "127.", 4) == 0 || streq(address, "::1"));
                (void)snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%s",
                               found[0] != '\0' ? ", " : "", address);
        }
        if (list) {
                freeaddrinfo(list);
        }
        doctor_fact(doctor, SECTION, "localhost", "%s", r == 0 ? found : gai_strerror(r));
        if (r != 0 || !is_loopback) {
                doctor_find(doctor, "no_localhost", "The name localhost does not lead to this machine.",
                            "Programs that ask the broker at http://localhost:9377 do not find it.",
                            "Put '127.0.0.1 localhost' into /etc/hosts, or have them ask 127.0.0.1.");
        }
}

/* Does a list of hosts to reach without proxy name this machine? */
static bool spares_loopback(const char *list)
{
        return list && (streq(list, "*") || strstr(list, "127.0.0.1") || strstr(list, "127.0.0.0/8") ||
                        strstr(list, "localhost"));
}

static void examine_proxies(struct doctor *doctor)
{
        static const char *const names[] = { "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY",
                                             "all_proxy",  "ALL_PROXY",  "no_proxy",    "NO_PROXY" };
        char list[256] = "";

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                const char *value = getenv(names[i]);

                if (!value || value[0] == '\0') {
                        continue;
                }
                (void)snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s",
                               list[0] != '\0' ? ", " : "", names[i]);
                if (!strcasestr(names[i], "no_")) {
                        doctor_hide_url(doctor, value, "PROXY-HOST");
                }
        }
        doctor_fact(doctor, SECTION, "proxy variables here", "%s", list[0] != '\0' ? list : "none");
        if ((getenv("http_proxy") || getenv("HTTP_PROXY") || getenv("all_proxy") || getenv("ALL_PROXY")) &&
            !spares_loopback(getenv("no_proxy")) && !spares_loopback(getenv("NO_PROXY"))) {
                doctor_find(doctor, "proxy_for_localhost",
                            "A proxy is set for http, and no_proxy does not name this machine.",
                            "Programs that ask the broker over http://127.0.0.1 ask the proxy instead, "
                            "which knows "
                            "nothing of it, or sees the token.",
                            "Set no_proxy=127.0.0.1,localhost (and NO_PROXY likewise). eqpctl never uses a "
                            "proxy.");
        }
}

/* As where the program that writes it was installed later. */
static void find_late_resolver(struct doctor *doctor, const char *real)
{
        char what[1024];

        (void)snprintf(what, sizeof(what),
                       "The service does not see the target of " RESOLVER ", %.400s, whose folder was not "
                       "there when it started.",
                       real);
        doctor_find(doctor, "resolver_unseen", what,
                    "It knows no name server, and finds no host: \"Could not resolve host\".",
                    "systemctl restart eqp-brokerd.");
}

/* The daemon of the unit has a root directory of its own, and there a link may lead to nowhere. */
static void examine_resolver(struct doctor *doctor)
{
        _cleanup_free_ char *real = realpath(RESOLVER, NULL);
        char what[1024], cure[1024];

        if (!real) {
                return;
        }
        if (doctor_unit_shows(RESOLVER)) {
                if (doctor_unit_lacks(real)) {
                        find_late_resolver(doctor, real);
                }
                return;
        }

        (void)snprintf(what, sizeof(what), "The service does not see the target of " RESOLVER ", %.400s.",
                       real);
        (void)snprintf(
                cure, sizeof(cure),
                "systemctl edit eqp-brokerd, add [Service] and BindReadOnlyPaths=-%.400s, and systemctl "
                "restart eqp-brokerd.",
                dirname(real));
        doctor_find(doctor, "resolver_unseen", what,
                    "Its unit shows it /etc, /usr and little else, so it knows no name server, and finds no "
                    "host: \"Could not resolve host\".",
                    cure);
}

/* Likewise name services, which the unit shows if they are there. */
static void examine_name_services(struct doctor *doctor)
{
        static const char *const places[] = { "/run/nslcd", "/run/samba/winbindd", "/var/lib/sss" };

        for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
                char what[256];

                if (access(places[i], F_OK) < 0 || !doctor_unit_lacks(places[i])) {
                        continue;
                }
                (void)snprintf(what, sizeof(what),
                               "The service does not see the name service in %s, which was made after its "
                               "start.",
                               places[i]);
                doctor_find(doctor, "name_service_unseen", what,
                            "Users and groups of that name service do not exist for it: rules that name "
                            "them do not hold.",
                            "systemctl restart eqp-brokerd.");
        }
}

void doctor_examine_machine(struct doctor *doctor)
{
        tell_system(doctor);
        doctor_fact(doctor, SECTION, "container", "%s", container());
        examine_clock(doctor);
        examine_localhost(doctor);
        examine_resolver(doctor);
        examine_name_services(doctor);
        examine_proxies(doctor);
}
