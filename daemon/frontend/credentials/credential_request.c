/* One credential that is asked for.
 *
 * There is no way to say no: the manager takes for the credential whatever comes before the end, even
 * nothing, and starts the unit with it. But it takes no credential of more than 1 MiB (systemd.exec(5)), and
 * then the unit fails to start. So a refusal is one: a line with the reason, and filler. A caller that is
 * not the manager gets nothing. */
#include "daemon/frontend/credentials/credential_request.h"

#include "daemon/frontend/credentials/credential_choice.h"
#include "daemon/frontend/known/token_document.h"
#include "lib/secret.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

#define SEND_USEC    (5 * USEC_PER_SEC)
#define TOO_MUCH     ((size_t)1024 * 1024 + 65536) /* bytes of a refusal */
#define LEFT_MIN_SEC 60 /* the file is not renewed: try for a token that is good for a while */
/* But that wait ends while the token in hand is still good for something: it is better than none. */
#define LEFT_AT_LAST_USEC (5 * USEC_PER_SEC)

/* ---- who asks ---- */

static int recognise(struct credential_request *request, const struct sockaddr *address, socklen_t length,
                     struct credential_log *log, uint64_t now_usec)
{
        const struct sockaddr_un *un = (const struct sockaddr_un *)address;
        size_t offset = offsetof(struct sockaddr_un, sun_path);
        struct ucred peer;
        socklen_t size = sizeof(peer);

        if (getsockopt(request->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
                return -errno;
        }
        if (peer.uid != 0) {
                credential_log_stranger(log, peer.uid, "only the service manager may ask for credentials",
                                        now_usec);
                return -EACCES;
        }
        if (length <= offset || length > sizeof(*un) || un->sun_family != AF_UNIX ||
            credential_peer_parse(un->sun_path, length - offset, &request->peer) < 0) {
                credential_log_stranger(log, peer.uid,
                                        "its address does not say for which unit it asks, as the service "
                                        "manager's does",
                                        now_usec);
                return -EACCES;
        }
        return 0;
}

int credential_request_new(struct credential_request **ret, int fd, const struct sockaddr *address,
                           socklen_t length, struct credential_log *log, uint64_t now_usec)
{
        _cleanup_(credential_request_freep) struct credential_request *request = calloc(1, sizeof(*request));
        if (!request) {
                (void)close(fd);
                return -ENOMEM;
        }
        request->fd = fd;
        int r = recognise(request, address, length, log, now_usec);
        if (r < 0) {
                return r;
        }
        *ret = take_ptr(request);
        return 0;
}

struct credential_request *credential_request_free(struct credential_request *request)
{
        if (!request) {
                return NULL;
        }
        if (request->link) {
                *request->link = request->next;
                if (request->next) {
                        request->next->link = request->link;
                }
        }
        waiter_cancel(&request->waiter);
        sd_event_source_disable_unref(request->io);
        (void)close(request->fd);
        (void)question_free(request->question);
        (void)secret_free(request->body);
        free(request);
        return NULL;
}

void credential_request_freep(struct credential_request **request)
{
        *request = credential_request_free(*request);
}

/* ---- the answer ---- */

static void answer(struct credential_request *request, char *body, size_t length, size_t filler,
                   uint64_t now_usec)
{
        waiter_cancel(&request->waiter);
        request->answered = true;
        request->body = body;
        request->length = body ? length : 0;
        request->filler = filler;
        request->deadline_usec = now_usec + SEND_USEC;
}

static void refuse(struct credential_request *request, struct known *known, struct credential_log *log,
                   const struct known_environment *environment, const char *why, uint64_t now_usec)
{
        char *words = secret_alloc(CREDENTIAL_WHY_MAX + 64);
        int length = 0;

        if (words) {
                length = snprintf(words, CREDENTIAL_WHY_MAX + 64, "eqp-brokerd gives no token: %s\n", why);
        }
        known->n_credentials_refused++;
        credential_log_refused(log, &request->peer, environment ? environment->view.name : NULL, why,
                               now_usec);
        answer(request, words, length > 0 ? (size_t)length : 0, TOO_MUCH, now_usec);
}

static void give(struct credential_request *request, struct known *known, struct credential_log *log,
                 const struct known_environment *environment, const struct session *session,
                 uint64_t now_usec)
{
        struct credential_name name;
        size_t length = 0;

        credential_name_read(request->peer.credential, &name);
        char *body = token_document_file(&environment->view, session, name.json, now_usec, &length);
        if (!body) {
                refuse(request, known, log, environment, "out of memory", now_usec);
                return;
        }
        known->n_credentials_given++;
        credential_log_given(log, &request->peer, environment->view.name, session->serial, now_usec);
        answer(request, body, length, 0, now_usec);
}

/* Is a token on its way, or its time set, while there is time? */
static bool may_come(const struct known_environment *environment, uint64_t until_usec, uint64_t now_usec)
{
        const struct refresh *refresh = &environment->view.refresh;

        return now_usec < until_usec &&
               (environment_view_busy(&environment->view) || refresh_next_usec(refresh) <= until_usec);
}

/* The token in hand is about to end: has the keeper get another one. False: there is no memory to ask. */
static bool ask_for_longer(struct credential_request *request, struct known *known,
                           const struct known_environment *environment)
{
        request->question = question_new(&known->questions);
        if (request->question) {
                waiters_add(&request->question->waiters, &request->waiter);
                known->sides->ask->demand(known->sides->keeper, request->question->number,
                                          environment->view.name, LEFT_MIN_SEC);
        }
        return request->question;
}

/* When is this token, which is about to end, to be given all the same? Of a very short life it has at least
 * the half. */
static uint64_t give_at(const struct session *session, uint64_t now_usec)
{
        uint64_t left_usec = session->expires_usec - now_usec;

        return session->expires_usec - MIN_OF(left_usec / 2, LEFT_AT_LAST_USEC);
}

/* Does it wait, for the keeper's answer or for the environment's news? */
static bool waits(struct credential_request *request, struct known *known,
                  struct known_environment *environment, uint64_t now_usec)
{
        const struct session *session = known_session(environment, now_usec);

        if (!session) {
                request->give_usec = 0;
        } else if (request->give_usec == 0) {
                request->give_usec = give_at(session, now_usec);
        }
        if (session) {
                if (!request->question) {
                        return ask_for_longer(request, known, environment);
                }
                if (!request->question->answered) {
                        waiters_add(&request->question->waiters, &request->waiter);
                        return now_usec < credential_request_due(request);
                }
                uint32_t attainable_sec = environment->view.refresh.attainable_sec;
                if (request->question->outcome.verdict != REFRESH_UNDER_WAY ||
                    (attainable_sec > 0 && attainable_sec < LEFT_MIN_SEC)) {
                        return false;
                }
        } else if (!known_configured(environment)) {
                return false;
        }
        if (!may_come(environment, credential_request_due(request), now_usec)) {
                return false;
        }
        waiters_add(&environment->waiters, &request->waiter);
        return true;
}

void credential_request_look(struct credential_request *request, struct known *known,
                             struct credential_log *log, uint64_t now_usec)
{
        struct known_environment *environment = NULL;
        char why[CREDENTIAL_WHY_MAX];

        request->look_again = false;
        if (credential_choose(known, &request->peer, &environment, why) < 0) {
                refuse(request, known, log, NULL, why, now_usec);
                return;
        }
        const struct session *session = known_session(environment, now_usec);
        if (session_left_sec(session, now_usec) < LEFT_MIN_SEC &&
            waits(request, known, environment, now_usec)) {
                return;
        }
        if (session) {
                give(request, known, log, environment, session, now_usec);
        } else {
                refuse(request, known, log, environment, known_why(known, environment, now_usec, why),
                       now_usec);
        }
}

uint64_t credential_request_due(const struct credential_request *request)
{
        return request->answered || request->give_usec == 0
                       ? request->deadline_usec
                       : MIN_OF(request->deadline_usec, request->give_usec);
}

/* ---- sending ---- */

int credential_request_send(struct credential_request *request)
{
        static const char filler[16384];

        while (request->sent < request->length + request->filler) {
                bool in_body = request->sent < request->length;
                size_t rest = request->length + (in_body ? 0 : request->filler) - request->sent;
                ssize_t n = send(request->fd, in_body ? request->body + request->sent : filler,
                                 in_body ? rest : MIN_OF(rest, sizeof(filler)), MSG_NOSIGNAL);
                if (n < 0) {
                        if (errno == EINTR) {
                                continue;
                        }
                        return errno == EAGAIN ? 0 : -errno;
                }
                request->sent += (size_t)n;
        }
        return 1;
}
