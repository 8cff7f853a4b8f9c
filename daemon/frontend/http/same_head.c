/* A head that comes again. */
#include "daemon/frontend/http/same_head.h"

#include <string.h>

void same_head_keep(struct same_head *same, const struct head_bytes *head, const struct guard_facts *facts,
                    const struct route_match *match)
{
        size_t length;

        same->length = 0;
        if (!head_bytes_whole(head, &length) || length > SAME_HEAD_MAX || facts->authorization ||
            facts->content_length || facts->transfer_encoding || facts->expects_continue) {
                return;
        }
        same->at = head->begin;
        same->length = length;
        same->n_headers = head->n_headers;
        same->facts = *facts;
        same->match = *match;
        memcpy(same->bytes, head->begin, length);
}

/* Before it is looked at, libmicrohttpd has cut the head up into texts. Other bytes than those that are kept
 * can look the same then; but they have fewer headers. */
bool same_head_is(const struct same_head *same, const char *at, int n_headers)
{
        return same->length > 0 && same->at == at && n_headers >= 0 &&
               same->n_headers == (unsigned)n_headers && memcmp(same->bytes, at, same->length) == 0;
}
