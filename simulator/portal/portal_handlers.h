/* portal_handlers: the functions that answer requests for the things that a session token opens. */
#pragma once

#include "simulator/portal/portal_call.h"

int portal_account(struct portal_call *call, struct answer **ret);            /* account_requests.c */
int portal_composer_keys(struct portal_call *call, struct answer **ret);      /* composer_key_requests.c */
int portal_composer_key(struct portal_call *call, struct answer **ret);       /* composer_key_requests.c */
int portal_user_reports(struct portal_call *call, struct answer **ret);       /* reports.c */
int portal_metrics(struct portal_call *call, struct answer **ret);            /* reports.c */
int portal_metric(struct portal_call *call, struct answer **ret);             /* reports.c */
int portal_files(struct portal_call *call, struct answer **ret);              /* files.c */
int portal_file(struct portal_call *call, struct answer **ret);               /* files.c */
int portal_packages(struct portal_call *call, struct answer **ret);           /* package_batch.c */
int portal_package(struct portal_call *call, struct answer **ret);            /* package_batch.c */
int portal_packages_with_item(struct portal_call *call, struct answer **ret); /* package_list.c */
int portal_package_of_item(struct portal_call *call, struct answer **ret);    /* package_list.c */
int portal_packages_with_sku(struct portal_call *call, struct answer **ret);  /* package_list.c */
int portal_packages_of_sku(struct portal_call *call, struct answer **ret);    /* package_list.c */
int portal_results(struct portal_call *call, struct answer **ret);            /* package_results.c */
int portal_results_of_item(struct portal_call *call, struct answer **ret);    /* package_results.c */
int portal_results_of_sku(struct portal_call *call, struct answer **ret);     /* package_results.c */
int portal_result(struct portal_call *call, struct answer **ret);             /* package_results.c */
