/* SPDX-License-Identifier: ISC */
/*
 * Suggests the command, option or name that a mistyped word may have meant.
 *
 * MUST: a suggestion is a word of esp-tokenctl, or a name that the store holds.
 */
#include "cli/nearest.h"
#include "cli/operand.h"

#include <stdio.h>
#include <string.h>

#define NAMES_LOOKED_AT 10000

/* Replaces the remedy in the message: "no such command; did you mean list?" */
static void suggest(struct espt_error *err, const char *before, const char *name)
{
    err->message[strcspn(err->message, ";")] = '\0';
    espt_add(err, "; did you mean %s%s?", before, name);
}

/* Words of other tools, and our commands for them. */
static const char *const other_words[][2] = {
    {"ls", "list"},         {"new", "create"},      {"add", "create"},  {"create", "add"},
    {"rm", "remove"},       {"delete", "remove"},   {"del", "remove"},  {"revoke", "remove"},
    {"get", "show"},        {"info", "show"},       {"view", "show"},   {"update", "edit"},
    {"set", "edit"},        {"change", "edit"},     {"rename", "edit"}, {"regenerate", "rotate"},
    {"renew", "rotate"},    {"validate", "verify"}, {"test", "verify"}, {"tiers", "tier"},
    {"customer", "entity"}, {"reseller", "entity"}, {"audit", "log"},   {"history", "log"},
    {"metrics", "stats"},   {"status", "stats"},    {"setup", "init"},
};

static void offer_word(struct nearest *nearest, const char *word)
{
    nearest_offer(nearest, word);
    for (size_t i = 0; i < sizeof other_words / sizeof *other_words; i++) {
        if (strcmp(nearest->typed, other_words[i][0]) == 0 && strcmp(word, other_words[i][1]) == 0)
            nearest_set(nearest, word);
    }
}

int no_such_command(char *const *words, int count, struct espt_error *err)
{
    espt_fail(err, ESPT_USAGE, "no such command");
    struct nearest nearest;
    const struct command *command;
    const struct typed typed = command_typed(words, count);
    const bool second = typed.word != NULL && count > 1;
    nearest_begin(&nearest, second ? words[1] : words[0]);
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        if (command->hidden)
            continue;
        if (!second)
            offer_word(&nearest, command->word);
        else if (command->second != NULL && strcmp(command->word, typed.word) == 0)
            offer_word(&nearest, command->second);
    }
    char before[32] = "";
    if (second)
        snprintf(before, sizeof before, "%s ", typed.word);
    if (nearest_name(&nearest) != NULL)
        suggest(err, before, nearest_name(&nearest));
    return fail_naming(err, second ? words[1] : words[0]);
}

void suggest_option(const struct command *command, const char *word, struct espt_error *err)
{
    char name[40];
    struct nearest nearest;
    const uint64_t takes =
        command == NULL ? ~UINT64_C(0) : command->options | command->needed | OPTIONS_OF_ALL;
    if (strncmp(word, "--", 2) != 0)
        return;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    nearest_begin(&nearest, name);
    for (enum cli_option o = 0; o < OPTION_COUNT; o++) {
        if ((takes & BIT(o)) != 0)
            nearest_offer(&nearest, option_table[o].name);
    }
    if (nearest_name(&nearest) != NULL)
        suggest(err, "--", nearest_name(&nearest));
}

/* --- names in the store --- */

static int offer(void *arg, const char *name)
{
    nearest_offer(arg, name);
    return 0;
}

/* Searches the names with the same beginning, and the first names of all. In a store of millions of
   names the former finds most slips; in a smaller store the latter sees every name. */
static bool nearest_in_store(struct store *store, struct names names, const char *typed,
                             struct nearest *nearest)
{
    char begin[3] = "";
    struct espt_error ignored;
    nearest_begin(nearest, typed);
    memcpy(begin, typed, strnlen(typed, sizeof begin - 1));
    names.most = NAMES_LOOKED_AT;
    names.prefix = begin;
    int code = store_names(store, &names, offer, nearest, &ignored);
    names.prefix = "";
    if (code == 0)
        code = store_names(store, &names, offer, nearest, &ignored);
    return code == 0 && nearest_name(nearest) != NULL;
}

static bool suggest_entity(struct store *store, const char *typed, bool reseller,
                           struct espt_error *err)
{
    struct entity entity;
    struct espt_error ignored;
    struct nearest nearest;
    if (store_entity_get(store, typed, &entity, &ignored) != ESPT_MISSING)
        return false;
    const struct names names = {.of = reseller ? NAMES_RESELLERS : NAMES_ENTITIES};
    if (nearest_in_store(store, names, typed, &nearest))
        suggest(err, "", nearest_name(&nearest));
    return true;
}

/* Searches the ids that were drawn in the same moment, then in the same half day: these share
   that many characters. Allows one edit, because more would turn the id into another id of that
   moment. */
static bool suggest_id(struct store *store, const char *typed, struct espt_error *err)
{
    static const int alike[] = {6, 3};
    struct nearest nearest;
    struct espt_error ignored;
    nearest_begin(&nearest, typed);
    nearest.distance = 2;
    for (size_t i = 0; i < 2 && nearest_name(&nearest) == NULL; i++) {
        char begin[8];
        snprintf(begin, sizeof begin, "%.*s", alike[i], typed);
        const struct names names = {.of = NAMES_IDS, .prefix = begin, .most = NAMES_LOOKED_AT};
        if (store_names(store, &names, offer, &nearest, &ignored) != 0)
            return true;
    }
    if (nearest_name(&nearest) != NULL)
        suggest(err, "", nearest_name(&nearest));
    return true;
}

static bool suggest_token(struct store *store, const char *typed, struct espt_error *err)
{
    struct token_ref ref;
    struct token token;
    struct entity entity;
    struct espt_error ignored;
    struct nearest nearest;
    char before[ENTITY_NAME_MAX + 2];
    if (token_ref_parse(&ref, typed, &ignored) != 0 ||
        store_token_get(store, &ref, &token, &ignored) != ESPT_MISSING)
        return false;
    if (ref.by_id)
        return suggest_id(store, typed, err);
    if (store_entity_get(store, ref.entity, &entity, &ignored) != 0) {
        if (!nearest_in_store(store, (struct names){.of = NAMES_ENTITIES}, ref.entity, &nearest))
            return true;
        snprintf(ref.entity, sizeof ref.entity, "%s", nearest_name(&nearest));
    }
    snprintf(before, sizeof before, "%s/", ref.entity);
    if (store_token_get(store, &ref, &token, &ignored) == 0)
        suggest(err, before, ref.name);
    else if (nearest_in_store(store, (struct names){.of = NAMES_TOKENS, .entity = ref.entity},
                              ref.name, &nearest))
        suggest(err, before, nearest_name(&nearest));
    return true;
}

static bool suggest_tier(const struct tier_table *tiers, const char *typed, struct espt_error *err)
{
    struct nearest nearest;
    if (tiers == NULL || tier_find(tiers, typed) != NULL)
        return false;
    nearest_begin(&nearest, typed);
    for (size_t i = 0; i < tiers->count; i++)
        nearest_offer(&nearest, tiers->tier[i].name);
    if (nearest_name(&nearest) != NULL)
        suggest(err, "", nearest_name(&nearest));
    return true;
}

/* True: this name is the missing one. */
static bool suggest_value(struct cli *cli, enum value value, const char *typed,
                          struct espt_error *err)
{
    switch (value) {
    case VALUE_ENTITY:
        return suggest_entity(cli->store, typed, false, err);
    case VALUE_RESELLER:
        return strcmp(typed, "none") != 0 && suggest_entity(cli->store, typed, true, err);
    case VALUE_TOKEN:
        return suggest_token(cli->store, typed, err);
    case VALUE_TIER:
        return suggest_tier(cli->tiers, typed, err);
    default:
        return false;
    }
}

void suggest_name(struct cli *cli, const struct command *command, struct espt_error *err)
{
    const struct options *options = &cli->options;
    if (cli->store == NULL)
        return;
    /* if the entity in --as does not exist, it sees no other name either */
    if (options->as != NULL && suggest_value(cli, VALUE_ENTITY, options->as, err)) {
        fail_naming(err, options->as);
        return;
    }
    if (cli->missing > 0) {
        const char *typed = options->operand[cli->missing - 1];
        suggest_value(cli, VALUE_TOKEN, typed, err);
        fail_naming(err, typed);
        if (options->operands > 1)
            espt_fail_in(err, "TOKEN %d", cli->missing);
        return;
    }
    for (int i = 0; i < options->operands && i < command_operands(command); i++) {
        if (suggest_value(cli, command->operands[i].value, options->operand[i], err)) {
            fail_naming(err, options->operand[i]);
            return;
        }
    }
    for (enum cli_option o = 0; o < OPTION_COUNT; o++) {
        const char *typed = option_value(options, o);
        if (typed != NULL && suggest_value(cli, option_table[o].value, typed, err)) {
            fail_naming(err, typed);
            return;
        }
    }
}
