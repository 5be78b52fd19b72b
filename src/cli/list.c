#include "cli/output.h"

#include "common/when.h"

#include <stdio.h>

struct listing {
    struct cli *cli;
    json_t *json;
    struct table_view *view;
    bool all;
};

static int add(void *arg, const struct token *token, struct espt_error *err)
{
    struct listing *listing = arg;
    if (listing->json != NULL)
        return json_array_append_new(listing->json,
                                     json_of_token(token, NULL, listing->cli->now)) == 0
                   ? 0
                   : espt_fail(err, ESPT_UNUSABLE, "out of memory");
    char id[TOKEN_ID_LEN + 1], created[WHEN_TEXT_SIZE], expires[WHEN_TEXT_SIZE] = "never";
    token_id_format(token->id, id);
    when_format(token->created, created);
    if (token->expires != WHEN_NEVER)
        when_format(token->expires, expires);
    const char *cells[] = {
        token->entity, id, token->name, token_status(token, listing->cli->now), created, expires};
    table_line(listing->view, NULL, listing->all ? cells : cells + 1);
    return 0;
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
                                          "CREATED", "EXPIRES", NULL};
    const char *entity = cli->options.operands > 0 ? cli->options.operand[0] : NULL;
    struct listing listing = {.cli = cli, .all = entity == NULL};
    int code = cli_store(cli, err);
    if (code == 0 && cli->json)
        listing.json = json_array();
    else if (code == 0)
        code = table_new(&listing.view, columns + (listing.all ? 0 : 1), false, err);
    if (code == 0)
        code = store_token_each(cli->store, entity, add, &listing, err);
    if (code == 0 && cli->json) {
        code = json_print(json_pack("{s:O}", "tokens", listing.json), err);
    } else if (code == 0) {
        table_print(listing.view, "tokens");
        if (entity != NULL)
            tell_over_limit(cli, entity);
    }
    table_free(listing.view);
    json_decref(listing.json);
    return code;
}
