/* The example of libeqp-broker(3), compiled so that it stays true: a test compares it with the page. */
#include <eqp-broker.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
        struct eqp_broker *broker = NULL;
        struct eqp_broker_token *token = NULL;
        int r;

        r = eqp_broker_open(&broker, NULL, "nightly-report");
        if (r < 0) {
                fprintf(stderr, "Cannot set up the broker client: %s\n", strerror(-r));
                return 1;
        }

        /* One request's worth of life is enough: ask again for the next. */
        r = eqp_broker_get_token(broker, "production", 60, EQP_BROKER_WAIT_DEFAULT, &token);
        if (r < 0) {
                fprintf(stderr, "%s\n", eqp_broker_error_message(broker));
        } else {
                printf("Requests go to %s/rest/v1/users/%s\n", eqp_broker_token_base_url(token),
                       eqp_broker_token_mage_id(token));
        }

        token = eqp_broker_token_free(token);
        broker = eqp_broker_free(broker);
        return r < 0 ? 1 : 0;
}
