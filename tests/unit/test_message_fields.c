/* The tables of fields know every byte of every message, but for gaps, and nothing of what they know passes
 * unchecked. */
#include "lib/message_fields.h"
#include "tests/unit/message_samples.h"
#include "tests/unit/unit.h"

#include <errno.h>

static union sample sample;

/* For each byte: is it of a field? */
static void mark(const struct message_fields *fields, unsigned char *known)
{
        for (size_t i = 0; i < fields->n; i++) {
                const struct message_field *field = &fields->list[i];

                for (size_t at = 0; at < field->size; at++) {
                        assert_int_equal(known[field->offset + at], 0); /* not of two */
                        known[field->offset + at] = field->kind != MESSAGE_FIELD_STRUCTS;
                }
                if (field->kind == MESSAGE_FIELD_STRUCTS) {
                        assert_int_equal(field->size % field->of->size, 0);
                        for (size_t at = 0; at < field->size; at += field->of->size) {
                                mark(field->of, known + field->offset + at);
                        }
                }
        }
}

#ifdef __has_builtin
#if __has_builtin(__builtin_clear_padding)

/* A byte that is no gap keeps its ones. (With gcc 12 even some of what is none does not: of structs in an
 * array.)
 */
#define BYTES(name)                                                                                         \
        ({                                                                                                  \
                struct name *_all = (struct name *)sample.bytes;                                            \
                memset(_all, 1, sizeof(*_all));                                                             \
                __builtin_clear_padding(_all);                                                              \
                sizeof(*_all);                                                                              \
        })

static size_t bytes_of(uint32_t type)
{
        switch (type) {
        case MESSAGE_CONFINED:
                return BYTES(message_confined);
        case MESSAGE_DEMAND:
        case MESSAGE_REFRESH:
        case MESSAGE_ALIVE:
        case MESSAGE_RELOAD:
                return BYTES(message_question);
        case MESSAGE_REPORT:
                return BYTES(message_report);
        case MESSAGE_GROUPS:
                return BYTES(message_groups);
        case MESSAGE_RECORD:
                return BYTES(message_record);
        case MESSAGE_PING:
        case MESSAGE_PONG:
                return BYTES(message_ping);
        case MESSAGE_HELLO:
                return BYTES(message_hello);
        case MESSAGE_SETTINGS:
                return BYTES(message_settings);
        case MESSAGE_RULES:
                return BYTES(message_rules);
        case MESSAGE_GATEWAY:
                return BYTES(message_gateway);
        case MESSAGE_LOCAL_KEY:
                return BYTES(message_local_key);
        case MESSAGE_LOCAL_CALLER:
                return BYTES(message_local_caller);
        case MESSAGE_GATEWAY_RULE:
                return BYTES(message_gateway_rule);
        case MESSAGE_OPAQUE_KEYS:
                return BYTES(message_opaque_keys);
        case MESSAGE_SESSION:
                return BYTES(message_session);
        case MESSAGE_OUTCOME:
                return BYTES(message_outcome);
        case MESSAGE_GROUPS_TOLD:
                return BYTES(message_groups_told);
        case MESSAGE_NAMES_TOLD:
                return BYTES(message_names_told);
        case MESSAGE_UNIT:
                return BYTES(message_unit);
        case MESSAGE_UNIT_TOLD:
                return BYTES(message_unit_told);
        case MESSAGE_LISTENER:
                return BYTES(message_listener);
        case MESSAGE_LOG:
                return BYTES(message_log);
        case MESSAGE_LISTENER_GONE:
                return BYTES(message_listener_gone);
        case MESSAGE_LANE:
        case MESSAGE_LANE_DEAD:
        case MESSAGE_LANE_BROKEN:
                return BYTES(message_lane);
        case MESSAGE_FORWARDER:
                return BYTES(message_forwarder);
        case MESSAGE_UPSTREAM:
                return BYTES(message_upstream);
        case MESSAGE_UPSTREAM_GONE:
        case MESSAGE_STALE:
                return BYTES(message_upstream_name);
        default:
                return BYTES(message_plain);
        }
}

static void test_no_byte_is_forgotten(void **state)
{
        static unsigned char known[MESSAGE_SIZE_MAX];

        for (uint32_t type = MESSAGE_CONFINED; type < _MESSAGE_LAST; type++) {
                const struct message_fields *fields = message_fields_of(type);

                if (type == MESSAGE_KEYS || type == MESSAGE_ENVIRONMENT) {
                        continue; /* the compiler cannot tell, or is wrong (gcc 12): the next tests */
                }
                assert_int_equal(bytes_of(type), fields->size);
                memset(known, 0, sizeof(known));
                mark(fields, known);
                assert_memory_equal(known, sample.bytes, fields->size);
        }
}

#endif
#endif

/* The table of a member that is a struct, or an array of such. */
static const struct message_fields *table_of(const struct message_fields *fields, size_t offset)
{
        for (size_t i = 0; i < fields->n; i++) {
                if (fields->list[i].offset == offset) {
                        return fields->list[i].of;
                }
        }
        return NULL;
}

/* A value for each member, or it does not compile: so many rows there have to be. */
#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wmissing-field-initializers"
#define ZEROS4 0, 0, 0, 0
static void test_every_member_has_a_row(void **state)
{
        const struct message_environment environment_members = { 0, 0, {} };
        const struct environment_view view_members = { {}, {}, {}, 0, {}, 0, {}, {}, {}, {}, ZEROS4, 0 };
        const struct share_view share_members = { 0, 0, 0, {}, 0, 0, 0, 0, 0, 0, 0, {} };
        const struct refresh refresh_members = { {},     {},     ZEROS4, ZEROS4, ZEROS4, ZEROS4,
                                                 ZEROS4, ZEROS4, ZEROS4, ZEROS4, 0,      {} };
        const struct refresh_store store_members = { ZEROS4, ZEROS4, ZEROS4, ZEROS4, 0, 0 };
        const struct key_state key_members = { 0, {}, {}, ZEROS4, ZEROS4, 0, 0, 0 };
        const struct keys_view keys_members = { {}, 0, {}, 0, {}, 0 };
        const struct message_fields *environment = message_fields_of(MESSAGE_ENVIRONMENT);
        const struct message_fields *view =
                table_of(environment, offsetof(struct message_environment, view));
        const struct message_fields *refresh = table_of(view, offsetof(struct environment_view, refresh));
        const struct message_fields *share = table_of(view, offsetof(struct environment_view, share));
        const struct message_fields *keyring = table_of(refresh, offsetof(struct refresh, keyring));
        const struct message_fields *key = table_of(keyring, offsetof(struct keyring, keys));
        const struct message_fields *store = table_of(refresh, offsetof(struct refresh, store));
        const struct message_fields *keys =
                table_of(message_fields_of(MESSAGE_KEYS), offsetof(struct message_keys, view));

        assert_int_equal(environment->size, sizeof(environment_members));
        assert_int_equal(environment->n, 3);
        assert_int_equal(view->size, sizeof(view_members));
        assert_int_equal(view->n, 15);
        assert_int_equal(share->size, sizeof(share_members));
        assert_int_equal(share->n, 12);
        assert_int_equal(refresh->size, sizeof(refresh_members));
        assert_int_equal(refresh->n, 36);
        assert_int_equal(store->size, sizeof(store_members));
        assert_int_equal(store->n, 18);
        assert_int_equal(key->size, sizeof(key_members));
        assert_int_equal(key->n, 14);
        assert_int_equal(keys->size, sizeof(keys_members));
        assert_int_equal(keys->n, 6);
}
#pragma GCC diagnostic pop

/* Every gap is shorter than what may stand behind it. */
static void test_nothing_fits_between_two_fields(void **state)
{
        static unsigned char known[MESSAGE_SIZE_MAX];

        for (uint32_t type = MESSAGE_CONFINED; type < _MESSAGE_LAST; type++) {
                const struct message_fields *fields = message_fields_of(type);
                size_t gap = 0;

                memset(known, 0, sizeof(known));
                mark(fields, known);
                for (size_t i = 0; i < fields->size; i++) {
                        gap = known[i] ? 0 : gap + 1;
                        assert_true(gap < sizeof(uint64_t));
                }
        }
        const struct message_fields *refusal = message_fields_of_refusal();
        memset(known, 0, sizeof(known));
        mark(refusal, known);
        assert_int_equal(refusal->size, sizeof(struct key_refusal));
        assert_null(memchr(known, 0, refusal->size));
}

/* ---- a copy ---- */

/* Whatever is in gaps and behind texts stays behind; all else gets through. */
static void test_copies_have_fields_only(void **state)
{
        static unsigned char known[MESSAGE_SIZE_MAX];
        static union sample odd, copy;

        for (uint32_t type = MESSAGE_CONFINED; type < _MESSAGE_LAST; type++) {
                size_t length = message_sample(type, &sample);

                if (type == MESSAGE_KEYS) {
                        continue;
                }
                memset(known, 0, sizeof(known));
                mark(message_fields_of(type), known);
                odd = sample;
                for (size_t i = 0; i < length; i++) {
                        odd.bytes[i] = known[i] ? odd.bytes[i] : 0xee;
                }
                if (type == MESSAGE_ENVIRONMENT) {
                        struct environment_view *view = &((struct message_environment *)odd.bytes)->view;
                        memset(view->trouble.why + strlen(view->trouble.why) + 1, 0xee, 8);
                }
                memset(&copy, 0xff, sizeof(copy));
                message_copy(&copy, &odd, type);
                assert_memory_equal(&copy, &sample, length);
                assert_int_equal(copy.bytes[length], 0xff);
        }
}

/* ---- each field that is not just any bytes, broken ---- */

static void must_be_refused(uint32_t type, size_t length, const char *how, size_t offset)
{
        if (message_check_any(&sample, length) != -EBADMSG) {
                fail_msg("type %u with %s at %zu is believed", type, how, offset);
        }
}

static void break_bool(uint32_t type, size_t length, size_t offset)
{
        for (unsigned value = 2; value <= UINT8_MAX; value++) {
                sample.bytes[offset] = (unsigned char)value;
                must_be_refused(type, length, "no boolean", offset);
        }
}

static void break_number(uint32_t type, size_t length, const struct message_field *field, size_t offset)
{
        const int64_t values[] = { field->min - 1, field->max + 1, INT32_MIN, INT32_MAX };

        for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
                int32_t small = (int32_t)values[i];
                memcpy(sample.bytes + offset,
                       field->size == sizeof(small) ? (const void *)&small : &values[i], field->size);
                must_be_refused(type, length, "a number out of bounds", offset);
        }
}

static void break_text(uint32_t type, size_t length, const struct message_field *field, size_t offset)
{
        memset(sample.bytes + offset, 'x', field->size);
        must_be_refused(type, length, "a text without an end", offset);
        if (field->valid) {
                memset(sample.bytes + offset, 0, field->size);
                sample.bytes[offset] = '\n';
                must_be_refused(type, length, "a text with a line end", offset);
                sample.bytes[offset] = 0x80;
                must_be_refused(type, length, "a text with another byte", offset);
        }
        if (!field->may_be_empty) {
                memset(sample.bytes + offset, 0, field->size);
                must_be_refused(type, length, "no text", offset);
        }
}

static size_t break_fields(uint32_t type, const struct message_fields *fields, size_t offset)
{
        size_t n = 0;

        for (size_t i = 0; i < fields->n; i++) {
                const struct message_field *field = &fields->list[i];
                size_t at = offset + field->offset;
                size_t length = message_sample(type, &sample);

                if (field->kind == MESSAGE_FIELD_STRUCTS) {
                        for (size_t one = 0; one < field->size; one += field->of->size) {
                                n += break_fields(type, field->of, at + one);
                        }
                        continue;
                }
                if (field->kind == MESSAGE_FIELD_BOOL) {
                        break_bool(type, length, at);
                } else if (field->kind == MESSAGE_FIELD_NUMBER) {
                        break_number(type, length, field, at);
                } else if (field->kind == MESSAGE_FIELD_TEXT) {
                        break_text(type, length, field, at);
                } else {
                        assert_int_not_equal(field->size, 1); /* that would be a boolean */
                }
                n++;
        }
        return n;
}

static void test_every_field_is_looked_at(void **state)
{
        size_t n = 0;

        for (uint32_t type = MESSAGE_CONFINED; type < _MESSAGE_LAST; type++) {
                n += break_fields(type, message_fields_of(type), 0);
        }
        n += break_fields(MESSAGE_KEYS, message_fields_of_refusal(),
                          offsetof(struct message_keys, view.refusals));
        assert_true(n > 500);
}

static void test_there_are_no_other_types(void **state)
{
        assert_null(message_fields_of(0));
        assert_null(message_fields_of(_MESSAGE_LAST));
        assert_null(message_fields_of(UINT32_MAX));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#ifdef __has_builtin
#if __has_builtin(__builtin_clear_padding)
                cmocka_unit_test(test_no_byte_is_forgotten),
#endif
#endif
                cmocka_unit_test(test_every_member_has_a_row),
                cmocka_unit_test(test_nothing_fits_between_two_fields),
                cmocka_unit_test(test_copies_have_fields_only),
                cmocka_unit_test(test_every_field_is_looked_at),
                cmocka_unit_test(test_there_are_no_other_types),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
