/* Tells when key files may have changed: new, moved, written, removed, other permissions; or when their path
 * leads to others, by a link, a rename or a mount. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

struct key_watch;

/* Called once for a burst of changes, when it has been quiet for a moment. */
typedef void (*key_watch_fn)(void *userdata);

/* -ENOMEM. */
int key_watch_new(struct key_watch **ret, sd_event *event, key_watch_fn changed, void *userdata);
/* NULL is fine; returns NULL. */
struct key_watch *key_watch_free(struct key_watch *watch);

/* Before each reading of the files: watches this directory from now on and what leads to it, as far as it
 * exists. */
void key_watch_begin(struct key_watch *watch, const char *directory);

/* A file in it: watches what is written to it elsewhere and, if it is a link, what it leads to. */
void key_watch_file(struct key_watch *watch, const char *directory, const char *name);

/* After the reading: watches that do not matter any more are dropped. Where not all can be
 * watched, what was watched before still is, and changed() is called every now and then, for the whole to be
 * tried again; a warning says so once. */
void key_watch_end(struct key_watch *watch, const char *directory);

/* Does nothing change unnoticed since the last reading? */
bool key_watch_is_sure(const struct key_watch *watch);

/* Is this error (negative errno) one that passes, as descriptors or memory are short? Then changed() is
 * called in a while, so that what could not be read is looked at again. */
bool key_watch_retry(struct key_watch *watch, int error);
