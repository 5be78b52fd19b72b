/* SPDX-License-Identifier: ISC */
/* entity list, as a table, as a tree and as JSON. */
#include "cli/filter.h"
#include "cli/listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entities {
    struct listing listing;
    struct filter filter;
    bool tree;
    uint64_t count, resellers, over; /* entities that the filters select */
};

static void count_entity(struct entities *entities, const struct entity *entity)
{
    entities->count++;
    entities->resellers += entity->kind == KIND_RESELLER;
    entities->over += over_limit(entity, entities->listing.context.tiers);
}

/* --- tree --- */

struct drawing {
    struct entities *entities;
    bool *shown;  /* for each of listing.entities: selected, or the reseller of a selected one */
    void **lines; /* for each of them */
};

static int by_name(const void *key, const void *item)
{
    const struct entity *entity = item;
    return strcmp(key, entity->name);
}

/* Entities are kept in bytewise order of name. NULL: it has none, or --as may not see it. */
static const struct entity *reseller_of(const struct listing *listing, const struct entity *entity)
{
    return bsearch(entity->reseller, listing->entities, listing->entity_count,
                   sizeof *listing->entities, by_name);
}

static size_t place_of(const struct drawing *drawing, const struct entity *entity)
{
    return (size_t)(entity - drawing->entities->listing.entities);
}

/* Selects the entities. A reseller is shown above its selected customers in any case. */
static void select_shown(const struct drawing *drawing)
{
    struct entities *entities = drawing->entities;
    for (size_t i = 0; i < entities->listing.entity_count; i++) {
        const struct entity *entity = &entities->listing.entities[i];
        if (!filter_match_entity(&entities->filter, entity))
            continue;
        const struct entity *reseller = reseller_of(&entities->listing, entity);
        drawing->shown[i] = true;
        if (reseller != NULL)
            drawing->shown[place_of(drawing, reseller)] = true;
        count_entity(entities, entity);
    }
}

/* Draws the platform, below it the entities without a reseller, and below those the customers. */
static void draw(const struct drawing *drawing, const struct row *rows)
{
    const struct listing *listing = &drawing->entities->listing;
    const struct chosen *chosen = &listing->chosen;
    void *root = NULL;
    if (drawing->entities->count > 0)
        root = columns_line(chosen, listing->view, NULL, NULL, &listing->context);
    for (int below = 0; below < 2; below++) {
        for (size_t i = 0; i < listing->entity_count; i++) {
            const struct entity *entity = rows[i].entity;
            const struct entity *reseller = reseller_of(listing, entity);
            const size_t place = place_of(drawing, entity);
            void *parent = reseller != NULL ? drawing->lines[place_of(drawing, reseller)] : root;
            if (drawing->shown[place] && (entity->reseller[0] != '\0') == below)
                drawing->lines[place] =
                    columns_line(chosen, listing->view, parent, &rows[i], &listing->context);
        }
    }
}

static int draw_tree(struct entities *entities, struct espt_error *err)
{
    struct listing *listing = &entities->listing;
    const size_t count = listing->entity_count + 1;
    struct drawing drawing = {.entities = entities,
                              .shown = calloc(count, sizeof *drawing.shown),
                              .lines = calloc(count, sizeof *drawing.lines)};
    struct row *rows = listing_rows(listing, err);
    const bool good = drawing.shown != NULL && drawing.lines != NULL && rows != NULL;
    if (good) {
        select_shown(&drawing);
        draw(&drawing, rows);
    }
    free(rows);
    free(drawing.shown);
    free((void *)drawing.lines);
    return good ? 0 : espt_fail(err, ESPT_UNUSABLE, "out of memory");
}

/* --- the list --- */

static int see(void *arg, const struct entity *entity, struct espt_error *err)
{
    struct entities *entities = arg;
    if (!entities->tree) {
        if (!filter_match_entity(&entities->filter, entity))
            return 0;
        count_entity(entities, entity);
    }
    return listing_row(&entities->listing, &(struct row){.entity = entity}, err);
}

/* Once, or twice if the table is long. */
static int see_all(struct entities *entities, struct espt_error *err)
{
    int code;
    do {
        entities->count = entities->resellers = entities->over = 0;
        code = store_entity_each(entities->listing.cli->store, see, entities, err);
    } while (code == 0 && listing_again(&entities->listing));
    return code;
}

/* "3 entities: 1 reseller, 2 customers, 1 over the limit" */
static void print_totals(const struct entities *entities)
{
    const uint64_t resellers = entities->resellers, customers = entities->count - resellers;
    printf("\n%llu entit%s: ", (unsigned long long)entities->count,
           entities->count == 1 ? "y" : "ies");
    if (resellers > 0)
        printf("%llu reseller%s", (unsigned long long)resellers, resellers == 1 ? "" : "s");
    if (customers > 0)
        printf("%s%llu customer%s", resellers > 0 ? ", " : "", (unsigned long long)customers,
               customers == 1 ? "" : "s");
    if (entities->over > 0)
        printf(", %llu over the limit", (unsigned long long)entities->over);
    putchar('\n');
}

/* What an edge does not know cannot select or order. */
static int require_known(const struct entities *entities, struct espt_error *err)
{
    const struct listing *listing = &entities->listing;
    const bool wants = given(listing->cli, OPTION_OVER_LIMIT) ||
                       given(listing->cli, OPTION_CONTACT) ||
                       (listing->order != NULL && listing->order->at_sites);
    return wants ? store_not_edge(listing->cli->store, err) : 0;
}

static int list(struct entities *entities, struct espt_error *err)
{
    struct listing *listing = &entities->listing;
    struct cli *cli = listing->cli;
    int code = cli_store(cli, err);
    if (code == 0)
        code = require_known(entities, err);
    if (code == 0)
        code = filter_parse(cli, false, &entities->filter, err);
    if (code == 0)
        code = listing_open(listing, err);
    if (code == 0)
        code = see_all(entities, err);
    if (code == 0 && entities->tree)
        code = draw_tree(entities, err);
    if (code == 0)
        code = listing_print(listing, err);
    if (code == 0 && entities->count > 0 && listing_has_totals(listing))
        print_totals(entities);
    return code;
}

int run_entity_list(struct cli *cli, struct espt_error *err)
{
    struct entities entities = {.tree = given(cli, OPTION_TREE) && !cli->json};
    int code = listing_begin(&entities.listing, cli, &entity_columns, true, entities.tree, err);
    if (code == 0)
        code = list(&entities, err);
    listing_end(&entities.listing);
    return code;
}
