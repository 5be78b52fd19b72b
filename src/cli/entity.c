/* SPDX-License-Identifier: ISC */
/* entity add, show and edit. */
#include "cli/operand.h"
#include "cli/output.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

int run_entity_add(struct cli *cli, struct espt_error *err)
{
    const struct options *o = &cli->options;
    struct entity_new wanted = {.reseller = o->reseller, .tier = o->tier, .contact = o->contact};
    struct entity entity;
    struct token token;
    char text[TOKEN_TEXT_LEN + 1] = "";
    const bool many = given(cli, OPTION_FROM);
    int code = dry_run_wanted(cli, err);
    if (code != 0)
        return code;
    if (many && (o->kind != NULL || o->reseller != NULL || o->tier != NULL || o->contact != NULL))
        code =
            espt_fail(err, ESPT_USAGE,
                      "with --from, kind, reseller and tier come from the lines of the file, and a "
                      "contact cannot be given; remove --kind, --reseller, --tier and --contact");
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
    if (code == 0)
        warn_of_readers(cli);
    if (code == 0 && given(cli, OPTION_QUIET) && !cli->json) {
        puts(text);
        warn_of_denial(cli, &token);
    } else if (code == 0 && cli->json) {
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

/* The entities that --cascade lowered: one line each in text output, whole entities in JSON. */
struct lowering {
    struct cli *cli;
    json_t *list; /* NULL: text output, or no --cascade */
};

static int print_lowered(void *arg, const struct entity *entity, struct espt_error *err)
{
    struct lowering *lowering = arg;
    if (lowering->list == NULL)
        fprintf(stderr, "esp-tokenctl: lowered %s to tier %s\n", entity->name, entity->tier);
    else if (json_array_append_new(lowering->list, json_of_entity(entity, lowering->cli->tiers)) !=
             0)
        return espt_fail(
            err, ESPT_UNUSABLE,
            "out of memory; the change is made; run 'esp-tokenctl entity list' to see it");
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

int run_entity_edit(struct cli *cli, struct espt_error *err)
{
    const struct options *o = &cli->options;
    const uint64_t what = BIT(OPTION_NAME) | BIT(OPTION_TIER) | BIT(OPTION_STATUS) |
                          BIT(OPTION_RESELLER) | BIT(OPTION_CONTACT);
    struct entity_edit edit = {.name = o->name,
                               .tier = o->tier,
                               .reseller = o->reseller,
                               .contact = o->contact,
                               .cascade = given(cli, OPTION_CASCADE)};
    struct lowering lowering = {.cli = cli};
    struct entity entity;
    bool active;
    int code = 0, to;
    if ((o->given & what) == 0)
        return espt_fail(err, ESPT_USAGE,
                         "nothing to edit; give --name, --tier, --status, --reseller or --contact");
    if (edit.cascade && o->tier == NULL)
        return espt_fail(err, ESPT_USAGE, "--cascade lowers customers with a tier; give --tier");
    if (o->reseller != NULL && strcmp(o->reseller, "none") == 0)
        edit.reseller = "";
    if (o->status != NULL) {
        code = parse_status(o->status, &active, err);
        to = code == 0 && active;
        edit.active = &to;
        cli->revokes = code == 0 && !active;
    }
    if (code == 0)
        code = cli_store(cli, err);
    if (code == 0 && (o->tier != NULL || o->reseller != NULL))
        code = cli_tiers(cli, err);
    if (code == 0 && cli->json && edit.cascade && (lowering.list = json_array()) == NULL)
        code = espt_fail(err, ESPT_UNUSABLE, "out of memory");
    if (code == 0) {
        do
            code = store_entity_edit(cli->store, cli->tiers, o->operand[0], &edit, &entity,
                                     print_lowered, &lowering, err);
        while (code == ESPT_UNUSABLE && cli_make_room(cli));
    }
    if (code == 0)
        code = print_edited(cli, &entity, lowering.list, err);
    json_decref(lowering.list);
    return code;
}
