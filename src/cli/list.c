/* SPDX-License-Identifier: ISC */
/* list: the tokens of one entity or of all, as a table or as JSON. */
#include "cli/filter.h"
#include "cli/listing.h"

#include <stdio.h>
#include <string.h>

struct tokens {
    struct listing listing;
    struct filter filter;
    uint64_t count[TOKEN_STATUSES]; /* tokens that the filters select */
};

/* Refuses a selection or an order by use if uses are not known. */
static int need_uses(const struct tokens *tokens, const struct token *token, struct espt_error *err)
{
    const char *elsewhere = store_elsewhere_unknown(tokens->listing.cli->store);
    if (tokens->filter.unused == 0 && !listing_by_uses(&tokens->listing))
        return 0;
    if (elsewhere != NULL)
        return espt_fail(err, ESPT_UNUSABLE, "it is not known which tokens are unused: %s",
                         elsewhere);
    if (token->unsure)
        return espt_fail(err, ESPT_UNUSABLE,
                         "not every usage file was read, so it is not known which tokens are "
                         "unused; remove foreign files from the folder of [usage]");
    if (token->unread)
        return espt_fail(
            err, ESPT_UNUSABLE,
            "the usage files cannot be read, so it is not known which tokens are unused; check the "
            "limit on open files and the kernel log (dmesg), and try "
            "again");
    return 0;
}

static int see(void *arg, const struct entity *entity, const struct token *token,
               struct espt_error *err)
{
    struct tokens *tokens = arg;
    if (token == NULL)
        return 0;
    int code = need_uses(tokens, token, err);
    if (code != 0 || !filter_match(&tokens->filter, entity, token))
        return code;
    tokens->count[token_status(token, tokens->filter.now)]++;
    return listing_row(&tokens->listing, &(struct row){.token = token, .entity = entity}, err);
}

/* Once, or twice if the table is long. */
static int see_all(struct tokens *tokens, const char *entity, struct espt_error *err)
{
    struct store *store = tokens->listing.cli->store;
    int code;
    do {
        memset(tokens->count, 0, sizeof tokens->count);
        code = store_each(store, entity, see, tokens, NULL, err);
    } while (code == 0 && listing_again(&tokens->listing));
    return code;
}

/* "5 tokens: 3 active, 2 expired" */
static void print_totals(const struct tokens *tokens)
{
    const char *before = ":";
    uint64_t count = 0;
    for (enum token_status status = 0; status < TOKEN_STATUSES; status++)
        count += tokens->count[status];
    if (count == 0)
        return;
    printf("\n%llu token%s", (unsigned long long)count, count == 1 ? "" : "s");
    for (enum token_status status = 0; status < TOKEN_STATUSES; status++) {
        if (tokens->count[status] == 0)
            continue;
        printf("%s %llu %s", before, (unsigned long long)tokens->count[status],
               token_status_word(status));
        before = ",";
    }
    putchar('\n');
}

/* Text output: explains why no new token can be created. */
static void print_over_limit(struct cli *cli, const char *name)
{
    struct entity entity;
    struct espt_error ignored;
    const struct tier_table *tiers = cli_tiers_if_whole(cli);
    if (tiers == NULL || store_entity_get(cli->store, name, &entity, &ignored) != 0 ||
        !over_limit(&entity, tiers))
        return;
    printf("%s has %u tokens, but tier %s allows %u: it cannot create another\n", entity.name,
           entity.tokens, entity.tier, tier_of(&entity, tiers)->max_tokens);
}

static int list(struct tokens *tokens, const char *entity, struct espt_error *err)
{
    struct cli *cli = tokens->listing.cli;
    int code = cli_store(cli, err);
    if (code == 0)
        code = filter_parse(cli, true, &tokens->filter, err);
    if (code == 0)
        code = listing_open(&tokens->listing, err);
    if (code == 0)
        code = see_all(tokens, entity, err);
    if (code == 0)
        code = listing_print(&tokens->listing, err);
    if (code != 0)
        return code;
    if (listing_has_totals(&tokens->listing))
        print_totals(tokens);
    if (entity != NULL && tokens->listing.view != NULL)
        print_over_limit(cli, entity);
    return 0;
}

int run_list(struct cli *cli, struct espt_error *err)
{
    const char *entity = cli->options.operands > 0 ? cli->options.operand[0] : NULL;
    struct tokens tokens = {0};
    int code = listing_begin(&tokens.listing, cli, &token_columns, entity == NULL, false, err);
    if (code == 0)
        code = list(&tokens, entity, err);
    listing_end(&tokens.listing);
    return code;
}
