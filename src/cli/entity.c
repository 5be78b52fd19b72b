#include "cli/output.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

int parse_kind(const char *text, enum entity_kind *ret_kind, struct espt_error *err)
{
    if (strcmp(text, "reseller") == 0)
        *ret_kind = KIND_RESELLER;
    else if (strcmp(text, "customer") == 0)
        *ret_kind = KIND_CUSTOMER;
    else
        return espt_fail(err, ESPT_USAGE, "not a kind; give --kind reseller or --kind customer");
    return 0;
}

int run_entity_add(struct cli *cli, struct espt_error *err)
{
    const struct options *o = &cli->options;
    struct entity_new wanted = {.reseller = o->reseller, .tier = o->tier};
    struct entity entity;
    struct token token;
    char text[TOKEN_TEXT_LEN + 1] = "";
    const bool many = given(cli, OPTION_FROM);
    int code = 0;
    if (many && (o->kind != NULL || o->reseller != NULL || o->tier != NULL))
        code =
            espt_fail(err, ESPT_USAGE, "with --from, kind, reseller and tier stand in its lines");
    else if (!many)
        code = parse_kind(o->kind, &wanted.kind, err);
    if (code == 0)
        code = cli_store(cli, err);
    if (code == 0)
        code = cli_tiers(cli, err);
    if (code == 0 && many)
        return add_many(cli, err);
    if (code == 0)
        wanted.name = o->operand[0];
    if (code == 0)
        code = store_entity_add(cli->store, cli->tiers, &wanted, &entity, &token, text, err);
    if (code == 0 && cli->json) {
        code = json_print(json_pack("{s:o, s:o}", "entity", json_of_entity(&entity, cli->tiers),
                                    "token", json_of_token(&token, text, cli->now)),
                          err);
    } else if (code == 0) {
        print_entity(stdout, &entity, cli->tiers);
        puts("\nIts first token:");
        print_new_token(&token, text, cli->now);
    }
    sodium_memzero(text, sizeof text);
    return code;
}

<<<<<<< HEAD
=======
/* --- list --- */

struct listing {
    const struct tier_table *tiers;
    json_t *json; /* NULL: for people */
    struct entity *entities;
    size_t count, room;
};

static int collect(void *arg, const struct entity *entity, struct espt_error *err)
{
    struct listing *listing = arg;
    if (listing->json != NULL)
        return json_array_append_new(listing->json, json_of_entity(entity, listing->tiers)) == 0
                   ? 0
                   : espt_fail(err, ESPT_UNUSABLE, "out of memory");
    if (listing->count == listing->room) {
        listing->room = listing->room == 0 ? 64 : listing->room * 2;
        struct entity *entities = reallocarray(listing->entities, listing->room, sizeof *entities);
        if (entities == NULL)
            return espt_fail(err, ESPT_UNUSABLE, "out of memory");
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
static int draw_tree(const struct listing *listing, struct table_view *view, struct espt_error *err)
{
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

static int print_entities(const struct listing *listing, bool tree, struct espt_error *err)
{
    static const char *const columns[] = {"NAME",   "KIND",   "RESELLER", "TIER",
                                          "STATUS", "TOKENS", NULL};
    struct table_view *view;
    int code = table_new(&view, columns, tree, err);
    if (code != 0)
        return code;
    if (tree)
        code = draw_tree(listing, view, err);
    for (size_t i = 0; !tree && i < listing->count; i++)
        add_line(view, NULL, &listing->entities[i], listing->tiers);
    if (code == 0)
        code = table_print(view, "entities", err);
    table_free(view);
    return code;
}

int run_entity_list(struct cli *cli, struct espt_error *err)
{
    int code = cli_store(cli, err);
    if (code != 0)
        return code;
    struct listing listing = {.tiers = cli_tiers_if_whole(cli),
                              .json = cli->json ? json_array() : NULL};
    code = store_entity_each(cli->store, collect, &listing, err);
    if (code == 0 && cli->json)
        code = json_print(json_pack("{s:O}", "entities", listing.json), err);
    else if (code == 0)
        code = print_entities(&listing, given(cli, OPTION_TREE), err);
    json_decref(listing.json);
    free(listing.entities);
    return code;
}

>>>>>>> b66f2ca (Out of memory is told: JSON, tables and metrics are whole or refused)
static int show(struct cli *cli, const struct entity *entity, struct espt_error *err)
{
    const struct tier_table *tiers = cli_tiers_if_whole(cli);
    if (cli->json)
        return json_print(json_of_entity(entity, tiers), err);
    print_entity(stdout, entity, tiers);
    return 0;
}

int run_entity_show(struct cli *cli, struct espt_error *err)
{
    struct entity entity;
    int code = cli_store(cli, err);
    if (code == 0)
        code = store_entity_get(cli->store, cli->options.operand[0], &entity, err);
    return code == 0 ? show(cli, &entity, err) : code;
}

/* --- edit --- */

/* What --cascade lowered: for people one line each, for scripts whole entities. */
struct lowering {
    struct cli *cli;
    json_t *list; /* NULL: for people, or without --cascade */
};

static int tell_lowered(void *arg, const struct entity *entity, struct espt_error *err)
{
    struct lowering *lowering = arg;
    if (lowering->list == NULL)
        fprintf(stderr, "esp-tokenctl: lowered %s to tier %s\n", entity->name, entity->tier);
    else if (json_array_append_new(lowering->list, json_of_entity(entity, lowering->cli->tiers)) !=
             0)
        return espt_fail(err, ESPT_UNUSABLE,
                         "out of memory; the change is made, see it by entity list");
    return 0;
}

static int print_edited(struct cli *cli, const struct entity *entity, json_t *lowered,
                        struct espt_error *err)
{
    if (lowered == NULL)
        return show(cli, entity, err);
    json_t *json = json_of_entity(entity, cli->tiers);
    json_object_set(json, "lowered", lowered);
    return json_print(json, err);
}

int parse_status(const char *text, int *ret_active, struct espt_error *err)
{
    if (strcmp(text, "active") != 0 && strcmp(text, "inactive") != 0)
        return espt_fail(err, ESPT_USAGE, "not a status; give active or inactive");
    *ret_active = strcmp(text, "active") == 0;
    return 0;
}

int run_entity_edit(struct cli *cli, struct espt_error *err)
{
    const struct options *o = &cli->options;
    const uint64_t what =
        BIT(OPTION_NAME) | BIT(OPTION_TIER) | BIT(OPTION_STATUS) | BIT(OPTION_RESELLER);
    struct entity_edit edit = {.name = o->name,
                               .tier = o->tier,
                               .reseller = o->reseller,
                               .cascade = given(cli, OPTION_CASCADE)};
    struct lowering lowering = {.cli = cli};
    struct entity entity;
    int active, code = 0;
    if ((o->given & what) == 0)
        return espt_fail(err, ESPT_USAGE,
                         "nothing to edit; give --name, --tier, --status or --reseller");
    if (o->reseller != NULL && strcmp(o->reseller, "none") == 0)
        edit.reseller = "";
    if (o->status != NULL) {
        code = parse_status(o->status, &active, err);
        edit.active = &active;
    }
    if (code == 0)
        code = cli_store(cli, err);
    if (code == 0 && (o->tier != NULL || o->reseller != NULL))
        code = cli_tiers(cli, err);
    if (code == 0 && cli->json && edit.cascade)
        lowering.list = json_array();
    if (code == 0)
        code = store_entity_edit(cli->store, cli->tiers, o->operand[0], &edit, &entity,
                                 tell_lowered, &lowering, err);
    if (code == 0)
        code = print_edited(cli, &entity, lowering.list, err);
    json_decref(lowering.list);
    return code;
}
