/* server: builds the simulator bottom-up and tears it down in mirror order.
 *
 * A site is an environment on the network: a listener, and two HTTP servers that differ in their certificate
 * only, so that the fault of the wrong certificate is a matter of whom a new connection is handed to. */
#include "simulator/server.h"

#include "lib/util.h"
#include "simulator/admin.h"
#include "simulator/api.h"
#include "simulator/http_server.h"
#include "simulator/json_text.h"
#include "simulator/keys_file.h"
#include "simulator/listener.h"
#include "simulator/tls_files.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

struct site {
        struct environment *environment;
        struct http_server *right;
        struct http_server *wrong;
        struct listener *listener;
};

struct server {
        sd_event *event;
        struct tls_files *tls;
        struct environment *environments[ENVIRONMENTS_MAX]; /* owned by the sites */
        struct site sites[ENVIRONMENTS_MAX];
        size_t n_sites;
        struct admin admin;
        struct http_server *admin_http;
        struct listener *admin_listener;
};

static void on_site_connection(int fd, const struct sockaddr *peer, socklen_t peer_size, void *userdata)
{
        struct site *site = userdata;
        struct fault *fault = faults_for_connection(&site->environment->faults);
        enum fault_kind kind = fault ? fault->kind : FAULT_KINDS;

        site->environment->connections++;
        if (fault) {
                (void)faults_use(&site->environment->faults, fault);
        }

        if (kind == FAULT_RESET_ON_ACCEPT) {
                socket_reset(fd);
                (void)close(fd);
        } else {
                (void)http_server_add(kind == FAULT_WRONG_CERTIFICATE ? site->wrong : site->right, fd, peer,
                                      peer_size);
        }
}

static void on_admin_connection(int fd, const struct sockaddr *peer, socklen_t peer_size, void *userdata)
{
        struct server *server = userdata;

        (void)http_server_add(server->admin_http, fd, peer, peer_size);
}

/* Old connections would let a client past a fault that acts on new ones, and past the end of one, too. */
static void on_faults_changed(struct environment *environment, bool cleared, void *userdata)
{
        struct server *server = userdata;

        for (size_t i = 0; i < server->n_sites; i++) {
                struct site *site = &server->sites[i];
                const struct fault *fault;
                int r;

                if (site->environment != environment) {
                        continue;
                }
                fault = faults_for_connection(&environment->faults);
                if (fault) {
                        http_server_close_idle(site->right);
                        http_server_close_idle(site->wrong);
                }
                if (cleared) {
                        http_server_close_hanging(site->right);
                        http_server_close_hanging(site->wrong);
                }
                r = listener_set_refusing(site->listener, fault && fault->kind == FAULT_REFUSE_CONNECT);
                if (r < 0) {
                        fprintf(stderr, "eqp-simulator: %s: cannot change the listener: %s\n",
                                environment->name, strerror(-r));
                }
        }
}

static int make_environment(struct environment **ret, const struct options *options, const char *name,
                            const struct keys_file *keys_file)
{
        struct environment_config config = { .name = name,
                                             .mage_id = options->mage_id,
                                             .settings = options->settings };
        struct keys keys = { 0 };
        int r;

        if (keys_file) {
                r = keys_file_get(keys_file, name, &keys);
                if (r < 0) {
                        return r;
                }
                config.keys = &keys;
        }
        r = environment_new(ret, &config);
        keys_clear(&keys);
        return r;
}

/* Says what cannot be done, and passes the error on. */
static int complain(const char *what, int error)
{
        fprintf(stderr, "eqp-simulator: %s: %s\n", what, strerror(-error));
        return error;
}

static int complain_listen(const char *what, const struct address *address, int error)
{
        char text[ADDRESS_TEXT_SIZE];

        if (address_format(address, text) >= 0) {
                fprintf(stderr, "eqp-simulator: %s: cannot listen on %s: %s\n", what, text,
                        strerror(-error));
        }
        return error;
}

static int add_site(struct server *server, const struct options *options, size_t index,
                    const struct keys_file *keys_file)
{
        const char *name = options->environments[index].name;
        struct site *site = &server->sites[server->n_sites++];
        struct http_config config = {
                .event = server->event,
                .body_max = API_BODY_MAX,
                .begin = api_begin,
                .decide = api_decide,
        };
        int r;

        r = make_environment(&site->environment, options, name, keys_file);
        if (r < 0) {
                return complain(name, r);
        }
        server->environments[server->n_sites - 1] = site->environment;

        config.userdata = site->environment;
        config.certificate = tls_files_server(server->tls);
        r = http_server_new(&site->right, &config);
        if (r < 0) {
                return complain(name, r);
        }
        config.certificate = tls_files_wrong(server->tls);
        r = http_server_new(&site->wrong, &config);
        if (r < 0) {
                return complain(name, r);
        }

        r = listener_new(&site->listener, server->event, &options->environments[index].address,
                         on_site_connection, site);
        return r < 0 ? complain_listen(name, &options->environments[index].address, r) : 0;
}

static int add_admin(struct server *server, const struct options *options)
{
        struct http_config config = {
                .event = server->event,
                .body_max = ADMIN_BODY_MAX,
                .decide = admin_decide,
                .userdata = &server->admin,
        };
        int r;

        server->admin = (struct admin){
                .environments = server->environments,
                .n_environments = server->n_sites,
                .faults_changed = on_faults_changed,
                .userdata = server,
        };
        r = http_server_new(&server->admin_http, &config);
        if (r < 0) {
                return complain("admin", r);
        }
        r = listener_new(&server->admin_listener, server->event, &options->admin, on_admin_connection,
                         server);
        return r < 0 ? complain_listen("admin", &options->admin, r) : 0;
}

/* The signals are taken as events, so that the loop ends between two callbacks. */
static int begin_loop(struct server *server)
{
        sigset_t mask;
        int r;

        if (sigemptyset(&mask) < 0 || sigaddset(&mask, SIGTERM) < 0 || sigaddset(&mask, SIGINT) < 0 ||
            sigprocmask(SIG_BLOCK, &mask, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
                return -errno;
        }
        r = sd_event_new(&server->event);
        if (r < 0) {
                return r;
        }
        r = sd_event_add_signal(server->event, NULL, SIGTERM, NULL, NULL);
        if (r < 0) {
                return r;
        }
        r = sd_event_add_signal(server->event, NULL, SIGINT, NULL, NULL);
        return r < 0 ? r : 0;
}

static int begin_tls(struct server *server, const struct options *options)
{
        _cleanup_free_ char *path = NULL;
        int r;

        r = tls_files_new(&server->tls, options->tls_directory, options->server_names,
                          options->n_server_names, &path);
        if (r < 0) {
                fprintf(stderr, "eqp-simulator: certificates: %s: %s\n", path ? path : "?", strerror(-r));
        }
        return r;
}

static int read_keys(struct keys_file **ret, const char *path)
{
        int r;

        if (!path) {
                return 0;
        }
        r = keys_file_read(ret, path);
        if (r < 0) {
                fprintf(stderr, "eqp-simulator: keys: %s: %s\n", path,
                        r == -EINVAL ? "not {\"environment\":[{\"id\",\"secret\"}]}" : strerror(-r));
        }
        return r;
}

int server_new(struct server **ret, const struct options *options)
{
        _cleanup_(server_freep) struct server *server = calloc(1, sizeof(*server));
        _cleanup_(keys_file_freep) struct keys_file *keys_file = NULL;
        int r;

        if (!server) {
                return complain("start", -ENOMEM);
        }
        r = read_keys(&keys_file, options->keys_file);
        if (r < 0) {
                return r;
        }

        r = begin_loop(server);
        if (r < 0) {
                return complain("event loop", r);
        }
        r = begin_tls(server, options);
        if (r < 0) {
                return r;
        }
        for (size_t i = 0; i < options->n_environments; i++) {
                r = add_site(server, options, i, keys_file);
                if (r < 0) {
                        return r;
                }
        }
        r = add_admin(server, options);
        if (r < 0) {
                return r;
        }

        *ret = take_ptr(server);
        return 0;
}

struct server *server_free(struct server *server)
{
        if (!server) {
                return NULL;
        }

        listener_free(server->admin_listener);
        http_server_free(server->admin_http);
        for (size_t i = server->n_sites; i-- > 0;) {
                listener_free(server->sites[i].listener);
                http_server_free(server->sites[i].wrong);
                http_server_free(server->sites[i].right);
                environment_free(server->sites[i].environment);
        }
        tls_files_free(server->tls);
        sd_event_unref(server->event);
        free(server);
        return NULL;
}

void server_freep(struct server **server)
{
        *server = server_free(*server);
}

static int add_url(struct json_object *object, const char *name, const char *scheme, const char *host,
                   uint16_t port)
{
        char url[ADDRESS_TEXT_SIZE + 16];

        (void)snprintf(url, sizeof(url), "%s://%s:%u", scheme, host, port);
        return json_add_text(object, name, url);
}

int server_announce(const struct server *server)
{
        _cleanup_(json_putp) struct json_object *line = json_object_new_object();
        struct json_object *environments = json_object_new_object();
        const struct address *address = listener_address(server->admin_listener);
        char text[ADDRESS_TEXT_SIZE + 16] = "http://";
        int r;

        r = address_format(address, text + strlen(text));
        if (r < 0) {
                return r;
        }
        if (json_add_text(line, "admin", text) < 0 ||
            json_add_text(line, "ca_file", tls_files_ca_file(server->tls)) < 0 ||
            json_add(line, "environments", environments) < 0) {
                return -ENOMEM;
        }

        for (size_t i = 0; i < server->n_sites; i++) {
                address = listener_address(server->sites[i].listener);
                if (add_url(environments, server->sites[i].environment->name, "https",
                            address_url_host(address), address_port(address)) < 0) {
                        return -ENOMEM;
                }
        }

        if (printf("%s\n", json_object_to_json_string_ext(
                                   line, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)) < 0 ||
            fflush(stdout) != 0) {
                return -EIO;
        }
        return 0;
}

int server_run(struct server *server)
{
        return sd_event_loop(server->event);
}
