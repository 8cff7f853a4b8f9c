/* Any bytes as an answer, as its body and as its head: whatever is granted is whole, and whatever is
 * remembered is free of secrets. */
#include "lib/answer_head.h"
#include "lib/echo.h"
#include "lib/token_exchange.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz.h"

#define SECRET "Sw0rdfish"

static void check_plain(const char *text, size_t max)
{
        size_t length = strlen(text);

        must(length >= 1 && length <= max);
        for (size_t i = 0; i < length; i++) {
                must(text[i] >= 0x21 && text[i] <= 0x7e && text[i] != '"' && text[i] != '\'');
        }
}

static void check_classify(const char *body, size_t size)
{
        struct exchange_answer answer = { .status = 200, .body = body, .body_length = size };
        struct grant grant = { .lifetime_sec = 0 };
        enum exchange_outcome outcome;
        uint32_t retry_after_sec;
        const char *why = NULL;

        outcome = token_exchange_classify(&answer, 0, &grant, &retry_after_sec, &why);
        must(why && retry_after_sec == RETRY_AFTER_NONE);
        if (outcome == EXCHANGE_GRANTED) {
                must(why[0] == '\0');
                must(grant.lifetime_sec >= 1 && grant.lifetime_sec <= LIFETIME_MAX_SEC);
                check_plain(grant.ust, SESSION_TOKEN_MAX);
                check_plain(grant.mage_id, MAGE_ID_MAX);
        } else {
                must(outcome == EXCHANGE_MALFORMED && why[0] != '\0');
                must(grant.lifetime_sec == 0 && grant.ust[0] == '\0' && grant.mage_id[0] == '\0');
        }
}

/* By its status alone; only a grant has no wait. */
static void check_statuses(const char *body, size_t size)
{
        static const long statuses[] = { -1, 0, 100, 201, 302, 400, 401, 403, 408, 429, 500, 503, 599, 999 };

        for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
                struct exchange_answer answer = {
                        .status = statuses[i], .retry_after = "600", .body = body, .body_length = size
                };
                struct grant grant = { .lifetime_sec = 0 };
                uint32_t retry_after_sec = 0;
                const char *why = NULL;
                enum exchange_outcome outcome =
                        token_exchange_classify(&answer, 0, &grant, &retry_after_sec, &why);

                must(outcome != EXCHANGE_GRANTED && retry_after_sec == 600 && why[0] != '\0');
                must((outcome == EXCHANGE_KEY_REFUSED) == (statuses[i] == 401));
                must(grant.ust[0] == '\0');
        }
}

/* has_lines: it is gathered from several, each of which was looked at. */
static void check_shown(const char *text, size_t size, bool has_lines)
{
        const char *const secret = SECRET;
        char without_marks[1024];

        must(strlen(text) < sizeof(without_marks));
        memcpy(without_marks, text, strlen(text) + 1);
        for (char *mark = without_marks; (mark = strstr(mark, "[hidden]"));) {
                memset(mark, 'Z', strlen("[hidden]")); /* its letters are nobody's */
        }

        must(strlen(text) < size && !strcasestr(text, SECRET));
        must(has_lines || !echo_is_in(without_marks, strlen(text), &secret, 1));
        for (const char *p = text; *p != '\0'; p++) {
                must(*p >= 0x20 && *p <= 0x7e);
        }
}

static void check_head(const char *data, size_t size, const char *const *hidden, size_t n_hidden)
{
        struct answer_head head = { 0 };

        while (size > 0) {
                const char *end = memchr(data, '\n', size);
                size_t length = end ? (size_t)(end - data) + 1 : size;

                answer_head_take(&head, data, length, hidden, n_hidden);
                data += length;
                size -= length;
        }
        check_shown(head.content_type, sizeof(head.content_type), false);
        check_shown(head.header_names, sizeof(head.header_names), true);
        check_shown(head.redirect_host, sizeof(head.redirect_host), false);
        must(!strpbrk(head.redirect_host, ":/?#@ "));
        must(strlen(head.retry_after) < sizeof(head.retry_after) && strlen(head.date) < sizeof(head.date));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *const hidden[] = { NULL, "", SECRET, "rdfish-and-more" };
        struct answer_excerpt excerpt;

        check_classify((const char *)data, size);
        check_statuses((const char *)data, size);
        check_head((const char *)data, size, hidden, ARRAY_SIZE(hidden));
        token_exchange_excerpt((const char *)data, size, hidden, ARRAY_SIZE(hidden), &excerpt);
        check_shown(excerpt.message, sizeof(excerpt.message), false);
        return 0;
}
