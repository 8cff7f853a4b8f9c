/* Doctor, parts: its examinations, in files doctor_*.c, which add what they see to the report, in the order
 * in which they are made; and questions about the daemon's unit that several have. */
#pragma once

#include "ctl/doctor.h"

/* The configuration; hides the names that it has. */
void doctor_examine_configuration(struct doctor *doctor);

/* A part of that: remarks of eqp-brokerd --check on the gateway's rules and local keys. NULL: none. */
void doctor_examine_remarks(struct doctor *doctor, const char *lines);

/* System, container, clock, the name localhost, proxies. */
void doctor_examine_machine(struct doctor *doctor);

/* Versions, how the daemon is reached, and whether this user may. */
void doctor_examine_daemon(struct doctor *doctor);

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

/* Local keys that have an end. */
void doctor_examine_local_keys(struct doctor *doctor);

/* Programs that the daemon has refused as they are set up for something else. */
void doctor_examine_programs(struct doctor *doctor);

/* Directory and files of the keys. */
void doctor_examine_keys(struct doctor *doctor);

/* ---- the unit ---- */

/* Does the daemon's unit show it this file? True as well where that is not known, as without systemd. */
bool doctor_unit_shows(const char *path);

/* Is this path, which has no links, missing in the root directory of the service that runs, or another
 * directory there? A place that a unit shows "if it is there" has to be there when the service starts, and
 * not to be made anew later. False also where that is not to be found out, as by others than root. */
bool doctor_unit_lacks(const char *path);
