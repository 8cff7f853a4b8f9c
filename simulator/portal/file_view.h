/* file_view: an upload as the API shows it. */
#pragma once

#include "simulator/environment.h"

#include <json-c/json.h>
#include <stdbool.h>

/* All that the documentation has of it, with the packages that it belongs to; NULL without memory. */
struct json_object *file_view(const struct environment *environment, const struct upload *upload);

/* The same without the packages, as packages show their files. */
struct json_object *file_view_short(const struct upload *upload);

/* Whether one of the package's artifacts is this file. */
bool package_has_file(const struct package *package, const char *file_upload_id);
