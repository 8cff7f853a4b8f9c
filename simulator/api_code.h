/* api_code: the codes in error bodies. The vendor's are unknown; these lie in a range of their own, so that
 * nobody takes them for the real ones. */
#pragma once

enum api_code {
        API_CODE_KEY_REFUSED = 9001,
        API_CODE_TOKEN_REFUSED = 9002,
        API_CODE_BAD_REQUEST = 9003,
        API_CODE_METHOD = 9004,
        API_CODE_TOO_LARGE = 9005,
        API_CODE_NOT_FOUND = 9006,
        API_CODE_THROTTLED = 9007,
        API_CODE_UNAVAILABLE = 9008,
        API_CODE_TOLD_TO = 9009, /* the fault "status" without a code */
        API_CODE_MARKETING = 9010,
        API_CODE_IN_REVIEW = 9011,
        API_CODE_MALWARE = 9012,
};
