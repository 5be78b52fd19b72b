/* SPDX-License-Identifier: ISC */
/* Bulk creation: one token or entity for each line of a file. */
#include "cli/bulk.h"
#include "cli/operand.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A token or entity that was created but not printed yet. It is printed after the commit. */
struct made {
    struct entity entity;
    struct token token;
    char text[TOKEN_TEXT_LEN + 1];
};

struct many {
    struct made *made;
    size_t count, room;
    const struct token_new *wanted; /* fields except the name; NULL: entities */
};

static void forget(struct many *many)
{
    if (many->made != NULL)
        sodium_memzero(many->made, many->count * sizeof *many->made);
    many->count = 0;
}

/* Grows the array when it is full. The old array is wiped, because it held texts. A dry run keeps
   one item only, because it prints none. */
static struct made *next_made(const struct bulk *bulk, struct espt_error *err)
{
    struct many *many = bulk->arg;
    if (bulk->dry)
        forget(many);
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
    if (given(cli, OPTION_QUIET))
        puts(made->text);
    else
        printf("%-8s  %s  %s\n", kind_word(made->entity.kind), made->text, made->entity.name);
    return 0;
}

static int print_all(struct bulk *bulk, struct espt_error *err,
                     int (*print)(struct cli *, const struct made *, struct espt_error *))
{
    struct many *many = bulk->arg;
    int code = 0;
    if (many->count > 0)
        warn_of_readers(bulk->cli);
    for (size_t i = 0; code == 0 && i < many->count; i++)
        code = print(bulk->cli, &many->made[i], err);
    forget(many);
    return code == 0 ? output_flush(err) : code;
}

/* --- create ENTITY --from FILE --- */

static int token_line(struct bulk *bulk, struct espt_error *err)
{
    struct many *many = bulk->arg;
    struct made *made = next_made(bulk, err);
    if (made == NULL)
        return ESPT_UNUSABLE;
    struct token_new wanted = *many->wanted;
    wanted.name = bulk->lines.line;
    int code = batch_token_create(bulk->batch, &wanted, &made->token, made->text, err);
    many->count += code == 0;
    return code == 0 ? 1 : code;
}

static int tokens_committed(struct bulk *bulk, struct espt_error *err)
{
    return print_all(bulk, err, print_token_line);
}

/* Standard output has what was created, one a line, so the totals go to standard error. */
static int print_total(const struct bulk *bulk, const char *one, const char *many,
                       struct espt_error *err)
{
    const unsigned long long made = bulk->made, refused = bulk->refused;
    if (bulk->dry && bulk->cli->json)
        return json_print(
            json_pack("{s:o}", "created",
                      bulk_json(bulk, json_pack("{s:I}", many, (json_int_t)bulk->made))),
            err);
    if (bulk->dry)
        printf("would create %llu %s; %llu line%s would be refused\n", made, made == 1 ? one : many,
               refused, refused == 1 ? "" : "s");
    else if (!bulk->cli->json && !given(bulk->cli, OPTION_QUIET))
        fprintf(stderr, "esp-tokenctl: created %llu %s\n", made, made == 1 ? one : many);
    return 0;
}

static int run_many(struct cli *cli, const struct token_new *wanted, struct bulk_work work,
                    struct espt_error *err)
{
    struct many many = {.wanted = wanted};
    work.arg = &many;
    int code = bulk_run(cli, cli->options.from, &work, err);
    forget(&many);
    free(many.made);
    return code;
}

static int tokens_total(const struct bulk *bulk, struct espt_error *err)
{
    return print_total(bulk, "token", "tokens", err);
}

int create_many(struct cli *cli, const struct token_new *wanted, struct espt_error *err)
{
    const struct bulk_work work = {
        .what = "tokens", .line = token_line, .commit = tokens_committed, .total = tokens_total};
    return run_many(cli, wanted, work, err);
}

/* --- entity add --from FILE --- */

#define FIELDS 4

/* NAME KIND RESELLER TIER, separated by blanks; `-` or nothing means none, or the default. */
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
    struct made *made = next_made(bulk, err);
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

static int entities_total(const struct bulk *bulk, struct espt_error *err)
{
    return print_total(bulk, "entity", "entities", err);
}

int add_many(struct cli *cli, struct espt_error *err)
{
    const struct bulk_work work = {.what = "entities",
                                   .line = entity_line,
                                   .commit = entities_committed,
                                   .total = entities_total};
    return run_many(cli, NULL, work, err);
}

int dry_run_wanted(const struct cli *cli, struct espt_error *err)
{
    if (!given(cli, OPTION_DRY_RUN) || given(cli, OPTION_FROM))
        return 0;
    return espt_fail(err, ESPT_USAGE, "--dry-run is given without --from; it checks lines");
}
