/* The memory of environments that are not there. */
#include "daemon/keeper/gone_environments.h"

#include "lib/util.h"

static struct known_environment *take_out(struct gone_environments *gone, size_t i)
{
        struct known_environment *known = gone->list[i];

        gone->n--;
        memmove(&gone->list[i], &gone->list[i + 1], (gone->n - i) * sizeof(gone->list[0]));
        return known;
}

static void forget_oldest(struct gone_environments *gone)
{
        size_t oldest = 0;

        for (size_t i = 1; i < gone->n; i++) {
                oldest = gone->list[i]->gone_usec < gone->list[oldest]->gone_usec ? i : oldest;
        }
        free(take_out(gone, oldest));
}

void gone_environments_put(struct gone_environments *gone, struct known_environment *known)
{
        free(gone_environments_take(gone, known->name));
        if (gone->n == ARRAY_SIZE(gone->list)) {
                forget_oldest(gone);
        }
        gone->list[gone->n++] = known;
}

struct known_environment *gone_environments_take(struct gone_environments *gone, const char *name)
{
        for (size_t i = 0; i < gone->n; i++) {
                if (streq(gone->list[i]->name, name)) {
                        return take_out(gone, i);
                }
        }
        return NULL;
}

void gone_environments_settle(struct gone_environments *gone, uint64_t now_usec)
{
        for (size_t i = gone->n; i-- > 0;) {
                struct known_environment *known = gone->list[i];
                if (known->gone_usec == 0) {
                        known->gone_usec = now_usec;
                } else if (usec_add(known->gone_usec, KNOWN_GONE_USEC) <= now_usec) {
                        free(take_out(gone, i));
                }
        }
        while (gone->n > KNOWN_GONE_MAX) {
                forget_oldest(gone);
        }
}

void gone_environments_drop_impossible(struct gone_environments *gone, uint64_t now_usec)
{
        for (size_t i = gone->n; i-- > 0;) {
                if (!known_environment_possible(gone->list[i], now_usec)) {
                        free(take_out(gone, i));
                }
        }
}

void gone_environments_clear(struct gone_environments *gone)
{
        while (gone->n > 0) {
                free(take_out(gone, gone->n - 1));
        }
}
