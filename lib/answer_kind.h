/* The kind of an answer that gave no token, beside its status: something in front of the API may have
 * given it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum answer_kind {
        ANSWER_PLAIN,            /* nothing but what its status says */
        ANSWER_BLOCK_PAGE,       /* a content network, or a firewall, turned the request away */
        ANSWER_MAINTENANCE_PAGE, /* a web page where the API should be */
        ANSWER_REDIRECT,
        _ANSWER_KIND_COUNT,
};

/* "plain", "block_page", "maintenance_page", "redirect". */
const char *answer_kind_name(enum answer_kind kind);

/* Is this header one that content networks set, such as cf-ray, or "server: AkamaiGHost"? It says that a
 * network is there, not that the network gave the answer. */
bool answer_kind_header_is_networks(const char *name, size_t name_length, const char *value,
                                    size_t value_length);

/* content_type: without parameters, "" if there was none. networks: one of its headers is. */
enum answer_kind answer_kind_find(long status, const char *content_type, bool networks);

/* Writes for people what the answer was, in one sentence: "HTTP 403: a block page of a content network or a
 * firewall". why: the words of token_exchange_classify(); host: where a redirect leads, "" if that is not
 * known. */
void answer_kind_describe(enum answer_kind kind, long status, const char *why, const char *host,
                          char *buffer, size_t size);
