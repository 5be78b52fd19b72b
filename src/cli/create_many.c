/* Bulk creation: one line of a file, one token or entity. */
#include "cli/bulk.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was made and is not yet printed: for that it must be committed. */
struct made {
    struct entity entity;
    struct token token;
    char text[TOKEN_TEXT_LEN + 1];
};

struct many {
    struct made *made;
    size_t count, room;
    const int64_t *expires;
};

/* The old place is wiped: it held texts. */
static struct made *next_made(struct many *many, struct espt_error *err)
{
    if (many->count == many->room) {
        size_t room = many->room == 0 ? 64 : 2 * many->room;
        struct made *made = calloc(room, sizeof *made);
        if (made == NULL) {
            espt_fail(err, ESPT_UNUSABLE, "out of memory");
            return NULL;
        }
        if (many->made != NULL) {
            memcpy(made, many->made, many->count * sizeof *made);
            sodium_memzero(many->made, many->room * sizeof *made);
            free(many->made);
        }
        many->made = made;
        many->room = room;
    }
    return &many->made[many->count];
}

static void forget(struct many *many)
{
    if (many->made != NULL)
        sodium_memzero(many->made, many->count * sizeof *many->made);
    many->count = 0;
}

static int print_token_line(struct cli *cli, const struct made *made, struct espt_error *err)
{
    char id[TOKEN_ID_LEN + 1];
    if (cli->json)
        return json_print_line(json_of_token(&made->token, made->text, cli->now), err);
    token_id_format(made->token.id, id);
    if (given(cli, OPTION_QUIET))
        puts(made->text);
    else
        printf("%s  %s  %s\n", id, made->text, made->token.name);
    return 0;
}

static int print_entity_line(struct cli *cli, const struct made *made, struct espt_error *err)
{
    if (cli->json)
        return json_print_line(json_pack("{s:o, s:o}", "entity",
                                         json_of_entity(&made->entity, cli->tiers), "token",
                                         json_of_token(&made->token, made->text, cli->now)),
                               err);
    printf("%-8s  %s  %s\n", kind_word(made->entity.kind), made->text, made->entity.name);
    return 0;
}

static int print_all(struct bulk *bulk, struct espt_error *err,
                     int (*print)(struct cli *, const struct made *, struct espt_error *))
{
    struct many *many = bulk->arg;
    int code = 0;
    for (size_t i = 0; code == 0 && i < many->count; i++)
        code = print(bulk->cli, &many->made[i], err);
    forget(many);
    return code == 0 ? output_flush(err) : code;
}

/* --- create ENTITY --from FILE --- */

static int token_line(struct bulk *bulk, struct espt_error *err)
{
    struct many *many = bulk->arg;
    struct made *made = next_made(many, err);
    if (made == NULL)
        return ESPT_UNUSABLE;
    const struct token_new wanted = {.entity = bulk->cli->options.operand[0],
                                     .name = bulk->lines.line,
                                     .expires = many->expires};
    int code = batch_token_create(bulk->batch, &wanted, &made->token, made->text, err);
    many->count += code == 0;
    return code == 0 ? 1 : code;
}

static int tokens_committed(struct bulk *bulk, struct espt_error *err)
{
    return print_all(bulk, err, print_token_line);
}

static int run_many(struct cli *cli, const char *what, const int64_t *expires, bulk_line_fn line,
                    bulk_commit_fn committed, struct espt_error *err)
{
    struct many many = {.expires = expires};
    int code = bulk_run(cli, cli->options.from, what, line, committed, &many, err);
    forget(&many);
    free(many.made);
    return code;
}

int create_many(struct cli *cli, const int64_t *expires, struct espt_error *err)
{
    return run_many(cli, "tokens", expires, token_line, tokens_committed, err);
}

/* --- entity add --from FILE --- */

#define FIELDS 4

/* NAME KIND RESELLER TIER, by blanks; `-`, or nothing, for none or the default. */
static int split(char *line, char *ret_fields[static FIELDS], struct espt_error *err)
{
    char *rest = line;
    for (int i = 0; i < FIELDS; i++) {
        char *field;
        do
            field = strsep(&rest, " \t");
        while (field != NULL && field[0] == '\0');
        ret_fields[i] = field == NULL || strcmp(field, "-") == 0 ? NULL : field;
    }
    if (ret_fields[0] == NULL || ret_fields[1] == NULL ||
        (rest != NULL && rest[strspn(rest, " \t")] != '\0'))
        return espt_fail(err, ESPT_USAGE, "not a line of NAME KIND [RESELLER|-] [TIER|-]");
    return 0;
}

static int entity_line(struct bulk *bulk, struct espt_error *err)
{
    char *field[FIELDS];
    struct made *made = next_made(bulk->arg, err);
    if (made == NULL)
        return ESPT_UNUSABLE;
    struct entity_new wanted;
    int code = split(bulk->lines.line, field, err);
    if (code == 0) {
        wanted = (struct entity_new){.name = field[0], .reseller = field[2], .tier = field[3]};
        code = parse_kind(field[1], &wanted.kind, err);
    }
    if (code == 0)
        code = batch_entity_add(bulk->batch, &wanted, &made->entity, &made->token, made->text, err);
    ((struct many *)bulk->arg)->count += code == 0;
    return code == 0 ? 1 : code;
}

static int entities_committed(struct bulk *bulk, struct espt_error *err)
{
    return print_all(bulk, err, print_entity_line);
}

int add_many(struct cli *cli, struct espt_error *err)
{
    return run_many(cli, "entities", NULL, entity_line, entities_committed, err);
}
