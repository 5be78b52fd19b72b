/* SPDX-License-Identifier: ISC */
#include "cli/listing.h"

#include "cli/operand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kept {
    struct token token; /* not in a list of entities */
    size_t entity;      /* its place in `entities` */
};

/* --- options --- */

static int parse_order(struct listing *listing, struct espt_error *err)
{
    const char *text = listing->cli->options.sort;
    if (text == NULL)
        return 0;
    listing->reverse = text[0] == '-';
    listing->order = column_find(listing->set, text + listing->reverse);
    if (listing->order != NULL)
        return 0;
    char words[COLUMNS_WORDS_SIZE];
    column_words(listing->set, words);
    espt_fail(err, ESPT_USAGE, "--sort takes %s; put - before it to reverse the order", words);
    return fail_naming(err, text);
}

/* JSON has all fields of a thing, and -q its key alone. */
static int refuse_both(const struct cli *cli, struct espt_error *err)
{
    static const enum cli_option forms[] = {OPTION_JSON, OPTION_QUIET, OPTION_COLUMNS, OPTION_TREE};
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = i + 1; j < sizeof forms / sizeof *forms; j++) {
            const bool fits = forms[i] == OPTION_JSON && forms[j] == OPTION_TREE;
            if (given(cli, forms[i]) && given(cli, forms[j]) && !fits)
                return espt_fail(err, ESPT_USAGE, "both --%s and --%s are given; keep one",
                                 option_table[forms[i]].name, option_table[forms[j]].name);
        }
    }
    return 0;
}

int listing_begin(struct listing *ret_listing, struct cli *cli, const struct column_set *set,
                  bool all, bool tree, struct espt_error *err)
{
    struct listing *listing = ret_listing;
    *listing = (struct listing){
        .cli = cli, .set = set, .tree = tree, .context.now = cli->now, .json.name = set->things};
    int code = refuse_both(cli, err);
    if (code == 0)
        code = columns_choose(&listing->chosen, set, all, cli->options.columns, err);
    if (code == 0)
        code = parse_order(listing, err);
    listing->keeps = listing->order != NULL || tree;
    return code;
}

int listing_open(struct listing *listing, struct espt_error *err)
{
    struct cli *cli = listing->cli;
    struct table_column columns[TABLE_COLUMNS_MAX + 1];
    listing->context.tiers = cli_tiers_if_whole(cli);
    if (cli->json || given(cli, OPTION_QUIET))
        return 0;
    columns_titles(&listing->chosen, columns);
    int code = table_new(&listing->view, columns, listing->tree ? TABLE_TREE : TABLE_LONG, err);
    if (code == 0 && given(cli, OPTION_NO_HEADERS))
        table_leave_out_headers(listing->view);
    return code;
}

bool listing_by_uses(const struct listing *listing)
{
    return listing->order != NULL && listing->order->by_uses;
}

/* --- rows --- */

static json_t *json_of_row(const struct listing *listing, const struct row *row)
{
    return row->token != NULL ? json_of_token(row->token, NULL, listing->context.now)
                              : json_of_entity(row->entity, listing->context.tiers);
}

static int put(struct listing *listing, const struct row *row, struct espt_error *err)
{
    if (listing->cli->json)
        return json_stream_item(&listing->json, json_of_row(listing, row), err);
    if (listing->view != NULL) {
        columns_line(&listing->chosen, listing->view, NULL, row, &listing->context);
        return 0;
    }
    char text[CELL_SIZE];
    puts(column_find(listing->set, listing->set->key)->cell(row, &listing->context, text).text);
    return 0;
}

static bool grow(void **items, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return true;
    const size_t more = *room == 0 ? 64 : *room * 2;
    void *grown = reallocarray(*items, more, size);
    if (grown == NULL)
        return false;
    *items = grown;
    *room = more;
    return true;
}

static bool add_entity(struct listing *listing, const struct entity *entity)
{
    const size_t count = listing->entity_count;
    if (count > 0 && listing->entities[count - 1].number == entity->number)
        return true;
    void *entities = listing->entities;
    const bool good = grow(&entities, count, &listing->entity_room, sizeof *listing->entities);
    listing->entities = entities;
    if (good)
        listing->entities[listing->entity_count++] = *entity;
    return good;
}

static bool add_token(struct listing *listing, const struct token *token)
{
    void *kept = listing->kept;
    const bool good = grow(&kept, listing->kept_count, &listing->kept_room, sizeof *listing->kept);
    listing->kept = kept;
    if (good)
        listing->kept[listing->kept_count++] =
            (struct kept){.token = *token, .entity = listing->entity_count - 1};
    return good;
}

int listing_row(struct listing *listing, const struct row *row, struct espt_error *err)
{
    if (!listing->keeps)
        return put(listing, row, err);
    if (add_entity(listing, row->entity) && (row->token == NULL || add_token(listing, row->token)))
        return 0;
    return espt_fail(err, ESPT_UNUSABLE, "out of memory; list without --%s",
                     listing->order != NULL ? "sort" : "tree");
}

bool listing_again(struct listing *listing)
{
    return table_again(listing->view);
}

/* The row by which a row is ordered: a retiring secret stands where its successor does. */
static struct row leader(const struct row *row)
{
    return row->successor == NULL ? *row : (struct row){row->successor, row->entity, NULL};
}

/* Equal values are ordered by entity name, token name, then id. A retiring secret comes directly
   after its successor. */
static int compare(const void *left, const void *right, void *arg)
{
    const struct row x = leader(left), y = leader(right), *a = &x, *b = &y;
    const struct listing *listing = arg;
    if (a->token != NULL && a->token == b->token)
        return (((const struct row *)left)->successor != NULL) -
               (((const struct row *)right)->successor != NULL);
    int result = listing->order->compare(a, b, &listing->context);
    if (listing->reverse)
        result = -result;
    if (result == 0)
        result = strcmp(a->entity->name, b->entity->name);
    if (result == 0 && a->token != NULL)
        result = strcmp(a->token->name, b->token->name);
    if (result == 0 && a->token != NULL)
        result = compare_numbers(a->token->id, b->token->id);
    return result;
}

static size_t row_count(const struct listing *listing)
{
    return listing->kept != NULL ? listing->kept_count : listing->entity_count;
}

/* The store gives a retiring secret directly after its successor, which the filters may have left
   out. */
static const struct token *successor(const struct row *row, const struct row *before)
{
    return row->token != NULL && row->token->retiring && !before->token->retiring &&
                   row->entity == before->entity &&
                   strcmp(row->token->name, before->token->name) == 0
               ? before->token
               : NULL;
}

struct row *listing_rows(struct listing *listing, struct espt_error *err)
{
    const size_t count = row_count(listing);
    struct row *rows = calloc(count + 1, sizeof *rows);
    if (rows == NULL) {
        espt_fail(err, ESPT_UNUSABLE, "out of memory");
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        const struct kept *kept = listing->kept != NULL ? &listing->kept[i] : NULL;
        rows[i].token = kept != NULL ? &kept->token : NULL;
        rows[i].entity = &listing->entities[kept != NULL ? kept->entity : i];
        if (i > 0)
            rows[i].successor = successor(&rows[i], &rows[i - 1]);
    }
    if (listing->order != NULL && count > 1)
        qsort_r(rows, count, sizeof *rows, compare, listing);
    return rows;
}

static int put_kept(struct listing *listing, struct espt_error *err)
{
    struct row *rows = listing_rows(listing, err);
    int code = rows != NULL ? 0 : ESPT_UNUSABLE;
    do {
        for (size_t i = 0; code == 0 && i < row_count(listing); i++)
            code = put(listing, &rows[i], err);
    } while (code == 0 && listing_again(listing));
    free(rows);
    return code;
}

int listing_print(struct listing *listing, struct espt_error *err)
{
    int code = 0;
    if (listing->keeps && !listing->tree)
        code = put_kept(listing, err);
    if (code == 0 && listing->cli->json)
        json_stream_end(&listing->json);
    else if (code == 0 && listing->view != NULL)
        code = table_print(listing->view, listing->set->things, err);
    return code;
}

bool listing_has_totals(const struct listing *listing)
{
    return listing->view != NULL && at_terminal(stdout) && !given(listing->cli, OPTION_NO_HEADERS);
}

void listing_end(struct listing *listing)
{
    table_free(listing->view);
    free(listing->kept);
    free(listing->entities);
}
