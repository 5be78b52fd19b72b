#include "cli/filter.h"
#include "cli/output.h"

#include "common/when.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- order --- */

const char *const list_columns[] = {"entity",  "name",      "status", "created",
                                    "expires", "last_used", "uses",   NULL};
enum column { ENTITY, NAME, STATUS, CREATED, EXPIRES, LAST_USED, USES, COLUMNS };

struct order {
    bool wanted, reverse;
    enum column column;
    int64_t now;
};

static int parse_order(struct cli *cli, struct order *ret_order, struct espt_error *err)
{
    const char *text = cli->options.sort;
    struct order order = {.wanted = text != NULL, .now = cli->now};
    if (text == NULL) {
        *ret_order = order;
        return 0;
    }
    order.reverse = text[0] == '-';
    text += order.reverse;
    while (order.column < COLUMNS && strcmp(list_columns[order.column], text) != 0)
        order.column++;
    if (order.column == COLUMNS)
        return espt_fail(err, ESPT_USAGE,
                         "--sort takes entity, name, status, created, expires, last_used or uses, "
                         "with - before it for the other way round");
    *ret_order = order;
    return 0;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

/* What never expires does so after all others. */
static uint64_t end_of(const struct token *token)
{
    return token->expires == WHEN_NEVER ? UINT64_MAX : (uint64_t)token->expires;
}

static int compare_column(const struct token *a, const struct token *b, const struct order *order)
{
    switch (order->column) {
    case NAME:
        return strcmp(a->name, b->name);
    case STATUS:
        return strcmp(token_status(a, order->now), token_status(b, order->now));
    case CREATED:
        return compare_numbers((uint64_t)a->created, (uint64_t)b->created);
    case EXPIRES:
        return compare_numbers(end_of(a), end_of(b));
    case LAST_USED:
        return compare_numbers((uint64_t)a->last_used, (uint64_t)b->last_used);
    case USES:
        return compare_numbers(a->uses, b->uses);
    default:
        return strcmp(a->entity, b->entity);
    }
}

/* Among equals the order of names: entity, token, then id. */
static int compare(const void *left, const void *right, void *arg)
{
    const struct token *a = left, *b = right;
    const struct order *order = arg;
    int result = compare_column(a, b, order);
    if (order->reverse)
        result = -result;
    if (result == 0)
        result = strcmp(a->entity, b->entity);
    if (result == 0)
        result = strcmp(a->name, b->name);
    return result != 0 ? result : compare_numbers(a->id, b->id);
}

/* --- the list --- */

struct listing {
    struct cli *cli;
    struct filter filter;
    struct order order;
    struct json_stream json;
    struct table_view *view;
    bool all;
    struct token *tokens; /* kept until all are seen, where an order is wanted */
    size_t count, room;
};

static int put(struct listing *listing, const struct token *token, struct espt_error *err)
{
    const int64_t now = listing->cli->now;
    if (listing->cli->json)
        return json_stream_item(&listing->json, json_of_token(token, NULL, now), err);
    char id[TOKEN_ID_LEN + 1], created[WHEN_AWAY_SIZE], expires[WHEN_AWAY_SIZE],
        used[WHEN_AWAY_SIZE];
    token_id_format(token->id, id);
    when_cell(token->created, now, created);
    when_cell(token->expires, now, expires);
    when_cell(token->last_used, now, used);
    if (token->unread)
        memcpy(used, "?", 2);
    const char *cells[] = {token->entity, id,      token->name, token_status(token, now),
                           created,       expires, used};
    table_line(listing->view, NULL, listing->all ? cells : cells + 1);
    return 0;
}

static int keep(struct listing *listing, const struct token *token, struct espt_error *err)
{
    if (listing->count == listing->room) {
        const size_t room = listing->room == 0 ? 256 : listing->room * 2;
        struct token *tokens = reallocarray(listing->tokens, room, sizeof *tokens);
        if (tokens == NULL)
            return espt_fail(err, ESPT_UNUSABLE, "out of memory; list without --sort");
        listing->tokens = tokens;
        listing->room = room;
    }
    listing->tokens[listing->count++] = *token;
    return 0;
}

static int see(void *arg, const struct entity *entity, const struct token *token,
               struct espt_error *err)
{
    struct listing *listing = arg;
    const enum column order = listing->order.column;
    const bool by_use = listing->order.wanted && (order == LAST_USED || order == USES);
    if (token != NULL && token->unread && (listing->filter.unused != 0 || by_use))
        return espt_fail(err, ESPT_UNUSABLE,
                         "what hosts counted cannot be read now, and so what was not used is not "
                         "known; look at the folder of [usage], and try again");
    if (token == NULL || !filter_match(&listing->filter, entity, token))
        return 0;
    return listing->order.wanted ? keep(listing, token, err) : put(listing, token, err);
}

static int put_sorted(struct listing *listing, struct espt_error *err)
{
    int code = 0;
    if (listing->count > 1)
        qsort_r(listing->tokens, listing->count, sizeof *listing->tokens, compare, &listing->order);
    for (size_t i = 0; code == 0 && i < listing->count; i++)
        code = put(listing, &listing->tokens[i], err);
    return code;
}

/* For people: why no new token could be made. */
static void tell_over_limit(struct cli *cli, const char *name)
{
    struct entity entity;
    struct espt_error ignored;
    char limit[64];
    const struct tier_table *tiers = cli_tiers_if_whole(cli);
    if (tiers == NULL || store_entity_get(cli->store, name, &entity, &ignored) != 0 ||
        !over_limit(&entity, tiers))
        return;
    limit_text(&entity, tiers, limit, sizeof limit);
    printf("%s has %s of tier %s: no new one is made\n", entity.name, limit, entity.tier);
}

int run_list(struct cli *cli, struct espt_error *err)
{
    static const char *const columns[] = {"ENTITY",  "ID",      "NAME", "STATUS",
                                          "CREATED", "EXPIRES", "USED", NULL};
    const char *entity = cli->options.operands > 0 ? cli->options.operand[0] : NULL;
    struct listing listing = {.cli = cli, .json.name = "tokens", .all = entity == NULL};
    int code = parse_order(cli, &listing.order, err);
    if (code == 0)
        code = cli_store(cli, err);
    if (code == 0)
        code = filter_parse(cli, &listing.filter, err);
    if (code == 0 && !cli->json)
        code = table_new(&listing.view, columns + (listing.all ? 0 : 1), false, err);
    if (code == 0)
        code = store_each(cli->store, entity, see, &listing, NULL, err);
    if (code == 0)
        code = put_sorted(&listing, err);
    if (code == 0 && cli->json) {
        json_stream_end(&listing.json);
    } else if (code == 0) {
        code = table_print(listing.view, "tokens", err);
        if (code == 0 && entity != NULL)
            tell_over_limit(cli, entity);
    }
    table_free(listing.view);
    free(listing.tokens);
    return code;
}
