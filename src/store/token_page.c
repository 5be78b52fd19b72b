/* SPDX-License-Identifier: ISC */
/* One page of an entity's tokens, by name. It does not read the named tokens of other pages. */
#include "store/retiring.h"
#include "store/rights.h"
#include "store/usage.h"

#include <stdlib.h>
#include <string.h>

struct paging {
    struct txn *txn;
    struct usage_files *files;
    const struct entity *entity;
    each_fn fn;
    void *arg;
    size_t count;
    char names[TOKEN_PAGE_MAX][TOKEN_NAME_MAX + 1]; /* of the page, in order */
};

static int show(struct paging *paging, struct token *token, struct espt_error *err)
{
    usage_load(paging->txn, paging->files, token);
    token->suspended = entity_suspends(paging->entity);
    return paging->fn(paging->arg, paging->entity, token, err);
}

static int show_named(struct paging *paging, const struct token_page *page, bool *ret_more,
                      struct espt_error *err)
{
    struct walk walk;
    struct token_full token;
    /* no name begins with a control character, and old secrets are listed below all names */
    const char *after = page->after[0] != '\0' ? page->after : "\001";
    const size_t most = page->most < TOKEN_PAGE_MAX ? page->most : TOKEN_PAGE_MAX;
    struct record_key from = key_by_entity(paging->entity->number, after, strlen(after));
    int result = 0;
    *ret_more = false;
    walk_begin(&walk, paging->txn, TABLE_BY_ENTITY, &from, sizeof paging->entity->number);
    while (result == 0 && !*ret_more && walk_next_token(&walk, &token)) {
        if (strcmp(token.token.name, page->after) == 0)
            continue;
        *ret_more = paging->count == most;
        if (*ret_more)
            break;
        name_copy(paging->names[paging->count++], TOKEN_NAME_MAX + 1, token.token.name);
        result = show(paging, &token.token, err);
    }
    walk_end(&walk);
    return result;
}

static int by_name(const void *name, const void *element)
{
    return strcmp(name, element);
}

static int show_retiring(struct paging *paging, struct espt_error *err)
{
    struct walk walk;
    struct token_full token;
    int result = 0;
    walk_retiring(&walk, paging->txn, paging->entity->number);
    while (result == 0 && walk_next_token(&walk, &token)) {
        if (bsearch(token.token.name, paging->names, paging->count, sizeof *paging->names,
                    by_name) != NULL)
            result = show(paging, &token.token, err);
    }
    walk_end(&walk);
    return result;
}

int store_token_page(struct store *store, const char *entity, const struct token_page *page,
                     each_fn fn, void *arg, bool *ret_more, struct espt_error *err)
{
    struct txn txn;
    struct entity one;
    bool more = false;
    struct paging *paging = calloc(1, sizeof *paging);
    if (paging == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    *paging = (struct paging){.txn = &txn, .entity = &one, .fn = fn, .arg = arg};
    int result = usage_begin(&txn, store, false, &paging->files, err);
    if (result == 0) {
        if (need_entity(&txn, entity, &one) > 0) {
            result = fn(arg, &one, NULL, err);
            if (result == 0)
                result = show_named(paging, page, &more, err);
            if (result == 0)
                result = show_retiring(paging, err);
        }
        txn_abort(&txn);
        usage_files_close(paging->files);
        result = txn.code != 0 ? txn.code : result;
    }
    free(paging);
    if (result == 0)
        *ret_more = more;
    return result;
}
