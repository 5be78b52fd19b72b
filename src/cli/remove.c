/* remove and entity remove: what would go is shown, and refused before anybody is asked. */
#include "cli/output.h"

#include <stdio.h>
#include <string.h>

#define SHOWN_MAX 8 /* of an entity's tokens */

/* What goes beside the thing itself: the tokens of an entity, the old secret of a token. */
struct going {
    const struct cli *cli;
    const struct token *token; /* NULL: all that the entity has */
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
        fputs(going->token != NULL ? "\nWith it goes its old secret:\n" : "\nWith it go:\n",
              stderr);
    if (going->count <= SHOWN_MAX)
        fprintf(stderr, "  %s  %s (%s)\n", id, token->name, token_status(token, going->cli->now));
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

/* --- a token --- */

static int ask_token(struct cli *cli, const struct token *token, struct espt_error *err)
{
    char question[64], id[TOKEN_ID_LEN + 1];
    int code = store_token_removable(cli->store, token, given(cli, OPTION_LAST), err);
    if (code != 0)
        return code;
    token_id_format(token->id, id);
    print_token(stderr, token, NULL, cli->now);
    code = show_all_going(cli, token->entity, token, err);
    snprintf(question, sizeof question, "remove token %s?", id);
    return code == 0 ? prompt(question, err) : code;
}

int run_remove(struct cli *cli, struct espt_error *err)
{
    struct token_ref ref;
    struct token token;
    char id[TOKEN_ID_LEN + 1];
    int code = prompt_possible(cli, err);
    if (code == 0)
        code = cli_token(cli, &ref, &token, err);
    if (code == 0 && !given(cli, OPTION_YES))
        code = ask_token(cli, &token, err);
    if (code == 0)
        code = store_token_remove(cli->store, &token, given(cli, OPTION_LAST), err);
    if (code != 0)
        return code;
    token_id_format(token.id, id);
    if (cli->json)
        return json_print(json_pack("{s:o}", "removed", json_of_token(&token, NULL, cli->now)),
                          err);
    printf("removed %s (%s of %s)\n", id, token.name, token.entity);
    return 0;
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
    return code == 0 ? prompt(question, err) : code;
}

int run_entity_remove(struct cli *cli, struct espt_error *err)
{
    struct entity entity;
    int code = prompt_possible(cli, err);
    if (code == 0)
        code = cli_store(cli, err);
    if (code == 0)
        code = store_entity_get(cli->store, cli->options.operand[0], &entity, err);
    if (code == 0 && !given(cli, OPTION_YES))
        code = ask_entity(cli, &entity, err);
    if (code == 0)
        code = store_entity_remove(cli->store, &entity, err);
    if (code != 0)
        return code;
    if (cli->json) {
        json_t *removed = json_of_entity(&entity, cli_tiers_if_whole(cli));
        return json_print(json_pack("{s:o}", "removed", removed), err);
    }
    printf("removed %s\n", entity.name);
    return 0;
}
