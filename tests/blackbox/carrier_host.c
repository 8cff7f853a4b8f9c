/* A carrier alone in a process, for tests: told by messages on a descriptor what the keeper would tell it.
 *
 *     carrier_host FD                  FD: one end of a SOCK_SEQPACKET pair
 *     carrier_host direct N URL CA     N requests by libcurl alone, for comparison: prints CPU time in ns
 * each
 *
 * Messages, of words, to it: "lane ID" with a descriptor; "upstream ENVIRONMENT BASE_URL CA CONNECT_MS
 * ANSWER_MS PROXY ADDRESS..." ("-" for what there is none of); "forget ENVIRONMENT"; "drain"; "count". From
 * it: "ok" or "error NUMBER" for each, "count N"; "stale ENVIRONMENT", "ended ID", "broken ID", "empty" as
 * it happens. */
#include "daemon/base/channel.h"
#include "daemon/base/event_loop.h"
#include "daemon/forwarder/carrier.h"
#include "lib/util.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#define MESSAGE_MAX 4096
#define WORDS_MAX   16

struct host {
        sd_event *event;
        struct channel *channel;
        struct carrier *carrier;
};

static _printf_(2, 3) void say(struct host *host, const char *format, ...)
{
        char text[256];
        va_list values;

        va_start(values, format);
        int length = vsnprintf(text, sizeof(text), format, values);
        va_end(values);
        (void)channel_send(host->channel, text, (size_t)length, -1);
}

static char *read_file(const char *path, size_t *ret_length)
{
        FILE *file = fopen(path, "re");
        size_t room = 4 * 1024 * 1024;
        char *bytes = file ? malloc(room) : NULL;

        *ret_length = bytes ? fread(bytes, 1, room, file) : 0;
        if (file) {
                (void)fclose(file);
        }
        return bytes;
}

static void set_text(char *to, size_t size, const char *word)
{
        (void)snprintf(to, size, "%s", streq(word, "-") ? "" : word);
}

static int set_upstream(struct host *host, char **words, int n)
{
        struct carrier_upstream told = { 0 };
        _cleanup_free_ char *authorities = NULL;

        if (n < 7) {
                return -EINVAL;
        }
        set_text(told.environment, sizeof(told.environment), words[1]);
        set_text(told.base_url, sizeof(told.base_url), words[2]);
        if (!streq(words[3], "-")) {
                told.authorities = authorities = read_file(words[3], &told.authorities_length);
        }
        told.connect_timeout_usec = strtoull(words[4], NULL, 10) * USEC_PER_MSEC;
        told.answer_timeout_usec = strtoull(words[5], NULL, 10) * USEC_PER_MSEC;
        set_text(told.proxy, sizeof(told.proxy), words[6]);
        told.proxy_authorities = told.authorities;
        told.proxy_authorities_length = told.authorities_length;
        for (int i = 7; i < n && told.n < CARRIER_ADDRESSES_MAX; i++) {
                set_text(told.addresses[told.n++], sizeof(told.addresses[0]), words[i]);
        }
        return carrier_set_upstream(host->carrier, &told);
}

static void on_empty(void *userdata)
{
        say(userdata, "empty");
}

static void on_message(const void *bytes, size_t length, int fd, void *userdata)
{
        struct host *host = userdata;
        char text[MESSAGE_MAX + 1], *words[WORDS_MAX] = { 0 }, *at = NULL;
        int n = 0, r = -EINVAL;

        memcpy(text, bytes, length);
        text[length] = '\0';
        for (char *word = strtok_r(text, " ", &at); word && n < WORDS_MAX; word = strtok_r(NULL, " ", &at)) {
                words[n++] = word;
        }
        if (n == 2 && streq(words[0], "lane")) {
                r = carrier_add_lane(host->carrier, (unsigned)strtoul(words[1], NULL, 10), fd);
        } else if (n > 1 && streq(words[0], "upstream")) {
                r = set_upstream(host, words, n);
        } else if (n == 2 && streq(words[0], "forget")) {
                carrier_forget_upstream(host->carrier, words[1]);
                r = 0;
        } else if (n == 1 && streq(words[0], "drain")) {
                r = carrier_drain(host->carrier, on_empty, host);
        } else if (n == 1 && streq(words[0], "count")) {
                say(host, "count %zu", carrier_n_requests(host->carrier));
                return;
        }
        if (r < 0) {
                say(host, "error %d", -r);
        } else {
                say(host, "ok");
        }
}

static void on_end(void *userdata)
{
        struct host *host = userdata;

        (void)sd_event_exit(host->event, 0);
}

static void on_stale(const char *environment, void *userdata)
{
        say(userdata, "stale %s", environment);
}

static void on_lane_end(unsigned id, bool broken, void *userdata)
{
        say(userdata, "%s %u", broken ? "broken" : "ended", id);
}

static int host(int fd)
{
        struct host self = { 0 };
        const struct channel_handlers channel = { on_message, on_end, &self };
        const struct carrier_handlers carrier = { on_stale, on_lane_end, &self };

        int r = sd_event_new(&self.event);
        if (r >= 0) {
                r = channel_new(&self.channel, self.event, fd, MESSAGE_MAX, 65536, &channel);
        }
        if (r >= 0) {
                r = carrier_new(&self.carrier, self.event, &carrier);
        }
        if (r >= 0) {
                r = event_loop_run(self.event);
        }
        self.carrier = carrier_free(self.carrier);
        self.channel = channel_free(self.channel);
        sd_event_unref(self.event);
        return r < 0 ? 1 : 0;
}

/* ---- for comparison ---- */

static size_t drop(char *bytes, size_t size, size_t n, void *userdata)
{
        return size * n;
}

static int direct(long n, const char *url, const char *authorities)
{
        CURL *easy = curl_easy_init();
        struct timespec cpu;

        for (long i = 0; easy && i < n; i++) {
                (void)curl_easy_setopt(easy, CURLOPT_URL, url);
                (void)curl_easy_setopt(easy, CURLOPT_CAINFO, authorities);
                (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
                if (curl_easy_perform(easy) != CURLE_OK) {
                        return 1;
                }
        }
        curl_easy_cleanup(easy);
        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
        (void)printf("%.0f\n", ((double)cpu.tv_sec * 1e9 + (double)cpu.tv_nsec) / (double)n);
        return 0;
}

int main(int argc, char **argv)
{
        (void)curl_global_init(CURL_GLOBAL_DEFAULT);
        int code = 2;
        if (argc == 2) {
                code = host((int)strtol(argv[1], NULL, 10));
        } else if (argc == 5 && streq(argv[1], "direct")) {
                code = direct(strtol(argv[2], NULL, 10), argv[3], argv[4]);
        }
        curl_global_cleanup();
        return code;
}
