/* Key store: the directory with the key files, as eqpctl sees it. Everything goes by the directory's
 * descriptor, so that nobody who may write into it can lead us elsewhere meanwhile. */
#pragma once

#include "lib/access_key.h"
#include "lib/key_file_rule.h"
#include "lib/names.h"
#include "lib/settings.h"

#include <sys/stat.h>

#define KEY_FILE_NAME_MAX    (ENVIRONMENT_NAME_MAX + 1 + KEY_LABEL_MAX)
#define KEY_STORE_REASON_MAX 512

/* Which key file is meant. */
struct key_file_name {
        char file[KEY_FILE_NAME_MAX + 1];
        char environment[ENVIRONMENT_NAME_MAX + 1];
        char label[KEY_LABEL_MAX + 1]; /* "": none */
};

/* A file of the directory. */
struct key_entry {
        char file[256];                             /* as it is shown: printable ASCII */
        char environment[ENVIRONMENT_NAME_MAX + 1]; /* "": the name tells none that is configured */
        char label[KEY_LABEL_MAX + 1];
        bool examined;  /* status is set */
        bool elsewhere; /* a link that leads out of the directory: the daemon follows it, and nobody here */
        struct stat status;
        struct access_key *key;            /* NULL: it gives no key */
        char reason[KEY_STORE_REASON_MAX]; /* why it is not used, and the cure; "" if it is */
};

struct key_entries {
        struct key_entry *entries; /* in the order of their names, as the daemon has it */
        size_t n;
};

struct key_store {
        int fd; /* -1: there is no such directory */
        char *path;
        struct stat status; /* of the directory */
};

/* ENVIRONMENT or ENVIRONMENT.LABEL. -EINVAL. */
int key_file_name_read(struct key_file_name *ret_name, const char *text);

/* Opens the directory. -ENOENT is no error but a store without a directory. Says on stderr what is wrong and
 * returns a negative errno otherwise. Release with key_store_close(). */
int key_store_open(struct key_store *ret_store, const char *path);
void key_store_close(struct key_store *store);

/* Reads all key files and judges them as the daemon would: with settings (NULL: any environment is known)
 * and their key_permissions. An empty list without a directory. Says on stderr what is wrong and returns a
 * negative errno. Release with key_entries_free(), which wipes the keys. */
int key_store_read(const struct key_store *store, const struct settings *settings,
                   struct key_entries *ret_entries);
void key_entries_free(struct key_entries *entries);

/* NULL: there is no file of this name. */
const struct key_entry *key_entries_find(const struct key_entries *entries, const char *file);
