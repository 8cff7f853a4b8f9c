/* Tells when a directory's files change: new, moved, written, removed, other permissions, swapped by a
 * symbolic link; also when the directory itself comes or goes. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

struct key_watch;

/* Called once for a burst of changes, when it has been quiet for a moment. */
typedef void (*key_watch_fn)(void *userdata);

int key_watch_new(struct key_watch **ret, sd_event *event, key_watch_fn changed, void *userdata);
struct key_watch *key_watch_free(struct key_watch *watch);

/* Watches this directory from now on; if it does not exist, the nearest directory above it that does. Call
 * it again after each change. Where the kernel refuses (its limit of watches), a warning says that SIGHUP is
 * needed; where descriptors or memory are short, what was watched before still is, and changed() is called
 * in a while. */
void key_watch_directory(struct key_watch *watch, const char *path);

/* Is this error (negative errno) one that passes, as descriptors or memory are short? Then changed() is
 * called in a while, so that what could not be read is looked at again. */
bool key_watch_retry(struct key_watch *watch, int error);
