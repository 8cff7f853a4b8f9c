/* Port owner: two questions to the kernel (see lib/diag_answer.h), and the answer to a third in /etc/passwd.
 *
 * First who owns the listening socket, then who owns the connection: the process that accepted it. One that
 * was not accepted yet has no owner. Its listening socket is there still, for it would have ended with that,
 * so it is the one that was just asked about. The listening socket alone would not do: another process may
 * have accepted, closed its own in the meantime, and the daemon begun to listen. Nor would the connection
 * alone: for some kinds of sockets the kernel itself accepts, which reads as root. Both questions come after
 * the connection was made.
 *
 * The user is looked up in /etc/passwd, where packages put it, and not in all databases that the machine
 * knows: those may be far away, and this is a library that promises to be done in time. */
#include "client/port_owner.h"

#include "lib/diag_answer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pwd.h>
#include <stdalign.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define DAEMON_USER      "eqp-broker"
#define USERS_FILE       "/etc/passwd"
#define PASSWD_LINE_MAX  4096
#define FOREIGN_MESSAGES 16 /* that may lie in the socket before the answer */

typedef int (*answer_reader)(const void *bytes, size_t length, const struct diag_question *question,
                             uid_t *ret_uid, const char **ret_why);

static void close_file(FILE **file)
{
        if (*file) {
                (void)fclose(*file);
        }
}

/* 1: there is one. 0: there is none. Negative errno: unknown. */
static int find_daemon_user(uid_t *ret_uid)
{
        _cleanup_(close_file) FILE *file = fopen(USERS_FILE, "re");
        struct passwd entry, *found = NULL;
        char line[PASSWD_LINE_MAX];
        int error;

        if (!file) {
                return errno == ENOENT ? 0 : -errno;
        }

        while ((error = fgetpwent_r(file, &entry, line, sizeof(line), &found)) == 0) {
                if (streq(entry.pw_name, DAEMON_USER)) {
                        *ret_uid = entry.pw_uid;
                        return 1;
                }
        }

        return error == ENOENT && !ferror(file) ? 0 : -error;
}

/* The reader's result; -ENOENT with why as well if there is no answer. */
static int ask(int netlink, const struct diag_question *question, answer_reader reader, uid_t *ret_uid,
               const char **ret_why)
{
        const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

        *ret_why = "the kernel cannot be asked";
        if (sendto(netlink, question, sizeof(*question), MSG_DONTWAIT, (const struct sockaddr *)&kernel,
                   sizeof(kernel)) != (ssize_t)sizeof(*question)) {
                return -ENOENT;
        }

        *ret_why = "the kernel does not answer";
        for (int i = 0; i < FOREIGN_MESSAGES; i++) {
                alignas(struct nlmsghdr) char reply[1024];
                struct sockaddr_nl from = { 0 };
                socklen_t from_length = sizeof(from);
                ssize_t length;
                int r;

                /* It answers within the send: an answer that is not there now will not come. */
                length = recvfrom(netlink, reply, sizeof(reply), MSG_DONTWAIT | MSG_TRUNC,
                                  (struct sockaddr *)&from, &from_length);
                if (length < 0) {
                        return -ENOENT;
                }
                if (from_length != sizeof(from) || from.nl_pid != 0 || (size_t)length > sizeof(reply)) {
                        continue;
                }
                r = reader(reply, (size_t)length, question, ret_uid, ret_why);
                if (r != -EAGAIN) {
                        return r;
                }
        }

        return -ENOENT;
}

static int read_end(struct diag_end *ret_end, const char *address, int port)
{
        *ret_end = (struct diag_end){ .port_be = htons((uint16_t)port) };
        return inet_pton(AF_INET, address, ret_end->address_be) == 1 ? 0 : -EINVAL;
}

static int cannot_tell(char words[static PORT_OWNER_WORDS_MAX], const char *why)
{
        (void)snprintf(words, PORT_OWNER_WORDS_MAX, "belongs to a user that cannot be determined: %s", why);
        return -EPERM;
}

/* Is this owner one of those who may be the daemon? */
static int judge(uid_t owner, uid_t daemon_uid, char words[static PORT_OWNER_WORDS_MAX])
{
        if (owner == 0 || owner == daemon_uid || owner == geteuid()) {
                return 0;
        }
        if (owner == (uid_t)-1 || owner == UID_UNMAPPED) {
                return cannot_tell(words, "it is nobody's in this user namespace");
        }

        (void)snprintf(words, PORT_OWNER_WORDS_MAX,
                       "belongs to user %u, who is neither root nor " DAEMON_USER, (unsigned)owner);
        return -EPERM;
}

int port_owner_check(const char *server_address, int server_port, const char *own_address, int own_port,
                     char words[static PORT_OWNER_WORDS_MAX])
{
        static const struct diag_end nobody = { 0 };
        _cleanup_close_ int netlink = -1;
        struct diag_end server, own;
        struct diag_question question;
        uid_t daemon_uid = 0, owner = 0;
        const char *why = NULL;
        int r;

        r = find_daemon_user(&daemon_uid);
        if (r <= 0) {
                return r == 0 ? 0 : cannot_tell(words, USERS_FILE " cannot be read");
        }

        netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
        if (netlink < 0) {
                return cannot_tell(words, strerror(errno));
        }
        if (read_end(&server, server_address, server_port) < 0 ||
            read_end(&own, own_address, own_port) < 0) {
                return cannot_tell(words, "the connection is of an unknown kind");
        }

        diag_question_write(&question, AF_INET, &server, &nobody, /* sequence= */ 1);
        r = ask(netlink, &question, diag_answer_read_listener, &owner, &why);
        if (r < 0) {
                return cannot_tell(words, why);
        }
        r = judge(owner, daemon_uid, words);
        if (r < 0) {
                return r;
        }

        diag_question_write(&question, AF_INET, &server, &own, /* sequence= */ 2);
        r = ask(netlink, &question, diag_answer_read_server, &owner, &why);
        if (r < 0) {
                return r == -ECONNRESET ? r : cannot_tell(words, why);
        }
        return r > 0 ? 0 : judge(owner, daemon_uid, words);
}
