/* Answers that are written to a socket past libmicrohttpd. */
#include "daemon/frontend/http/plain_answer.h"

#include "daemon/base/clock.h"
#include "lib/util.h"

#include <microhttpd.h>
#include <stdio.h>
#include <sys/socket.h>

/* A socket to which nothing is on its way takes as much as this at once. It is not known whether a client of
 * the EQP API reads it: so the word is in the body, and in the header that such a client is told to look at.
 */
static void say(int fd, const char *status, const char *header, const char *body)
{
        char text[1024], date[CLOCK_TEXT_MAX];
        int length =
                snprintf(text, sizeof(text),
                         "HTTP/1.1 %s\r\nConnection: close\r\nContent-Type: application/json\r\nDate: %s\r\n"
                         "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%s"
                         "Content-Length: %zu\r\n\r\n%s",
                         status, clock_format_http(date), header, strlen(body), body);

        if (length > 0 && (size_t)length < sizeof(text)) {
                (void)send(fd, text, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT);
        }
}

void plain_answer_too_large(int fd)
{
        say(fd, "413 Content Too Large", "EQP-Error: body_too_large\r\n",
            "{\"code\":413,\"error\":\"body_too_large\",\"message\":\"the body is far over 8192 bytes: "
            "nothing "
            "here takes that much\"}\n");
}

void plain_answer_stalled(int fd)
{
        say(fd, "408 Request Timeout", "EQP-Error: upload_stalled\r\n",
            "{\"code\":408,\"message\":\"the rest of the body did not come in time: send it again\"}\n");
}

void plain_answer_unread(int fd, unsigned status, const char *slug)
{
        char line[64], header[64] = "", body[192];

        (void)snprintf(line, sizeof(line), "%u %s", status, MHD_get_reason_phrase_for(status));
        if (slug) {
                (void)snprintf(header, sizeof(header), "EQP-Error: %s\r\n", slug);
        }
        (void)snprintf(body, sizeof(body),
                       "{\"code\":%u,\"message\":\"%s: answered before all of the body was there, the rest "
                       "of which "
                       "was not read\"}\n",
                       status, slug ? slug : "an error");
        say(fd, line, header, body);
}

void plain_answer_no_room(int fd, bool stopping)
{
        if (stopping) {
                say(fd, "503 Service Unavailable", "Retry-After: 1\r\nEQP-Error: stopping\r\n",
                    "{\"code\":503,\"error\":\"stopping\",\"message\":\"the daemon is stopping: ask "
                    "again\"}\n");
                return;
        }
        say(fd, "429 Too Many Requests", "Retry-After: 1\r\nEQP-Error: too_many_connections\r\n",
            "{\"code\":429,\"error\":\"too_many_connections\",\"message\":\"there are too many open "
            "connections, "
            "in all or of this user: reuse or close some\"}\n");
}
