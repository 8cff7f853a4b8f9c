/* Whether anything that is to survive a restart can have changed.
 *
 * Counters stand for what moves with them: every outcome and every change of keys or settings is news, and
 * the ledger changes with exchanges alone. A value that changes without news is looked at itself. */
#include "daemon/keeper/environment_mark.h"

#include "daemon/keeper/environment_object.h"

static void mix(uint64_t *mark, uint64_t value)
{
        *mark = (*mark ^ value) * UINT64_C(0x9e3779b97f4a7c15);
        *mark ^= *mark >> 29;
}

static void mix_text(uint64_t *mark, const char *text)
{
        for (; *text; text++) {
                mix(mark, (unsigned char)*text);
        }
        mix(mark, 0);
}

static void mix_refresh(uint64_t *mark, const struct refresh *refresh)
{
        const uint64_t values[] = { refresh->budget.n,         refresh->has_token,
                                    refresh->token_serial,     refresh->expires_usec,
                                    refresh->attainable_sec,   refresh->refresh_point_usec,
                                    refresh->retry_after_usec, refresh->unauthorized_usec,
                                    refresh->reported_serial,  refresh->reported_usec,
                                    refresh->keyring.n };

        for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
                mix(mark, values[i]);
        }
        for (size_t i = 0; i < refresh->keyring.n; i++) {
                const struct key_state *key = &refresh->keyring.keys[i];
                mix(mark, key->serial);
                mix(mark, (uint64_t)key->known.standing << 8 | (uint64_t)key->known.cause);
                mix(mark, key->known.seen_usec);
        }
}

uint64_t environments_mark(const struct environments *environments)
{
        uint64_t mark = environments->n;

        for (size_t i = 0; i < environments->n; i++) {
                const struct environment *environment = environments->list[i];
                const struct environment_view *view = &environment->view;
                mix_text(&mark, view->name);
                mix_text(&mark, view->base_url);
                mix_text(&mark, environment->account);
                mix(&mark, environment->session ? environment->session->serial : 0);
                mix(&mark, environment->memory != NULL);
                mix(&mark, view->n_exchanges);
                mix(&mark, view->n_answered);
                mix(&mark, view->n_news);
                mix_refresh(&mark, &view->refresh);
        }
        return mark;
}
