/* SPDX-License-Identifier: ISC */
/* rotate and retire. */
#include "cli/chosen.h"
#include "cli/operand.h"
#include "cli/output.h"

#include "common/when.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static void print_old(const struct rotated *rotated, bool works)
{
    static const char *const why[] = {[OLD_ENDS_AFTER_OVERLAP] = "",
                                      [OLD_ENDS_BY_ITSELF] = ", its own expiration",
                                      [OLD_ENDS_WITH_NEW] = ", when the new one expires"};
    char id[TOKEN_ID_LEN + 1], when[WHEN_TEXT_SIZE];
    token_id_format(rotated->old.id, id);
    when_format(rotated->old.expires, when);
    if (rotated->retiring)
        printf("The old one, %s, %s until %s%s; to end it now, run: esp-tokenctl retire %s\n", id,
               works ? "works" : "retires, and is kept", when, why[rotated->ends], id);
    else
        printf("The old one, %s, has ended.\n", id);
}

/* Writes why hosts deny the token, and what to do. False: they allow it. */
static bool denial(const struct token *token, int64_t now, char *out, size_t size)
{
    char id[TOKEN_ID_LEN + 1];
    const enum token_status status = token_status(token, now);
    token_id_format(token->id, id);
    if (status == TOKEN_INACTIVE)
        snprintf(out, size,
                 "it is inactive; run 'esp-tokenctl edit %s --status active' to switch it on", id);
    else if (status == TOKEN_SUSPENDED)
        snprintf(out, size,
                 "its entity %s, or the reseller of that, is inactive; run 'esp-tokenctl entity "
                 "edit' to switch that one on",
                 token->entity);
    return status == TOKEN_INACTIVE || status == TOKEN_SUSPENDED;
}

void warn_of_denial(const struct cli *cli, const struct token *token)
{
    char why[256], message[sizeof why + 64];
    if (!denial(token, cli->now, why, sizeof why))
        return;
    snprintf(message, sizeof message, "hosts deny the new token: %s", why);
    cli_warn(cli, message);
}

/* The new token, with the old one in "old": null if it has ended. */
static json_t *json_of_rotated(const struct cli *cli, const struct rotated *rotated,
                               const char *text)
{
    json_t *json = json_of_token(&rotated->token, text, cli->now);
    json_t *old = rotated->retiring ? json_of_token(&rotated->old, NULL, cli->now) : json_null();
    if (json_object_set_new(json, "old", old) == 0)
        return json;
    json_decref(json);
    return NULL;
}

static int print(struct cli *cli, const struct rotated *rotated, const char *text,
                 struct espt_error *err)
{
    if (text != NULL)
        warn_of_readers(cli);
    if (cli->json)
        return json_print(json_of_rotated(cli, rotated, text), err);
    if (given(cli, OPTION_QUIET)) {
        puts(text);
        warn_of_denial(cli, &rotated->token);
        return 0;
    }
    char why[256];
    const bool denied = denial(&rotated->token, cli->now, why, sizeof why);
    print_new_token(&rotated->token, text, cli->now);
    print_old(rotated, !denied);
    if (denied)
        printf("Hosts deny %s: %s.\n", rotated->retiring ? "both" : "the token", why);
    return 0;
}

int run_rotate(struct cli *cli, struct espt_error *err)
{
    const struct options *o = &cli->options;
    struct token_ref ref;
    struct rotated rotated;
    char text[TOKEN_TEXT_LEN + 1] = "";
    int64_t overlap, expires = 0;
    int code = cli_copy_wanted(cli, err);
    if (code == 0)
        code = token_ref_parse(&ref, o->operand[0], err);
    if (code == 0)
        code = parse_overlap(cli, &overlap, err);
    if (code == 0 && o->expires != NULL)
        code = parse_expires(cli, &expires, err);
    if (code == 0)
        code = cli_store(cli, err);
    if (code == 0)
        code = cli_tiers(cli, err);
    if (code == 0)
        code = store_token_rotate(cli->store, cli->tiers, &ref, overlap,
                                  o->expires != NULL ? &expires : NULL, &rotated, text, err);
    if (code == 0 && given(cli, OPTION_COPY))
        code = cli_copy_new(cli, &rotated.token, text, err);
    if (code == 0)
        code = print(cli, &rotated, given(cli, OPTION_COPY) ? NULL : text, err);
    sodium_memzero(text, sizeof text);
    return code;
}

/* After retire: warns of tokens that are switched off themselves. A secret and its successor are
   switched on and off together, so the ended secrets show it. */
static void print_inactive(const struct cli *cli, const struct token_set *set)
{
    size_t inactive = 0;
    for (size_t i = 0; i < set->count; i++)
        inactive += !set->item[i].token.active;
    if (inactive == 0 || cli->json)
        return;
    if (set->count == 1)
        puts("The token itself is inactive, too: hosts deny it.");
    else
        printf("%zu of the tokens themselves are inactive, too: hosts deny them.\n", inactive);
}

int run_retire(struct cli *cli, struct espt_error *err)
{
    static const struct chosen_words words = {"retired", "ended", "would end"};
    struct chosen chosen;
    cli->revokes = !given(cli, OPTION_DRY_RUN);
    int code = chosen_read(cli, &chosen, err);
    if (code == 0)
        code = cli_store(cli, err);
    if (code == 0) {
        do
            code = store_tokens_retire(cli->store, &chosen.set, err);
        while (code == ESPT_UNUSABLE && cli_make_room(cli));
        if (code != 0)
            chosen_fail(cli, &chosen, err);
    }
    if (code == 0)
        code = chosen_print_gone(cli, &chosen, &words, err);
    if (code == 0)
        print_inactive(cli, &chosen.set);
    chosen_clear(&chosen);
    return code;
}
