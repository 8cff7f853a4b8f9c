/* reports: the account's sales, and the Marketplace's metrics. The vendor documents the paths alone:
 * fields and figures are made up, and always the same. */
#include "lib/util.h"
#include "simulator/json_text.h"
#include "simulator/portal/portal_handlers.h"

#include <errno.h>

static const struct report {
        const char *name, *rows;
} reports[] = {
        { "pageviews",
          "[{\"date\":\"2026-01-01\",\"sku\":\"example/one-click-checkout\",\"page_views\":120},"
          "{\"date\":\"2026-01-02\",\"sku\":\"example/one-click-checkout\",\"page_views\":98},"
          "{\"date\":\"2026-01-03\",\"sku\":\"example/gift-wrap\",\"page_views\":7}]" },
        { "totals",
          "[{\"sku\":\"example/one-click-checkout\",\"quantity\":2,\"sales\":60.5,\"refunds\":15.5,"
          "\"currency_code\":\"USD\"},"
          "{\"sku\":\"example/gift-wrap\",\"quantity\":1,\"sales\":30,\"refunds\":0,"
          "\"currency_code\":\"USD\"}]" },
        { "sales",
          "[{\"order_id\":\"100000001\",\"date\":\"2026-01-01 10:00:00\","
          "\"sku\":\"example/one-click-checkout\",\"version\":\"1.1.5\",\"edition\":\"CE\",\"price\":15.5,"
          "\"currency_code\":\"USD\"},"
          "{\"order_id\":\"100000002\",\"date\":\"2026-01-02 11:00:00\","
          "\"sku\":\"example/one-click-checkout\",\"version\":\"1.1.5\",\"edition\":\"EE\",\"price\":45,"
          "\"currency_code\":\"USD\"},"
          "{\"order_id\":\"100000003\",\"date\":\"2026-01-03 12:00:00\",\"sku\":\"example/gift-wrap\","
          "\"version\":\"2.0.0\",\"edition\":\"ECE\",\"price\":30,\"currency_code\":\"USD\"}]" },
        { "refunds", "[{\"order_id\":\"100000001\",\"date\":\"2026-01-05 10:00:00\","
                     "\"sku\":\"example/one-click-checkout\",\"price\":15.5,\"currency_code\":\"USD\"}]" },
};

static const struct report metrics[] = {
        { "pageviews", "{\"name\":\"pageviews\",\"value\":123456}" },
        { "submissions", "{\"name\":\"submissions\",\"value\":789}" },
        { "review_days", "{\"name\":\"review_days\",\"value\":4.5}" },
};

static const char *find(const struct report *list, size_t count, const char *name)
{
        for (size_t i = 0; i < count; i++) {
                if (streq(list[i].name, name)) {
                        return list[i].rows;
                }
        }
        return NULL;
}

static struct json_object *value_of(const char *text)
{
        struct json_object *value;

        return json_read(text, strlen(text), &value) < 0 ? NULL : value;
}

int portal_user_reports(struct portal_call *call, struct answer **ret)
{
        const char *rows = find(reports, ARRAY_SIZE(reports), call->arguments[0]);

        if (!rows) {
                return portal_not_found(ret, "There is no report of this name");
        }
        return portal_answer_list(call, value_of(rows), ret);
}

int portal_metrics(struct portal_call *call, struct answer **ret)
{
        _cleanup_(json_putp) struct json_object *list = json_object_new_array();

        for (size_t i = 0; i < ARRAY_SIZE(metrics); i++) {
                if (json_append(list, value_of(metrics[i].rows)) < 0) {
                        return -ENOMEM;
                }
        }
        return portal_answer_list(call, take_ptr(list), ret);
}

int portal_metric(struct portal_call *call, struct answer **ret)
{
        const char *value = find(metrics, ARRAY_SIZE(metrics), call->arguments[0]);

        return value ? answer_new_json(ret, 200, value_of(value))
                     : portal_not_found(ret, "There is no metric of this name");
}
