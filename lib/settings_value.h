/* Inside settings: values that several keys have. Each reads one into *ret, or fails the reading as
 * settings_fail_value() does; *ret is written on success only. */
#pragma once

#include "lib/settings_reading.h"

int settings_value_number(struct settings_reading *r, const char *value, uint32_t min, uint32_t max,
                          uint32_t *ret);

/* From a second on. */
int settings_value_duration(struct settings_reading *r, const char *value, uint64_t max_usec,
                            uint64_t *ret_usec);

/* Bytes. */
int settings_value_size(struct settings_reading *r, const char *value, uint64_t min, uint64_t max,
                        uint64_t *ret);

/* The moment of the wall clock at which something ends; see lib/end_date.h. */
int settings_value_end_date(struct settings_reading *r, const char *value, int64_t *ret);

/* One of two words; *ret tells whether it was the first. */
int settings_value_either(struct settings_reading *r, const char *value, const char *first,
                          const char *second, bool *ret);

/* A copy takes the place of *ret, which is freed; of a path, an absolute one. */
int settings_value_text(struct settings_reading *r, const char *value, char **ret);
int settings_value_path(struct settings_reading *r, const char *value, char **ret);

/* One rule more, or the first of this file, which takes the place of all. units: it may be about a unit. */
int settings_value_rule(struct settings_reading *r, const char *value, bool units,
                        struct access_rules *rules);
