/* SPDX-License-Identifier: ISC */
/* What edit, retire and remove print of the tokens they are about. */
#include "cli/chosen.h"

#include <stdio.h>

static void print_line(const struct token *token, const char *done)
{
    char id[TOKEN_ID_LEN + 1];
    token_id_format(token->id, id);
    printf("%s %s (%s of %s)\n", done, id, token->name, token->entity);
}

/* A reference that is not an item of the set was refused, or names the token of another one. */
static void warn_twice(const struct cli *cli, const struct chosen *chosen)
{
    char message[128];
    const size_t twice = chosen->set.refs - chosen->set.count - chosen->set.refusals;
    if (twice == 0)
        return;
    snprintf(message, sizeof message, "%zu of the TOKENs name%s a token that was named before",
             twice, twice == 1 ? "s" : "");
    cli_warn(cli, message);
}

static int end_list(struct cli *cli, struct json_stream *stream, struct chosen *chosen,
                    struct espt_error *err)
{
    if (chosen->set.dry)
        return json_stream_end_with(
            stream,
            json_pack("{s:b, s:o}", "dry_run", 1, "refused", chosen_json_refused(cli, chosen)),
            err);
    json_stream_end(stream);
    return 0;
}

static int print_end(struct cli *cli, struct chosen *chosen, const char *done,
                     struct espt_error *err)
{
    const size_t count = chosen->set.count, refusals = chosen->refusals;
    /* without a dry run there is none, and nothing may fail, because the change is made */
    const int code = refusals > 0 ? chosen_print_refused(cli, chosen, err) : 0;
    if (code != 0)
        return code;
    printf("%s %zu %s", done, count, plural(count, "token", "tokens"));
    if (refusals > 0)
        printf("; %zu %s would be refused", refusals, plural(refusals, "TOKEN", "TOKENs"));
    putchar('\n');
    return 0;
}

int chosen_print(struct cli *cli, struct chosen *chosen, const struct chosen_words *words,
                 struct espt_error *err)
{
    const struct token_set *set = &chosen->set;
    const char *done = set->dry ? words->would : words->done;
    struct json_stream stream = {.name = words->list};
    int code = chosen_take_refused(chosen, err);
    if (code != 0 || (!chosen->many && chosen->refusals > 0))
        return code != 0 ? code : chosen_fail_refused(cli, chosen, err);
    for (size_t i = 0; i < set->count && code == 0; i++) {
        const struct token *token = &set->item[i].token;
        if (cli->json)
            code = json_stream_item(&stream, json_of_token(token, NULL, cli->now), err);
        else
            print_line(token, done);
    }
    if (code == 0)
        code = cli->json ? end_list(cli, &stream, chosen, err) : print_end(cli, chosen, done, err);
    warn_twice(cli, chosen);
    return code != 0 ? code : chosen_fail_refused(cli, chosen, err);
}

int chosen_print_gone(struct cli *cli, struct chosen *chosen, const struct chosen_words *words,
                      struct espt_error *err)
{
    const struct token *token = &chosen->set.item[0].token;
    if (chosen->many || chosen->set.dry)
        return chosen_print(cli, chosen, words, err);
    if (cli->json)
        return json_print(json_pack("{s:o}", words->list, json_of_token(token, NULL, cli->now)),
                          err);
    print_line(token, words->done);
    return 0;
}
