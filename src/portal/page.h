/* SPDX-License-Identifier: ISC */
/* Pages of a sorted list: what is sought, the order, and the cursor. */
#ifndef ESPT_PORTAL_PAGE_H
#define ESPT_PORTAL_PAGE_H

#include "portal/answer.h"

#include <wchar.h>

#define PAGE_MAX 200
#define PAGE_DEFAULT 50

/* Where an item stands: by key, then by name. Names are unique. */
struct place {
    int64_t key;
    char name[TOKEN_NAME_MAX + 1];
};

struct page {
    int column; /* of the words given to page_parse() */
    bool down;  /* in reverse */
    bool continues;
    struct place after; /* continues */
    size_t limit;
    wchar_t sought[TOKEN_NAME_MAX + 1]; /* in lower case; empty: everything */
};
/* Reads ?sort=, ?cursor=, ?limit= and ?q=. `columns` ends with NULL; the first is the default. */
ESPT_MUST_USE int page_parse(struct page *ret_page, const struct request_in *request,
                             const char *const *columns, struct answer *answer,
                             struct espt_error *err);
/* ?limit= alone; PAGE_DEFAULT without it. */
ESPT_MUST_USE int page_limit(const struct request_in *request, size_t *ret_limit,
                             struct answer *answer, struct espt_error *err);
/* Whether one of the texts contains what is sought. */
bool page_seeks(const struct page *page, const char *const *texts, size_t count);

/* Sorts pointers to structures that begin with a struct place, and finds the page in them. */
void page_cut(const struct page *page, const struct place **items, size_t count, size_t *ret_first,
              size_t *ret_count);
/* The cursor after an item; a new reference. */
json_t *page_cursor(const struct place *last);

#endif
