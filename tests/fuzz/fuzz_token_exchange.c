/* Any bytes as the body of an answer: whatever is granted is whole, and whatever is remembered is free of
 * secrets. */
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *const hidden[] = { NULL, "", SECRET, "rdfish-and-more" };
        struct answer_excerpt excerpt;

        check_classify((const char *)data, size);
        token_exchange_excerpt((const char *)data, size, hidden, ARRAY_SIZE(hidden), &excerpt);
        must(!strcasestr(excerpt.message, SECRET));
        for (const char *p = excerpt.message; *p != '\0'; p++) {
                must(*p >= 0x20 && *p <= 0x7e);
        }
        return 0;
}
