/* The names people give to environments, key labels and clients: which characters, how long. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define ENVIRONMENT_NAME_MAX 32 /* characters, without the NUL */
#define KEY_LABEL_MAX        32
#define CLIENT_NAME_MAX      64
#define LOCAL_KEY_NAME_MAX   32

#define KEYS_PER_ENVIRONMENT_MAX 3

/* [a-z][a-z0-9-]{0,31}, and none of the words that stand first in our own paths: v1, livez, readyz, metrics.
 */
bool environment_name_valid(const char *name, size_t length);

/* [A-Za-z0-9_][A-Za-z0-9._-]{0,31}. */
bool key_label_valid(const char *label, size_t length);

/* Of a local key: written like a key's label. */
bool local_key_name_valid(const char *name, size_t length);

/* 1 to 64 of A-Z a-z 0-9 . _ / @ -, what the EQP-Client header carries. */
bool client_name_valid(const char *name, size_t length);

/* Is this a client's name that a person has chosen, and no application ID, token or digest? So are words,
 * with a number of three digits behind each at most, or numbers of four: "shop-import", "ShopImport2",
 * "eqp.ci/2026". In doubt it is not. */
bool client_name_is_plain(const char *name);

/* Splits the name of a key file, "<environment>" or "<environment>.<label>"; the label is "" without one.
 * -EINVAL: the part before the first dot is no environment name, or the label is not one. */
int key_file_name_parse(const char *file_name, char ret_environment[static ENVIRONMENT_NAME_MAX + 1],
                        char ret_label[static KEY_LABEL_MAX + 1]);
