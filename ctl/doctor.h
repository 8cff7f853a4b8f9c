/* Doctor: a report on how the broker is set up here, fit to be pasted into an issue. It holds no secret, no
 * account, no host name of anybody's network and no user's name. */
#pragma once

#include "client/eqp-broker.h"
#include "ctl/options.h"
#include "lib/settings.h"

#include <json-c/json.h>
#include <stdio.h>

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
