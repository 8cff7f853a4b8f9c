/* The meaning of an exchange for the caller that waits for its end. */
#include "daemon/verdict.h"

#include "daemon/base/exit_code.h"

int verdict_exit_code(enum exchange_outcome outcome, enum answer_kind kind)
{
        if (kind == ANSWER_BLOCK_PAGE || kind == ANSWER_MAINTENANCE_PAGE) {
                return BROKER_EXIT_TRY_LATER;
        }
        switch (outcome) {
        case EXCHANGE_GRANTED:
                return 0;
        case EXCHANGE_KEY_REFUSED:
        case EXCHANGE_OTHER_ACCOUNT:
                return BROKER_EXIT_KEY_REFUSED;
        case EXCHANGE_REQUEST_REFUSED:
        case EXCHANGE_MALFORMED:
                return BROKER_EXIT_ODD_ANSWER;
        default:
                return BROKER_EXIT_TRY_LATER;
        }
}

const char *verdict_words(enum exchange_outcome outcome, enum answer_kind kind)
{
        if (kind == ANSWER_BLOCK_PAGE) {
                return "the request did not reach the upstream, which says nothing of the key: this host's "
                       "address "
                       "may be blocked; try again later";
        }
        if (kind == ANSWER_MAINTENANCE_PAGE) {
                return "the upstream shows a web page, as for maintenance; try again later";
        }
        switch (outcome) {
        case EXCHANGE_KEY_REFUSED:
                return "the upstream refuses the access key; is it of this environment, and not regenerated "
                       "or deleted in the portal?";
        case EXCHANGE_OTHER_ACCOUNT:
                return "the access key is of another account than the environment";
        case EXCHANGE_THROTTLED:
                return "the upstream asks for patience; try again later";
        case EXCHANGE_UNAVAILABLE:
                return "the upstream is not available; try again later";
        case EXCHANGE_REQUEST_REFUSED:
                return "the upstream refuses the request, for the key or for something else; check the key "
                       "and "
                       "base_url, and whether a proxy answers in its place";
        default:
                return "the upstream's answer is not understood; check base_url, and whether a proxy "
                       "answers in its place";
        }
}
