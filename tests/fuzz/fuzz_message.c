/* Any bytes as what the other process has sent: an accepted one can be used, whatever it says.
 *
 * The first byte of an input is a type, 0 for none. Without one, the rest is the message. Else it is a sound
 * one of this type; the second byte is a number to be added to its length, and the rest are changes: where
 * (two bytes, the lower first), how many bytes, and the bytes. So a corpus does not depend on where fields
 * lie, but for what it changes. */
#include "lib/refresh_words.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/message_samples.h"

#include <errno.h>

#define NOW (1000 * USEC_PER_SEC)

static union sample sample;

static size_t make(const uint8_t *data, size_t size)
{
        if (size == 0 || data[0] == 0 || data[0] >= _MESSAGE_LAST) {
                size_t length = size > 0 ? MIN_OF(size - 1, sizeof(sample)) : 0;

                memset(&sample, 0, sizeof(sample));
                if (length > 0) {
                        memcpy(sample.bytes, data + 1, length);
                }
                return length;
        }
        size_t length = message_sample(data[0], &sample) + (size_t)(size > 1 ? (int8_t)data[1] : 0);

        for (size_t i = 2; i + 3 < size;) {
                size_t at = (data[i] + (size_t)data[i + 1] * 256) % sizeof(sample);
                size_t n = MIN_OF(data[i + 2], size - i - 3);

                memcpy(sample.bytes + at, data + i + 3, MIN_OF(n, sizeof(sample) - at));
                i += 3 + n;
        }
        return MIN_OF(length, sizeof(sample));
}

/* ---- what is done with what is believed ---- */

static void is_text(const char *text, size_t size)
{
        must(strnlen(text, size) < size);
}

#define IS_TEXT(array) is_text(array, sizeof(array))

static void use_question(const struct message_question *message)
{
        IS_TEXT(message->environment);
        must(message->type == MESSAGE_RELOAD || message->type == MESSAGE_ALIVE ? !*message->environment
                                                                               : *message->environment);
}

static void use_report(const struct message_report *message)
{
        IS_TEXT(message->environment);
        must(message->length <= MESSAGE_TOKEN_MAX && message->ust[message->length] == '\0');
}

static void use_record(const struct message_record *message)
{
        must(message->priority >= LOG_ERR && message->priority <= LOG_DEBUG);
        IS_TEXT(message->id);
        IS_TEXT(message->environment);
        IS_TEXT(message->key);
        IS_TEXT(message->client);
        IS_TEXT(message->uid);
        IS_TEXT(message->unit);
        IS_TEXT(message->text);
}

static void use_settings(const struct message_settings *message)
{
        _cleanup_(access_settings_freep) struct access_settings *settings = NULL;
        struct message_settings again;

        must(message_settings_begin(&settings, message) == 0);
        must(settings->n_environments <= SETTINGS_ENVIRONMENTS_MAX);
        for (size_t i = 0; i < settings->n_environments; i++) {
                const char *name = settings->environments[i].name;
                must(environment_name_valid(name, strlen(name)));
        }
        message_settings_fill(&again, settings, message->end_unix);
        must(message_check_from_keeper(&again, sizeof(again)) == MESSAGE_SETTINGS);
}

static void use_rules(const struct message_rules *message)
{
        _cleanup_(access_settings_freep) struct access_settings *settings = NULL;
        const gid_t groups[] = { 33 };
        const struct caller_identity caller = { 1000, 1000, true, groups, 1 };
        struct message_rules again;
        union sample head;
        size_t place = 0;

        (void)message_sample(MESSAGE_SETTINGS, &head);
        must(message_settings_begin(&settings, (struct message_settings *)head.bytes) == 0);
        int r = message_settings_take(settings, message);
        must(r == (message->environment < 3 ? 0 : -EBADMSG));
        must(message_rules_next(&again, settings, &place) == (r == 0 && message->n > 0));
        if (place > 0 && r == 0 && message->n > 0) {
                const struct access_rules rules = { again.rules, again.n };

                must(again.n == message->n && again.environment == message->environment);
                must(message_check_from_keeper(&again, sizeof(again)) == MESSAGE_RULES);
                (void)access_rules_allow(&rules, &caller);
                (void)access_rules_need_groups(&rules, &caller);
                (void)access_rules_need_names(&rules, &caller);
                (void)access_rules_allow_unit(&rules, "worker@1.service");
        }
}

/* Into settings, and out of them again. */
static void use_local(const void *message, uint32_t type)
{
        _cleanup_(access_settings_freep) struct access_settings *settings = NULL;
        struct message_local_place place = { 0 };
        union message_local again;
        union sample head, key;
        bool found = false;
        size_t size;

        (void)message_sample(MESSAGE_SETTINGS, &head);
        (void)message_sample(MESSAGE_LOCAL_KEY, &key);
        must(message_settings_begin(&settings, (struct message_settings *)head.bytes) == 0);
        int without_key = type == MESSAGE_LOCAL_KEY ? 0 : message_local_take(settings, message);
        must(type == MESSAGE_LOCAL_KEY || message_local_take(settings, key.bytes) == 0);
        int r = message_local_take(settings, message);
        must(r == 0 || r == -EBADMSG);
        must(without_key == 0 || without_key == -EBADMSG);
        must(access_settings_settle(settings) == 0);
        while ((size = message_local_next(&again, settings, &place)) > 0) {
                must(message_check_from_keeper(&again, size) == (int)again.type);
                found = found || again.type == type;
        }
        must(found || r < 0);
        for (size_t i = 0; i < settings->n_local_keys; i++) {
                const struct local_key *one = &settings->local_keys[i];
                must(access_settings_key(settings, one->name));
                must(access_settings_key_of_id(settings, one->id));
        }
}

static void use_keyring(const struct keyring *keyring)
{
        uint64_t usec;

        must(keyring->n <= ARRAY_SIZE(keyring->keys));
        for (size_t i = 0; i < keyring->n; i++) {
                IS_TEXT(keyring->keys[i].label);
                must(*key_standing_name(keyring->keys[i].known.standing));
                must(key_cause_name(keyring->keys[i].known.cause));
        }
        (void)keyring_choose(keyring, true, true, NOW);
        (void)keyring_next_around(keyring, NOW);
        (void)keyring_next_trial(keyring, &usec);
        (void)keyring_usable_usec(keyring);
        (void)keyring_all_unauthorized(keyring);
}

static void use_refresh(const struct refresh *refresh)
{
        enum refresh_limit limit;

        use_keyring(&refresh->keyring);
        for (size_t i = 0; i < ARRAY_SIZE(refresh->budget.ring); i++) {
                must(*refresh_share_name(refresh->budget.ring[i].share));
        }
        must(*refresh_reason_name(refresh->in_flight_reason));
        must(*refresh_reason_name(refresh->due_reason));
        must(*refresh_reason_name(refresh->wish_reason));
        for (int share = 0; share < _REFRESH_SHARE_COUNT; share++) {
                (void)refresh_limited_until(refresh, (enum refresh_share)share, &limit);
                must(*refresh_limit_name(limit));
        }
        (void)refresh_next_usec(refresh);
        must(refresh_sent_last_hour(refresh, NOW) <= REFRESH_HOURLY_BUDGET);
}

static void use_environment(const struct message_environment *message)
{
        const struct environment_view *view = &message->view;
        _cleanup_free_ struct keys_view *keys = sample_keys();
        char why[ENVIRONMENT_WHY_MAX], trouble[EXCHANGE_WHY_MAX];

        IS_TEXT(view->base_url);
        IS_TEXT(view->account);
        use_refresh(&view->refresh);
        must(*environment_view_why(view, keys, NOW, why));
        must(*environment_view_why(view, NULL, NOW, why));
        (void)environment_view_trouble(view, trouble);
        must(strcmp(exchange_outcome_name(view->trouble.outcome), "unknown") != 0);
        must(*answer_kind_name(view->trouble.kind) && *answer_kind_name(view->odd_answer.kind));
        IS_TEXT(view->odd_answer.content_type);
        IS_TEXT(view->odd_answer.header_names);
        IS_TEXT(view->odd_answer.redirect_host);
        IS_TEXT(view->odd_answer.excerpt.message);
        IS_TEXT(view->share.store);
        must(*share_view_state(&view->share) && *share_lease_name(view->share.lease));
}

static void use_session(const struct message_session *message)
{
        _cleanup_(session_unrefp) struct session *session = NULL;
        struct message_session again;

        must(message_session_read(&session, message) == 0);
        must(session_has_token(session, message->ust, strlen(message->ust)));
        must(token_exchange_is_plain(session->ust, strlen(session->ust), SESSION_TOKEN_MAX));
        must(session->expires_usec == message->expires_usec && session->expires_usec >= session->sent_usec);
        must(session_left_sec(session, session->sent_usec) <= session->lifetime_sec);
        message_session_fill(&again, session, message->environment);
        must(message_check_from_keeper(&again, sizeof(again)) == MESSAGE_SESSION);
}

static void use_keys(const struct message_keys *message, size_t length)
{
        const struct keys_view *view = &message->view;
        _cleanup_free_ struct message_keys *again = malloc(length);

        must(again && message_keys_size(view) == length);
        IS_TEXT(view->directory);
        must(view->n_ids <= KEY_IDS_MAX && view->n_refusals <= KEY_FILES_MAX);
        for (size_t i = 0; i < view->n_refusals; i++) {
                IS_TEXT(view->refusals[i].file);
                IS_TEXT(view->refusals[i].environment);
                IS_TEXT(view->refusals[i].reason);
                must((int)view->refusals[i].denied + (int)view->refusals[i].passes <= 2);
        }
        message_keys_fill(again, view);
        must(message_check_from_keeper(again, length) == MESSAGE_KEYS);
}

static void use_groups(const struct message_groups_told *message)
{
        must(message->n <= ARRAY_SIZE(message->groups) && (message->told || message->n == 0));
}

static void use_listener(const struct message_listener *message)
{
        must(message->id < MESSAGE_LISTENERS_MAX && message->kind < _MESSAGE_LISTENER_KIND_COUNT);
        IS_TEXT(message->place.address);
        IS_TEXT(message->name);
}

static void use_upstream(const struct message_upstream *message)
{
        must(message->authorities_length <= MESSAGE_AUTHORITIES_MAX);
        must(message->n_addresses <= MESSAGE_ADDRESSES_MAX);
        IS_TEXT(message->environment);
        IS_TEXT(message->base_url);
        IS_TEXT(message->proxy);
        for (size_t i = 0; i < MESSAGE_ADDRESSES_MAX; i++) {
                IS_TEXT(message->addresses[i]);
                must((i < message->n_addresses) == (*message->addresses[i] != '\0'));
        }
}

static void use(int type, const void *message, size_t length)
{
        switch (type) {
        case MESSAGE_DEMAND:
        case MESSAGE_REFRESH:
        case MESSAGE_ALIVE:
        case MESSAGE_RELOAD:
                use_question(message);
                break;
        case MESSAGE_REPORT:
                use_report(message);
                break;
        case MESSAGE_RECORD:
                use_record(message);
                break;
        case MESSAGE_SETTINGS:
                use_settings(message);
                break;
        case MESSAGE_RULES:
                use_rules(message);
                break;
        case MESSAGE_GATEWAY:
        case MESSAGE_LOCAL_KEY:
        case MESSAGE_LOCAL_CALLER:
        case MESSAGE_GATEWAY_RULE:
                use_local(message, (uint32_t)type);
                break;
        case MESSAGE_OPAQUE_KEYS:
                IS_TEXT(((const struct message_opaque_keys *)message)->environment);
                must(((const struct message_opaque_keys *)message)->n <= MESSAGE_OPAQUE_KEYS_MAX);
                break;
        case MESSAGE_ENVIRONMENT:
                use_environment(message);
                break;
        case MESSAGE_SESSION:
                use_session(message);
                break;
        case MESSAGE_KEYS:
                use_keys(message, length);
                break;
        case MESSAGE_OUTCOME:
                IS_TEXT(((const struct message_outcome *)message)->message);
                must(*refresh_limit_name(((const struct message_outcome *)message)->obstacle.limit));
                break;
        case MESSAGE_GROUPS_TOLD:
                use_groups(message);
                break;
        case MESSAGE_UNIT_TOLD:
                IS_TEXT(((const struct message_unit_told *)message)->unit);
                break;
        case MESSAGE_LISTENER:
                use_listener(message);
                break;
        case MESSAGE_LANE:
        case MESSAGE_LANE_DEAD:
        case MESSAGE_LANE_BROKEN:
                must(((const struct message_lane *)message)->id < MESSAGE_LANES_MAX);
                break;
        case MESSAGE_UPSTREAM:
                use_upstream(message);
                break;
        case MESSAGE_UPSTREAM_GONE:
        case MESSAGE_STALE:
                must(*((const struct message_upstream_name *)message)->environment);
                break;
        case MESSAGE_LISTENER_GONE:
                must(((const struct message_listener_gone *)message)->id < MESSAGE_LISTENERS_MAX);
                break;
        default:
                break;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        size_t length = make(data, size);
        /* Exactly as much memory, so that a sanitizer sees every byte read too far. */
        _cleanup_free_ void *message = malloc(MAX_OF(length, (size_t)1));

        must(message);
        memcpy(message, sample.bytes, length);
        int up = MAX_OF(message_check_from_frontend(message, length),
                        message_check_from_forwarder(message, length));
        int down = MAX_OF(message_check_from_keeper(message, length),
                          message_check_to_forwarder(message, length));

        must(up == -EBADMSG || (up >= MESSAGE_CONFINED && up < _MESSAGE_LAST && message_is_for_keeper(up)));
        must(down == -EBADMSG ||
             (down >= MESSAGE_CONFINED && down < _MESSAGE_LAST && !message_is_for_keeper(down)));
        use(message_check_any(message, length), message, length);
        return 0;
}
