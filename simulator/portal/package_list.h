/* package_list: lists of packages: filtered, sorted, in pages. */
#pragma once

#include "simulator/portal/portal_call.h"

enum package_set { PACKAGES_ALL, PACKAGES_WITH_ITEM, PACKAGES_WITH_SKU, PACKAGES_OF_SKU };

/* Answers with the packages of the set (PACKAGES_OF_SKU: of the one that is the call's argument) as the
 * query wants them. Returns 0 or a negative errno. */
int package_list_answer(struct portal_call *call, enum package_set set, struct answer **ret);
