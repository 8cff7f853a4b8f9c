/* Any bytes as an opaque token, and as the secret that the service manager kept: an accepted one is written
 * again as it came. */
#include "lib/opaque_token.h"
#include "lib/saved_opaque_key.h"
#include "lib/secret.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz.h"

static void check_token(const char *text)
{
        static const uint8_t hash[OPAQUE_TOKEN_HASH_SIZE];
        const struct opaque_token_key key = { "production", "lk-1", hash };
        char again[OPAQUE_TOKEN_TEXT_MAX + 1];
        uint8_t bytes[OPAQUE_TOKEN_BOUND_MAX];
        struct opaque_token token;

        if (opaque_token_parse(text, &token) < 0) {
                return;
        }
        must(opaque_token_looks_like(text));
        opaque_token_format(&token, again);
        must(streq(text, again));
        must(opaque_token_bound(&token, &key, bytes) <= sizeof(bytes));
        (void)opaque_token_expired(&token, 0);
}

static void check_saved(const char *text, size_t size)
{
        _cleanup_secret_ struct saved_opaque_key *saved = NULL;
        _cleanup_secret_ char *again = NULL;
        const char *why = NULL;
        size_t length;

        if (saved_opaque_key_parse(text, size, &saved, &why) < 0) {
                must(why && !saved);
                return;
        }
        must(saved->number > 0 && strlen(saved->boot_id) == SAVED_BOOT_ID_LENGTH);
        must(saved_opaque_key_format(saved, &again, &length) == 0);
        must(length == size && memcmp(again, text, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = malloc(size + 1);

        must(text);
        memcpy(text, data, size);
        text[size] = '\0';
        check_token(text);
        check_saved(text, size);
        return 0;
}
