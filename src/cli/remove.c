/* SPDX-License-Identifier: ISC */
/* remove and entity remove. They print what would be removed; refusals come before the question. */
#include "cli/chosen.h"
#include "cli/operand.h"
#include "cli/output.h"

#include <stdio.h>
#include <string.h>

#define SHOWN_MAX 8       /* tokens of an entity that are listed */
#define MANY_SHOWN_MAX 20 /* tokens to remove that are listed */

/* Things that are removed too: the tokens of an entity, the old secret of a token. */
struct going {
    const struct cli *cli;
    const struct token *token; /* NULL: all tokens of the entity */
    size_t count;
};

static int show_going(void *arg, const struct entity *entity, const struct token *token,
                      struct espt_error *err)
{
    struct going *going = arg;
    char id[TOKEN_ID_LEN + 1];
    (void)entity, (void)err;
    if (token == NULL)
        return 0;
    if (going->token != NULL && (!token->retiring || going->token->retiring ||
                                 strcmp(token->name, going->token->name) != 0))
        return 0;
    token_id_format(token->id, id);
    if (going->count++ == 0)
        fputs(going->token != NULL ? "\nIts old secret is removed too:\n"
                                   : "\nThese are removed too:\n",
              stderr);
    if (going->count <= SHOWN_MAX)
        fprintf(stderr, "  %s  %s (%s)\n", id, token->name,
                token_status_seen(token, going->cli->now));
    return 0;
}

static int show_all_going(struct cli *cli, const char *entity, const struct token *token,
                          struct espt_error *err)
{
    struct going going = {.cli = cli, .token = token};
    int code = store_each(cli->store, entity, show_going, &going, NULL, err);
    if (code == 0 && going.count > SHOWN_MAX)
        fprintf(stderr, "  and %zu more\n", going.count - SHOWN_MAX);
    fputc('\n', stderr);
    return code;
}

/* --- tokens --- */

static int ask_one(struct cli *cli, const struct token *token, struct espt_error *err)
{
    char question[64], id[TOKEN_ID_LEN + 1];
    token_id_format(token->id, id);
    print_token(stderr, token, NULL, cli->now);
    int code = show_all_going(cli, token->entity, token, err);
    snprintf(question, sizeof question, "remove token %s?", id);
    store_rest(cli->store); /* no lock is held during the question */
    return code == 0 ? prompt(question, err) : code;
}

static int ask_many(struct cli *cli, const struct token_set *set, struct espt_error *err)
{
    char question[64], id[TOKEN_ID_LEN + 1];
    for (size_t i = 0; i < set->count && i < MANY_SHOWN_MAX; i++) {
        const struct token *token = &set->item[i].token;
        token_id_format(token->id, id);
        fprintf(stderr, "%s  %s/%s (%s)\n", id, token->entity, token->name,
                token_status_seen(token, cli->now));
    }
    if (set->count > MANY_SHOWN_MAX)
        fprintf(stderr, "and %zu more\n", set->count - MANY_SHOWN_MAX);
    if (set->old_secrets > 0)
        fprintf(stderr, "The old secrets of %zu of them are removed too.\n", set->old_secrets);
    fputc('\n', stderr);
    snprintf(question, sizeof question, "remove %zu token%s?", set->count,
             set->count == 1 ? "" : "s");
    store_rest(cli->store); /* no lock is held during the question */
    return prompt(question, err);
}

/* Refusals come before the question. */
static int ask_tokens(struct cli *cli, struct chosen *chosen, struct espt_error *err)
{
    int code = store_tokens_removable(cli->store, &chosen->set, given(cli, OPTION_LAST), err);
    if (code != 0)
        return chosen_fail(cli, chosen, err);
    if (chosen->set.count == 0)
        return 0;
    return chosen->many ? ask_many(cli, &chosen->set, err)
                        : ask_one(cli, &chosen->set.item[0].token, err);
}

static int remove_tokens(struct cli *cli, struct chosen *chosen, struct espt_error *err)
{
    const bool last = given(cli, OPTION_LAST);
    const bool asks = !given(cli, OPTION_YES) && !chosen->set.dry;
    int code = store_tokens_get(cli->store, &chosen->set, err);
    if (code != 0)
        return chosen_fail(cli, chosen, err);
    if (asks)
        code = ask_tokens(cli, chosen, err);
    if (code != 0)
        return code;
    do
        code = store_tokens_remove(cli->store, &chosen->set, last, asks, err);
    while (code == ESPT_UNUSABLE && cli_make_room(cli));
    return code == 0 ? 0 : chosen_fail(cli, chosen, err);
}

int run_remove(struct cli *cli, struct espt_error *err)
{
    static const struct chosen_words words = {"removed", "removed", "would remove"};
    const bool dry = given(cli, OPTION_DRY_RUN);
    struct chosen chosen = {.many = false};
    int code = dry ? 0 : prompt_possible(cli, err);
    cli->revokes = !dry;
    if (code == 0)
        code = chosen_read(cli, &chosen, err);
    if (code == 0)
        code = cli_store(cli, err);
    if (code == 0)
        code = remove_tokens(cli, &chosen, err);
    if (code == 0)
        code = chosen_print_gone(cli, &chosen, &words, err);
    chosen_clear(&chosen);
    return code;
}

/* --- an entity --- */

static int ask_entity(struct cli *cli, struct entity *entity, struct espt_error *err)
{
    char question[160];
    int code = store_entity_removable(cli->store, entity, err);
    if (code != 0)
        return code;
    print_entity(stderr, entity, cli_tiers_if_whole(cli));
    code = show_all_going(cli, entity->name, NULL, err);
    snprintf(question, sizeof question, "remove %s %s with its %u token%s?",
             kind_word(entity->kind), entity->name, entity->tokens, entity->tokens == 1 ? "" : "s");
    store_rest(cli->store); /* no lock is held during the question */
    return code == 0 ? prompt(question, err) : code;
}

int run_entity_remove(struct cli *cli, struct espt_error *err)
{
    struct entity entity;
    int code = prompt_possible(cli, err);
    cli->revokes = true;
    if (code == 0)
        code = cli_store(cli, err);
    if (code == 0)
        code = store_entity_get(cli->store, cli->options.operand[0], &entity, err);
    if (code == 0 && !given(cli, OPTION_YES))
        code = ask_entity(cli, &entity, err);
    if (code == 0) {
        do
            code = store_entity_remove(cli->store, &entity, err);
        while (code == ESPT_UNUSABLE && cli_make_room(cli));
    }
    if (code != 0)
        return code;
    if (cli->json) {
        json_t *removed = json_of_entity(&entity, cli_tiers_if_whole(cli));
        return json_print(json_pack("{s:o}", "removed", removed), err);
    }
    printf("removed %s\n", entity.name);
    return 0;
}
