#include "cli/output.h"

#include <stdlib.h>
#include <string.h>

struct listing {
    struct cli *cli;
    const struct tier_table *tiers;
    struct json_stream json;
    struct table_view *view;
    struct entity *entities; /* of a tree: kept until all are seen */
    size_t count, room;
};

static int keep(struct listing *listing, const struct entity *entity, struct espt_error *err)
{
    if (listing->count == listing->room) {
        listing->room = listing->room == 0 ? 64 : listing->room * 2;
        struct entity *entities = reallocarray(listing->entities, listing->room, sizeof *entities);
        if (entities == NULL)
            return espt_fail(err, ESPT_UNUSABLE, "out of memory; list without --tree");
        listing->entities = entities;
    }
    listing->entities[listing->count++] = *entity;
    return 0;
}

static void *add_line(struct table_view *view, void *parent, const struct entity *entity,
                      const struct tier_table *tiers)
{
    char limit[64];
    limit_text(entity, tiers, limit, sizeof limit);
    const char *cells[] = {entity->name,
                           kind_word(entity->kind),
                           entity->reseller[0] != '\0' ? entity->reseller : "-",
                           entity->tier,
                           status_word(entity->active),
                           limit};
    return table_line(view, parent, cells);
}

static int by_name(const void *key, const void *item)
{
    const struct entity *entity = item;
    return strcmp(key, entity->name);
}

/* The platform, below it what has no reseller, and below that the customers of resellers. Entities
   come in order of name (bytes), so that a reseller's place is found by halves. */
static int draw_tree(const struct listing *listing, struct espt_error *err)
{
    struct table_view *view = listing->view;
    static const char *const platform[] = {"platform", "", "", "", "", ""};
    void **lines = calloc(listing->count, sizeof *lines);
    if (lines == NULL && listing->count > 0)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    void *root = listing->count > 0 ? table_line(view, NULL, platform) : NULL;
    for (size_t i = 0; i < listing->count; i++) {
        const struct entity *entity = &listing->entities[i];
        if (entity->reseller[0] == '\0')
            lines[i] = add_line(view, root, entity, listing->tiers);
    }
    for (size_t i = 0; i < listing->count; i++) {
        const struct entity *entity = &listing->entities[i];
        if (entity->reseller[0] == '\0')
            continue;
        const struct entity *reseller = bsearch(entity->reseller, listing->entities, listing->count,
                                                sizeof *listing->entities, by_name);
        add_line(view, reseller != NULL ? lines[reseller - listing->entities] : root, entity,
                 listing->tiers);
    }
    free(lines);
    return 0;
}

static int see(void *arg, const struct entity *entity, struct espt_error *err)
{
    struct listing *listing = arg;
    if (listing->cli->json)
        return json_stream_item(&listing->json, json_of_entity(entity, listing->tiers), err);
    if (given(listing->cli, OPTION_TREE))
        return keep(listing, entity, err);
    add_line(listing->view, NULL, entity, listing->tiers);
    return 0;
}

int run_entity_list(struct cli *cli, struct espt_error *err)
{
    static const char *const columns[] = {"NAME",   "KIND",   "RESELLER", "TIER",
                                          "STATUS", "TOKENS", NULL};
    const bool tree = given(cli, OPTION_TREE);
    int code = cli_store(cli, err);
    if (code != 0)
        return code;
    struct listing listing = {
        .cli = cli, .tiers = cli_tiers_if_whole(cli), .json.name = "entities"};
    if (!cli->json)
        code = table_new(&listing.view, columns, tree, err);
    if (code == 0)
        code = store_entity_each(cli->store, see, &listing, err);
    if (code == 0 && cli->json)
        json_stream_end(&listing.json);
    if (code == 0 && !cli->json && tree)
        code = draw_tree(&listing, err);
    if (code == 0 && !cli->json)
        code = table_print(listing.view, "entities", err);
    table_free(listing.view);
    free(listing.entities);
    return code;
}
