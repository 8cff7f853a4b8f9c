/* The view of an environment outside of the keeper: values only, and no secret. Status, metrics,
 * readiness and answers are made from it; the token itself comes on its own (lib/session). */
#pragma once

#include "lib/base_url.h"
#include "lib/exchange_report.h"
#include "lib/keys_view.h"
#include "lib/names.h"
#include "lib/refresh.h"
#include "lib/share_view.h"

/* The latest thing that went wrong. */
struct environment_trouble {
        bool any;
        enum exchange_outcome outcome;
        enum answer_kind kind;
        bool unsent; /* nothing of a request was sent */
        uint64_t at_usec;
        char key_label[KEY_LABEL_MAX + 1];
        char account[MAGE_ID_MAX + 1];        /* EXCHANGE_OTHER_ACCOUNT: whose key it is; else "" */
        char account_in_use[MAGE_ID_MAX + 1]; /* likewise: whose the environment was */
        char why[EXCHANGE_WHY_MAX];           /* for people; names no account, as anybody may read it */
};

/* The latest answer without a token, redacted. */
struct environment_odd_answer {
        bool any;
        uint64_t at_usec;
        long status;
        enum answer_kind kind;
        char content_type[ANSWER_CONTENT_TYPE_MAX];
        char header_names[ANSWER_HEADER_NAMES_MAX];
        char redirect_host[ANSWER_HOST_MAX];
        struct answer_excerpt excerpt;
};

struct environment_view {
        char name[ENVIRONMENT_NAME_MAX + 1];
        char base_url[BASE_URL_MAX + 1];
        char account[MAGE_ID_MAX + 1]; /* whose tokens are served, also while there is none; "": not known */
        uint64_t exchange_timeout_usec; /* how long an exchange may take */
        struct refresh refresh;         /* the machine as it stands: to be read, not to be told anything */
        uint64_t last_refresh_usec;     /* when the latest token was obtained; 0: never */
        struct environment_trouble trouble;
        struct environment_odd_answer odd_answer;
        struct share_view share; /* with other hosts */
        uint64_t n_outcomes[_EXCHANGE_OUTCOME_COUNT];
        uint64_t n_exchanges; /* started */
        uint64_t n_answered;  /* ended or withdrawn, but for trials while there is a token */
        uint64_t n_failures_in_row;
        uint64_t n_limited; /* how often the budget or the upstream's Retry-After put one off */
        uint64_t n_news;    /* grows with every outcome and change of keys: for those who wait */
};

/* Is there at least one key? */
bool environment_view_configured(const struct environment_view *view);

/* Is an exchange under way, or a store being asked in place of one? */
bool environment_view_busy(const struct environment_view *view);

/* "no label" for the empty one. */
const char *environment_view_label(const char *label);

/* "in 42s", made in text; or "at once" or "never", which are static: only what is returned counts. */
#define ENVIRONMENT_NEXT_MAX 48
const char *environment_view_next(uint64_t next_usec, uint64_t now_usec,
                                  char text[static ENVIRONMENT_NEXT_MAX]);

/* The last failure, with the accounts that it is about: only for the log and for callers with a right to
 * the environment. Returns buffer. */
const char *environment_view_trouble(const struct environment_view *view,
                                     char buffer[static EXCHANGE_WHY_MAX]);

/* Why no token is in hand: for people, with what to do; names no account. A trouble that is over is no
 * reason. keys: NULL if nothing is known of the directory. Returns buffer. */
#define ENVIRONMENT_WHY_MAX 512
const char *environment_view_why(const struct environment_view *view, const struct keys_view *keys,
                                 uint64_t now_usec, char buffer[static ENVIRONMENT_WHY_MAX]);
