/* Doctor: a report on how the broker is set up here, fit to be pasted into an issue. It holds no secret, no
 * account, no host name of anybody's network and no user's name. */
#pragma once

#include <json-c/json.h>
#include <stdio.h>

#include "client/eqp-broker.h"
#include "ctl/options.h"
#include "lib/settings.h"

struct doctor_secrecy; /* texts that must not be in the report, and their replacements */

struct doctor {
        const struct options *options;
        struct settings *settings;      /* as configured; NULL: not known */
        struct json_object *status;     /* of the daemon; NULL: it does not answer */
        struct json_object *facts;      /* section → name → text */
        struct json_object *findings;   /* each with id, what, why, cure */
        struct doctor_secrecy *secrecy; /* NULL: nothing is hidden yet */
        bool user;                      /* it is about this user's own broker, not the system's */
        bool as_daemon;                 /* files were read as the daemon's user */
        bool refused;                   /* it answers, but not this user */
        bool out_of_memory;
};

/* ---- writing the report ---- */

/* -ENOMEM. Release with doctor_clear(). */
int doctor_init(struct doctor *ret_doctor, const struct options *options);
void doctor_clear(struct doctor *doctor);

/* A line of the report. Text is cleaned and scrubbed. */
void doctor_fact(struct doctor *doctor, const char *section, const char *name, const char *format, ...)
        _printf_(4, 5);

/* A fault: id is a word for programs; the fault (what), its consequence (why), its cure. */
void doctor_find(struct doctor *doctor, const char *id, const char *what, const char *why, const char *cure);

/* From now on this name is replaced wherever it stands, whatever its case. */
void doctor_hide(struct doctor *doctor, const char *name, const char *by);

/* Hides the host of a URL, and whatever stands before it, unless it is the vendor's or this machine. */
void doctor_hide_url(struct doctor *doctor, const char *url, const char *by);

/* The report for people, and for programs. EXIT_DONE, or EXIT_FAILED after saying why. */
int doctor_print(struct doctor *doctor);
int doctor_print_json(struct doctor *doctor);

/* ---- the examinations, in the order in which they are to be made ---- */

/* The configuration; hides the names that it has. */
void doctor_examine_configuration(struct doctor *doctor);

/* A part of that: remarks of eqp-brokerd --check on the gateway's rules and local keys. NULL: none. */
void doctor_examine_remarks(struct doctor *doctor, const char *lines);

/* Does the daemon's unit show it this file? True as well where that is not known, as without systemd. */
bool doctor_unit_shows(const char *path);

/* System, container, clock, the name localhost, proxies. */
void doctor_examine_machine(struct doctor *doctor);

/* Versions, how the daemon is reached, and whether this user may. */
void doctor_examine_daemon(struct doctor *doctor);

/* Local keys that have an end. */
void doctor_examine_local_keys(struct doctor *doctor);

/* Programs that the daemon has refused as they are set up for something else. */
void doctor_examine_programs(struct doctor *doctor);

/* Directory and files of the keys. */
void doctor_examine_keys(struct doctor *doctor);

/* Each environment: where it is, and its state. */
void doctor_examine_environments(struct doctor *doctor);

/* Its sharing with other hosts; section is where its facts are told. */
void doctor_examine_share(struct doctor *doctor, struct json_object *environment, const char *name,
                          const char *section);
/* Its last answer that held no token; likewise. */
void doctor_examine_answers(struct doctor *doctor, struct json_object *environment, const char *name,
                            const char *section);
/* A part of that: the daemon's view of each key. section: of the report. */
void doctor_examine_known_keys(struct doctor *doctor, struct json_object *environment, const char *section);
