/* Credentials of a request: the right secret in the right place, and every other. */
#include "daemon/frontend/callers/local_keys.h"
#include "daemon/frontend/callers/opaque_tokens.h"
#include "lib/util.h"
#include "tests/unit/unit.h"

#include <stdio.h>

#define NOW_USEC (1000 * USEC_PER_SEC)
#define NOW      INT64_C(1800000000)

#define RIGHT                                                                                               \
        "Basic "                                                                                            \
        "bGstcmVwb3J0cy0xOjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhY" \
        "mNkZWY=" /* lk-reports-1:0123456789abcdef… */
#define OLD                                                                                                 \
        "Basic "                                                                                            \
        "bGstcmVwb3J0cy0xOmZlZGNiYTk4NzY1NDMyMTBmZWRjYmE5ODc2NTQzMjEwZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1N" \
        "DMyMTA="                                /* lk-reports-1:fedcba9876543210… */
#define WRONG   "Basic bGstcmVwb3J0cy0xOndyb25n" /* lk-reports-1:wrong */
#define UNKNOWN "Basic bmlnaHRseTp4"             /* nightly:x */

static struct sides nobody;
static const uint8_t mac_keys[MESSAGE_OPAQUE_KEYS_MAX][MESSAGE_OPAQUE_KEY_SIZE] = { { 1, 2, 3 }, { 4 } };

struct desk {
        struct known known;
        struct local_keys keys;
        struct caller_identity caller;
        bool must;
};

/* The key "reports" of production, of one user, with an old secret; "other" of the sandbox, of anybody. */
static struct access_settings *make_settings(void)
{
        struct access_settings *settings = calloc(1, sizeof(*settings));
        const struct access_rule caller = { ACCESS_RULE_UID, .resolved = true, .id = 1000 };
        struct local_key reports = { .name = "reports",
                                     .environment = "production",
                                     .id = "lk-reports-1",
                                     .has_old = true,
                                     .old_until_sec = NOW + 60,
                                     .expires_sec = NOW + 3600 };
        struct local_key other = { .name = "other", .environment = "sandbox", .id = "lk-other" };

        assert_non_null(settings);
        settings->n_environments = 2;
        (void)snprintf(settings->environments[0].name, ENVIRONMENT_NAME_MAX, "production");
        (void)snprintf(settings->environments[1].name, ENVIRONMENT_NAME_MAX, "sandbox");
        assert_int_equal(
                local_key_hash_parse("a8ae6e6ee929abea3afcfc5258c8ccd6f85273e0d4626d26c7279f3250f77c8e",
                                     reports.secret_hash),
                0);
        assert_int_equal(
                local_key_hash_parse("7b9d07f2404b102b3c62fede026097c5ab81668f18414abd8ea560cecb008006",
                                     reports.old_secret_hash),
                0);
        memcpy(other.secret_hash, reports.secret_hash, sizeof(other.secret_hash));
        assert_int_equal(access_rules_add(&reports.callers, &caller), 0);
        assert_int_equal(access_settings_add_key(settings, &reports), 0);
        assert_int_equal(access_settings_add_key(settings, &other), 0);
        assert_int_equal(access_settings_settle(settings), 0);
        return settings;
}

static int set_up(void **state)
{
        struct desk *desk = calloc(1, sizeof(*desk));

        assert_non_null(desk);
        known_init(&desk->known, &nobody);
        known_take_settings(&desk->known, make_settings());
        assert_int_equal(known_take_opaque_keys(&desk->known, "production", mac_keys, 1), 0);
        assert_int_equal(known_take_opaque_keys(&desk->known, "sandbox", mac_keys, 1), 0);
        desk->caller = (struct caller_identity){ .uid = 1000, .gid = 1000 };
        *state = desk;
        return 0;
}

static int tear_down(void **state)
{
        struct desk *desk = *state;

        known_clear(&desk->known);
        local_keys_clear(&desk->keys);
        free(desk);
        return 0;
}

static struct carried_key look_at(struct desk *desk, int environment, const char *authorization,
                                  uint64_t now_usec, int64_t now_sec)
{
        const struct local_look look = { &desk->caller, now_usec, now_sec, desk->must };
        struct carried_key carried;

        assert_int_equal(
                local_keys_look(&desk->keys, &desk->known, environment, authorization, &look, &carried), 0);
        return carried;
}

static struct carried_key look(struct desk *desk, int environment, const char *authorization)
{
        return look_at(desk, environment, authorization, NOW_USEC, NOW);
}

static const struct local_key *key_of(const struct desk *desk, const char *name)
{
        const struct local_key *key = access_settings_key(desk->known.settings, name);

        assert_non_null(key);
        return key;
}

static void bearer(struct desk *desk, const char *name, uid_t uid, int64_t expires_sec, char ret[256])
{
        const struct local_key *key = key_of(desk, name);
        char text[OPAQUE_TOKEN_TEXT_MAX + 1];

        assert_int_equal(opaque_tokens_make(desk->known.environments[0]->opaque, key, key->secret_hash, uid,
                                            expires_sec, text),
                         0);
        (void)snprintf(ret, 256, "bearer  %s", text);
}

static void pairs(void **state)
{
        struct desk *desk = *state;
        struct carried_key carried = look(desk, 0, RIGHT);

        assert_int_equal(carried.kind, CARRIED_LOCAL);
        assert_ptr_equal(carried.key, key_of(desk, "reports"));
        assert_ptr_equal(carried.secret_hash, carried.key->secret_hash);
        assert_false(carried.by_token);
        carried = look(desk, 0, OLD);
        assert_int_equal(carried.kind, CARRIED_LOCAL);
        assert_ptr_equal(carried.secret_hash, carried.key->old_secret_hash);
        assert_int_equal(look_at(desk, 0, OLD, NOW_USEC + 1, NOW + 60).kind, CARRIED_REFUSED);
        assert_int_equal(local_keys_counts(&desk->keys, &desk->known)[1].last_usec, NOW_USEC);
        assert_int_equal(look_at(desk, 0, RIGHT, NOW_USEC + 2, NOW + 60).kind, CARRIED_LOCAL);
        assert_int_equal(local_keys_counts(&desk->keys, &desk->known)[1].last_usec, NOW_USEC + 2);
        assert_int_equal(local_keys_counts(&desk->keys, &desk->known)[0].last_usec, 0);
        assert_int_equal(look(desk, -1, RIGHT).kind, CARRIED_LOCAL);
        assert_int_equal(look(desk, 0, NULL).kind, CARRIED_NOTHING);
        assert_int_equal(look(desk, 0, "Digest x").kind, CARRIED_OTHER);
        assert_int_equal(look(desk, 0, "Bearer baGXoStRuR9V").kind, CARRIED_OTHER);
}

static void is_refused(struct desk *desk, struct carried_key carried, enum local_refusal why, uint64_t n)
{
        assert_int_equal(carried.kind, CARRIED_REFUSED);
        assert_int_equal(carried.status, 401);
        assert_true(*carried.slug && *carried.message);
        assert_int_equal(desk->keys.n_refused[why], n);
}

static void refusals(void **state)
{
        struct desk *desk = *state;

        is_refused(desk, look(desk, 0, WRONG), LOCAL_REFUSAL_SECRET, 1);
        is_refused(desk, look(desk, 1, RIGHT), LOCAL_REFUSAL_ENVIRONMENT, 1);
        is_refused(desk, look_at(desk, 0, RIGHT, NOW_USEC, NOW + 3600), LOCAL_REFUSAL_EXPIRED, 1);
        desk->caller.uid = 1001;
        is_refused(desk, look(desk, 0, RIGHT), LOCAL_REFUSAL_CALLER, 1);
}

/* Whether there is such an ID is not shown to a client that does not know its secret. */
static void unknown_and_wrong_look_the_same(void **state)
{
        struct desk *desk = *state;
        struct carried_key wrong, unknown;

        assert_int_equal(look(desk, 0, UNKNOWN).kind, CARRIED_OTHER);
        desk->must = true;
        wrong = look(desk, 0, WRONG);
        unknown = look(desk, 0, UNKNOWN);
        assert_true(unknown.unknown_id && !wrong.unknown_id); /* for the status alone */
        unknown.unknown_id = false;
        assert_memory_equal(&wrong, &unknown, sizeof(wrong));
}

static void slow(void **state)
{
        struct desk *desk = *state;
        struct carried_key carried;

        for (int i = 0; i < WRONG_SECRETS_BURST; i++) {
                assert_int_equal(look(desk, 0, WRONG).kind, CARRIED_REFUSED);
        }
        carried = look(desk, 0, RIGHT);
        assert_int_equal(carried.kind, CARRIED_SLOW);
        assert_int_equal(carried.status, 429);
        assert_in_range(carried.retry_after_sec, 1, 7);
        assert_int_equal(look(desk, 0, UNKNOWN).kind, CARRIED_OTHER); /* is no guess */
        desk->caller.uid = 0;
        assert_int_equal(look(desk, 0, WRONG).kind, CARRIED_REFUSED);
        desk->caller.uid = 1000;
        assert_int_equal(look_at(desk, 0, RIGHT, NOW_USEC + 7 * USEC_PER_SEC, NOW).kind, CARRIED_LOCAL);
}

static void tokens(void **state)
{
        struct desk *desk = *state;
        struct carried_key carried;
        char text[256];

        bearer(desk, "reports", 1000, NOW + 100, text);
        carried = look(desk, 0, text);
        assert_int_equal(carried.kind, CARRIED_LOCAL);
        assert_true(carried.by_token);
        assert_string_equal(carried.key->name, "reports");
        is_refused(desk, look_at(desk, 0, text, NOW_USEC, NOW + 100), LOCAL_REFUSAL_TOKEN, 1);
        is_refused(desk, look(desk, 1, text), LOCAL_REFUSAL_ENVIRONMENT, 1);
        desk->caller.uid = 1001;
        is_refused(desk, look(desk, 0, text), LOCAL_REFUSAL_TOKEN, 2);
        desk->caller.uid = 1000;
        text[strlen(text) - 1] ^= 1;
        is_refused(desk, look(desk, 0, text), LOCAL_REFUSAL_TOKEN, 3);
        bearer(desk, "reports", 1000, NOW + OPAQUE_TOKEN_LIFE_MAX_SEC + 1, text);
        is_refused(desk, look(desk, 0, text), LOCAL_REFUSAL_TOKEN, 4);
        is_refused(desk, look(desk, 0, "Bearer eqpl1.reports.x"), LOCAL_REFUSAL_TOKEN, 5);
        /* Of a key without callers, anybody's. */
        bearer(desk, "other", 1000, NOW + 100, text);
        desk->caller.uid = 4711;
        assert_int_equal(look(desk, 1, text).kind, CARRIED_LOCAL);
}

/* However many wrong tokens there are, the secret is heard: a client whose token has ended asks for another.
 */
static void wrong_tokens_slow_nobody(void **state)
{
        struct desk *desk = *state;

        for (int i = 0; i < 100; i++) {
                assert_int_equal(look(desk, 0, "Bearer eqpl1.reports.x").kind, CARRIED_REFUSED);
        }
        assert_int_equal(look(desk, 0, RIGHT).kind, CARRIED_LOCAL);
}

static void tokens_go_with_the_secret(void **state)
{
        struct desk *desk = *state;
        struct access_settings *settings = make_settings();
        struct local_key *key = (struct local_key *)access_settings_key(settings, "reports");
        char text[256];

        bearer(desk, "reports", 1000, NOW + 100, text);
        memcpy(key->old_secret_hash, key->secret_hash, sizeof(key->secret_hash));
        key->secret_hash[0] ^= 1;
        known_take_settings(&desk->known, settings);
        assert_int_equal(look(desk, 0, text).kind, CARRIED_LOCAL); /* as its secret is */
        assert_int_equal(look_at(desk, 0, text, NOW_USEC, NOW + 60).kind, CARRIED_REFUSED);
        settings = make_settings();
        key = (struct local_key *)access_settings_key(settings, "reports");
        key->secret_hash[0] ^= 1;
        known_take_settings(&desk->known, settings);
        assert_int_equal(look(desk, 0, text).kind, CARRIED_REFUSED);
        settings = make_settings();
        key = (struct local_key *)access_settings_key(settings, "reports");
        key->id[0] = 'm';
        known_take_settings(&desk->known, settings);
        assert_int_equal(look(desk, 0, text).kind, CARRIED_REFUSED);
}

/* Made with the first MAC key, known by any: one that comes before the other ends nothing. */
static void mac_keys_change(void **state)
{
        static const uint8_t both[MESSAGE_OPAQUE_KEYS_MAX][MESSAGE_OPAQUE_KEY_SIZE] = { { 9 }, { 1, 2, 3 } };
        struct desk *desk = *state;
        char text[256];

        bearer(desk, "reports", 1000, NOW + 100, text);
        assert_int_equal(known_take_opaque_keys(&desk->known, "production", both, 2), 0);
        assert_int_equal(look(desk, 0, text).kind, CARRIED_LOCAL);
        assert_int_equal(known_take_opaque_keys(&desk->known, "production", both, 1), 0);
        assert_int_equal(look(desk, 0, text).kind, CARRIED_REFUSED);
        assert_int_equal(known_take_opaque_keys(&desk->known, "production", both, 0), 0);
        assert_int_equal(look(desk, 0, text).kind, CARRIED_REFUSED);
}

static void counts(void **state)
{
        struct desk *desk = *state;
        const struct local_key_count *counts;
        struct access_settings *settings;
        struct local_key first = { .name = "a-first", .environment = "sandbox", .id = "lk-a" };

        local_keys_count_token(&desk->keys, &desk->known, key_of(desk, "reports"));
        local_keys_count_token(&desk->keys, &desk->known, key_of(desk, "reports"));
        assert_int_equal(look(desk, 0, RIGHT).kind, CARRIED_LOCAL);
        settings = make_settings();
        assert_int_equal(access_settings_add_key(settings, &first), 0);
        assert_int_equal(access_settings_settle(settings), 0);
        known_take_settings(&desk->known, settings);
        local_keys_count_token(&desk->keys, &desk->known, key_of(desk, "other"));
        counts = local_keys_counts(&desk->keys, &desk->known);
        assert_non_null(counts);
        assert_string_equal(counts[0].name, "a-first");
        assert_int_equal(counts[0].last_usec, 0);
        assert_int_equal(counts[0].n_tokens, 0);
        assert_string_equal(counts[1].name, "other");
        assert_int_equal(counts[1].n_tokens, 1);
        assert_string_equal(counts[2].name, "reports");
        assert_int_equal(counts[2].n_tokens, 2);
        assert_int_equal(counts[2].last_usec, NOW_USEC);
}

static void resembles(void **state)
{
        const struct desk *desk = *state;

        assert_true(local_keys_resemble(&desk->known, "lk-reports-1"));
        assert_true(local_keys_resemble(&desk->known, "LK-REPORTS"));
        assert_true(local_keys_resemble(&desk->known, "lk-gone"));
        assert_false(local_keys_resemble(&desk->known, "nightly"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(pairs),
                TEST(refusals),
                TEST(unknown_and_wrong_look_the_same),
                TEST(slow),
                TEST(tokens),
                TEST(wrong_tokens_slow_nobody),
                TEST(mac_keys_change),
                TEST(counts),
                TEST(tokens_go_with_the_secret),
                TEST(resembles),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
