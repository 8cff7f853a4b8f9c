/* The messages of the keeper and its children, the frontend and the forwarder: one struct a message,
 * values only, of a bounded size. The children send each other requests by lanes, see lib/lane.h, and no
 * messages.
 *
 * Both ends are the same program, so a struct travels as it lies in memory, zeroed before it is filled: no
 * byte of the sender's memory is in its gaps. The receiver believes nothing: message_check_from_*() hold
 * before anything else looks at a message. Texts end with a NUL, booleans are 0 or 1, enumerations and
 * counts are in range, names are such; lib/message_fields.c says it field by field. */
#pragma once

#include "lib/access_settings.h"
#include "lib/base_url.h"
#include "lib/confinement.h"
#include "lib/environment_view.h"
#include "lib/keys_view.h"
#include "lib/lane.h"
#include "lib/listen_place.h"
#include "lib/rule_groups.h"

#define MESSAGE_RULES_MAX        ACCESS_RULES_MAX /* of one list */
#define MESSAGE_GROUPS_MAX       RULE_GROUPS_MAX
#define MESSAGE_TOKEN_MAX        4096
#define MESSAGE_LISTENERS_MAX    (2 * SETTINGS_LISTEN_MAX) /* a reload opens before it closes */
#define MESSAGE_OPAQUE_KEYS_MAX  (KEYS_PER_ENVIRONMENT_MAX + 1)
#define MESSAGE_OPAQUE_KEY_SIZE  32
#define MESSAGE_RECORD_TEXT_MAX  768
#define MESSAGE_RECORD_FIELD_MAX 100 /* the longest is a unit's name */
#define MESSAGE_RECORD_ID_LENGTH 32
#define MESSAGE_PRIORITY_MIN     3 /* LOG_ERR of syslog(3) */
#define MESSAGE_PRIORITY_MAX     7 /* LOG_DEBUG */
#define MESSAGE_LANES_MAX        LANES_MAX
#define MESSAGE_ADDRESSES_MAX    8
#define MESSAGE_ADDRESS_MAX      45                /* characters: those of IPv6 at their longest */
#define MESSAGE_PROXY_MAX        255               /* characters */
#define MESSAGE_AUTHORITIES_MAX  (4 * 1024 * 1024) /* bytes */

enum message_type {
        /* frontend to keeper; MESSAGE_CONFINED, MESSAGE_RECORD and MESSAGE_PONG: forwarder to keeper, too */
        MESSAGE_CONFINED = 1, /* the first: it has taken away from itself what it does not need */
        MESSAGE_DEMAND,
        MESSAGE_REPORT,
        MESSAGE_REFRESH,
        MESSAGE_ALIVE,
        MESSAGE_RELOAD,
        MESSAGE_GROUPS,
        MESSAGE_NAMES,
        MESSAGE_UNIT,
        MESSAGE_RECORD,
        MESSAGE_PONG,
        /* keeper to frontend; MESSAGE_HELLO, MESSAGE_PING and MESSAGE_DRAIN: keeper to forwarder, too */
        MESSAGE_HELLO,
        MESSAGE_SETTINGS, /* then all up to MESSAGE_SETTINGS_END, which are a part of them */
        MESSAGE_RULES,
        MESSAGE_GATEWAY,
        MESSAGE_LOCAL_KEY,
        MESSAGE_LOCAL_CALLER,
        MESSAGE_GATEWAY_RULE,
        MESSAGE_SETTINGS_END,
        MESSAGE_ENVIRONMENT, /* after MESSAGE_SESSION, if it has a session that is new */
        MESSAGE_SESSION,
        MESSAGE_OPAQUE_KEYS,
        MESSAGE_KEYS,
        MESSAGE_OUTCOME,
        MESSAGE_GROUPS_TOLD,
        MESSAGE_NAMES_TOLD,
        MESSAGE_UNIT_TOLD,
        MESSAGE_LISTENER, /* with a descriptor */
        MESSAGE_LISTENER_GONE,
        MESSAGE_LOG,
        MESSAGE_PING,
        MESSAGE_DRAIN,
        /* keeper to both */
        MESSAGE_LANE, /* with a descriptor */
        /* keeper to frontend */
        MESSAGE_FORWARDER,
        /* frontend to keeper */
        MESSAGE_LANE_DEAD,
        MESSAGE_CARRYING,
        /* keeper to forwarder */
        MESSAGE_UPSTREAM, /* with a descriptor, if there are authorities */
        MESSAGE_UPSTREAM_GONE,
        /* forwarder to keeper */
        MESSAGE_STALE,
        /* frontend to keeper */
        MESSAGE_LANE_BROKEN,
        _MESSAGE_LAST,
};

/* ---- frontend to keeper ---- */

struct message_confined {
        uint32_t type;
        struct confinement confinement;
};

/* MESSAGE_DEMAND (with min_ttl_sec), MESSAGE_REFRESH (with new_account), MESSAGE_ALIVE and MESSAGE_RELOAD
 * (number alone): the question, see daemon/base/sides.h. A field that a type does not have is 0. */
struct message_question {
        uint32_t type;
        uint32_t min_ttl_sec;
        uint64_t number;
        bool new_account;
        char environment[ENVIRONMENT_NAME_MAX + 1];
};

/* Secret. */
struct message_report {
        uint32_t type;
        uint32_t length;
        uint64_t number;
        char environment[ENVIRONMENT_NAME_MAX + 1];
        char ust[MESSAGE_TOKEN_MAX + 1]; /* as a caller gave it: any bytes, `length` of them, then a NUL */
};

struct message_groups {
        uint32_t type;
        uid_t uid;
};

/* Which unit has this control group? */
struct message_unit {
        uint32_t type;
        uint64_t cgroup;
};

/* MESSAGE_NAMES, MESSAGE_DRAIN, MESSAGE_SETTINGS_END, MESSAGE_CARRYING: no more than that. MESSAGE_CARRYING:
 * requests are on the lanes, see keeper_calls.carrying in daemon/base/sides.h. */
struct message_plain {
        uint32_t type;
};

/* A record of the log. A text "" is a field that the record does not have. Else the names are such, the user
 * is in decimal digits, and the unit is printable ASCII. */
struct message_record {
        uint32_t type;
        int32_t priority;                      /* LOG_ERR to LOG_DEBUG */
        char id[MESSAGE_RECORD_ID_LENGTH + 1]; /* hexadecimal digits in lower case, or "" */
        char environment[MESSAGE_RECORD_FIELD_MAX];
        char key[MESSAGE_RECORD_FIELD_MAX];
        char client[MESSAGE_RECORD_FIELD_MAX];
        char uid[MESSAGE_RECORD_FIELD_MAX];
        char unit[MESSAGE_RECORD_FIELD_MAX];
        char text[MESSAGE_RECORD_TEXT_MAX]; /* any bytes but NUL */
};

/* MESSAGE_PING and its MESSAGE_PONG. */
struct message_ping {
        uint32_t type;
        uint64_t number;
};

/* ---- keeper to frontend ---- */

struct message_hello {
        uint32_t type;
        char version[64];      /* of the program, printable ASCII: both ends are one */
        uint64_t first_number; /* for questions: no other frontend has used these */
        uint64_t started_usec; /* CLOCK_BOOTTIME: when the service began, not this process */
        int32_t log_max_priority;
        int32_t service_pid; /* the keeper's */
        struct confinement keeper;
};

struct message_settings_environment {
        char name[ENVIRONMENT_NAME_MAX + 1];
        bool has_allow, has_operators;
};

struct message_settings {
        uint32_t type;
        uid_t own_uid;
        bool metrics;
        bool socket_group_by_name;
        bool end_unix; /* connections on unix sockets end: they were let in by the right of a group that is
                          no more, or has another number */
        uint32_t max_connections;
        uint32_t max_connections_per_user;
        uint32_t n_environments;
        struct message_settings_environment environments[SETTINGS_ENVIRONMENTS_MAX];
};

struct message_rules {
        uint32_t type;
        int32_t environment; /* its place in the settings; -1: the lists for all of them */
        bool operators;      /* else who is allowed */
        uint32_t n;
        struct access_rule rules[MESSAGE_RULES_MAX];
};

/* The gateway of an environment: its rules follow one by one. */
struct message_gateway {
        uint32_t type;
        int32_t environment; /* its place in the settings */
        bool on;
        bool encoded_slash;
        uint64_t body_max;
        uint64_t answer_timeout_usec;
};

/* A local key; its callers and rules follow one by one: there may be thousands of them, most with
 * little of either. */
struct message_local_key {
        uint32_t type;
        bool has_old;
        bool real;
        int64_t old_until_sec, expires_sec;
        char name[LOCAL_KEY_NAME_MAX + 1];
        char environment[ENVIRONMENT_NAME_MAX + 1];
        char id[LOCAL_KEY_ID_MAX + 1];
        uint8_t secret_hash[LOCAL_KEY_HASH_SIZE];
        uint8_t old_secret_hash[LOCAL_KEY_HASH_SIZE];
        char place[LOCAL_KEY_PLACE_MAX + 1];
};

/* Of the local key that was told last. */
struct message_local_caller {
        uint32_t type;
        struct access_rule rule;
};

struct message_gateway_rule {
        uint32_t type;
        int32_t environment; /* its place in the settings; -1: it is of the local key that was told last */
        struct gateway_rule rule;
};

struct message_environment {
        uint32_t type;
        uint64_t session_serial; /* of the session in hand, sent before; 0: none */
        struct environment_view view;
};

/* Secret. The session of this environment from now on; expires_usec is sent_usec with the lifetime. */
struct message_session {
        uint32_t type;
        uint32_t lifetime_sec;
        uint64_t serial;
        uint64_t sent_usec, expires_usec;
        char environment[ENVIRONMENT_NAME_MAX + 1];
        char key_label[KEY_LABEL_MAX + 1];
        char mage_id[MAGE_ID_MAX + 1];
        char ust[MESSAGE_TOKEN_MAX + 1];
};

/* Secret. The keys with which opaque tokens of an environment are made (the first), and verified (any). */
struct message_opaque_keys {
        uint32_t type;
        uint32_t n;
        char environment[ENVIRONMENT_NAME_MAX + 1];
        uint8_t keys[MESSAGE_OPAQUE_KEYS_MAX][MESSAGE_OPAQUE_KEY_SIZE];
};

struct message_keys {
        uint32_t type;
        struct keys_view view; /* with its n_refusals, which end the message */
};

struct message_outcome {
        uint32_t type;
        uint64_t number;
        enum refresh_verdict verdict;
        struct refresh_obstacle obstacle;
        bool stopping;
        char message[SETTINGS_ERROR_MAX];
};

struct message_groups_told {
        uint32_t type;
        uid_t uid;
        bool told;
        uint32_t n;
        gid_t groups[MESSAGE_GROUPS_MAX]; /* only those that rules name */
};

struct message_names_told {
        uint32_t type;
        uint64_t again_usec, until_usec;
};

struct message_unit_told {
        uint32_t type;
        uint64_t cgroup;
        char unit[UNIT_NAME_MAX + 1]; /* "": none that a rule names */
};

/* How many records of the log could not be written so far. */
struct message_log {
        uint32_t type;
        uint64_t n_dropped;
};

enum message_listener_kind {
        MESSAGE_LISTENS_HTTP,
        MESSAGE_LISTENS_FOR_CREDENTIALS,
        MESSAGE_ASKS_FOR_PEERS, /* a socket-diagnosis netlink socket */
        _MESSAGE_LISTENER_KIND_COUNT,
};

struct message_listener {
        uint32_t type;
        enum message_listener_kind kind;
        uint32_t id; /* below MESSAGE_LISTENERS_MAX; names it in MESSAGE_LISTENER_GONE */
        struct listen_place place;
        char name[128]; /* for messages */
        bool passed;    /* it is the service manager's: connections in its queue are for the next process */
};

/* The keeper has closed its own: connections in the queue are let in, then it is closed. */
struct message_listener_gone {
        uint32_t type;
        uint32_t id;
};

/* ---- about the forwarder ---- */

/* MESSAGE_LANE: one end of a pair of SOCK_SEQPACKET sockets comes with it, the other child has the other; it
 * takes the place of the lane with that number. MESSAGE_LANE_DEAD: the frontend's end of it is of no use any
 * more, it is to be made anew. MESSAGE_LANE_BROKEN: the same, as the forwarder sent what makes no sense; all
 * are made anew, with another forwarder. */
struct message_lane {
        uint32_t type;
        uint32_t id;     /* below MESSAGE_LANES_MAX */
        uint64_t serial; /* of this pair; a lane is called dead with it, so that its successor is not */
};

/* The state of the forwarder, for the frontend. */
struct message_forwarder {
        uint32_t type;
        bool wanted;      /* there is an environment with a gateway */
        bool running;     /* there is one, and it has confined itself */
        bool held_back;   /* it keeps ending at once */
        uint64_t n_ended; /* how many have ended that were not asked to, since the service began */
        struct confinement confinement; /* all zero while it is not running */
};

/* Where the requests of an environment go. In the descriptor that comes with it, from its start and sealed
 * against changes, are certificate authorities (PEM): authorities_length bytes for the upstream, then
 * proxy_authorities_length bytes for an https proxy. 0 and 0: there is no descriptor. */
struct message_upstream {
        uint32_t type;
        uint32_t authorities_length; /* each at most MESSAGE_AUTHORITIES_MAX */
        uint32_t proxy_authorities_length;
        uint64_t connect_timeout_usec, answer_timeout_usec;
        uint32_t n_addresses; /* 0: they are not known */
        char environment[ENVIRONMENT_NAME_MAX + 1];
        char base_url[BASE_URL_MAX + 1];
        /* http, https, socks4a or socks5h, with a port; may hold a password; "": none. */
        char proxy[MESSAGE_PROXY_MAX + 1];
        /* Of the proxy, or, without, of the base URL's host; as inet_ntop() writes them, the best first. */
        char addresses[MESSAGE_ADDRESSES_MAX][MESSAGE_ADDRESS_MAX + 1];
};

/* MESSAGE_UPSTREAM_GONE: nothing goes there any more. MESSAGE_STALE: none of its addresses took a
 * connection; they are looked up again, not more often than the keeper likes. */
struct message_upstream_name {
        uint32_t type;
        char environment[ENVIRONMENT_NAME_MAX + 1];
};

/* ---- any of them ---- */

/* Bytes; every struct above is smaller, that of keys with all refusals there can be. */
#define MESSAGE_SIZE_MAX (64 * 1024)

/* Fills a message with another one of this type, field by field, and texts up to their ends: bytes that a
 * compiler copies along with a struct, the gaps between its members, hold memory that lay there before,
 * which is not to travel. (__builtin_clear_padding() of gcc 12 clears parts of fields as well.) ret is
 * zeroed first. Not for MESSAGE_KEYS. */
void message_copy(void *ret, const void *from, uint32_t type);

/* Is this a message that a frontend (a forwarder) may send to the keeper, of the size of its type, and with
 * sound values? The bytes are aligned for any type. Returns its type, else -EBADMSG. */
int message_check_from_frontend(const void *bytes, size_t length);
int message_check_from_forwarder(const void *bytes, size_t length);
/* The same of what a keeper may send to the frontend (to the forwarder). */
int message_check_from_keeper(const void *bytes, size_t length);
int message_check_to_forwarder(const void *bytes, size_t length);

/* Copies a text, cut to fit into size bytes, which are zeroed behind it; NULL is "". */
void message_set_text(char *ret, size_t size, const char *text);

/* The whole view as a message, which is as long as that, in bytes. The other way round there is nothing to
 * do: the content of a checked message is a view. */
size_t message_keys_size(const struct keys_view *view);
void message_keys_fill(struct message_keys *ret, const struct keys_view *view);
