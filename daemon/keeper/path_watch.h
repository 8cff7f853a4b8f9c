/* Tells when a path may lead to something else: any name in it, and in what its links lead to, comes, goes,
 * moves or changes its permissions. Changes by mounts are not reported. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

struct path_watch;

/* Something happened to one of the names; called for each event. */
typedef void (*path_watch_fn)(void *userdata);

/* -ENOMEM. */
int path_watch_new(struct path_watch **ret, sd_event *event, path_watch_fn noticed, void *userdata);
/* NULL is fine; returns NULL. */
struct path_watch *path_watch_free(struct path_watch *watch);

/* Begins to say anew what is watched; meanwhile all that was watched before still is. */
void path_watch_begin(struct path_watch *watch);

/* The names that lead to a directory, as far as they exist, and all names in it. Negative errno: something
 * of it cannot be watched; the rest is. */
int path_watch_directory(struct path_watch *watch, const char *path);

/* The names that lead to the file of this name in that directory, and what is written to it by any name;
 * likewise. */
int path_watch_file(struct path_watch *watch, const char *directory, const char *name);

/* Lets go what was not said again. trouble: something could not be watched this time; then what was watched
 * before stays for a while. */
void path_watch_end(struct path_watch *watch, bool trouble);

/* Is anything of what was said on a file system, as those of a network, on which files change and the kernel
 * does not hear of it? */
bool path_watch_is_silent(const struct path_watch *watch);
