/* SPDX-License-Identifier: ISC */
/*
 * Completion: prints the candidates for the next word of an unfinished command line. The scripts in
 * etc/completions/ call this. After any error it prints no candidates and no message.
 *
 * Each candidate has its own line, followed by a tab and a description if there is one. A shell
 * continues a candidate that ends in `/`. The lines `:file` and `:folder` ask for the completion of
 * the shell.
 */
#include "cli/columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CANDIDATES_MAX 200

struct completing {
    const char *lead;   /* text before the completed part: --kind= or ENTITY/ */
    const char *prefix; /* typed beginning of that part */
    const char *trail;
};

static int offer(void *arg, const char *name)
{
    const struct completing *completing = arg;
    if (strncmp(name, completing->prefix, strlen(completing->prefix)) == 0)
        printf("%s%s%s\n", completing->lead, name, completing->trail);
    return 0;
}

static void offer_with(const struct completing *completing, const char *name, const char *help)
{
    if (strncmp(name, completing->prefix, strlen(completing->prefix)) == 0)
        printf("%s%s\t%s\n", completing->lead, name, help);
}

static void offer_names(struct cli *cli, struct names names, struct completing *completing)
{
    struct espt_error ignored;
    names.prefix = completing->prefix;
    names.most = CANDIDATES_MAX;
    if (store_names(cli->store, &names, offer, completing, &ignored) != 0)
        return;
}

/* Offers ENTITY/ first, then the entity's tokens. Offers ids if an id was begun. */
static void offer_tokens(struct cli *cli, struct completing completing)
{
    const char *slash = strchr(completing.prefix, '/');
    char lead[256], entity[ENTITY_NAME_MAX + 1];
    if (slash == NULL) {
        if (completing.prefix[0] != '\0')
            offer_names(cli, (struct names){.of = NAMES_IDS}, &completing);
        completing.trail = "/";
        offer_names(cli, (struct names){.of = NAMES_ENTITIES}, &completing);
        return;
    }
    const int len = (int)(slash - completing.prefix);
    if (len > ENTITY_NAME_MAX)
        return;
    snprintf(entity, sizeof entity, "%.*s", len, completing.prefix);
    snprintf(lead, sizeof lead, "%s%s/", completing.lead, entity);
    completing.lead = lead;
    completing.prefix = slash + 1;
    offer_names(cli, (struct names){.of = NAMES_TOKENS, .entity = entity}, &completing);
}

static void offer_tiers(struct cli *cli, const struct completing *completing)
{
    struct espt_error ignored;
    if (cli_tiers(cli, &ignored) != 0)
        return;
    for (size_t i = 0; i < cli->tiers->count; i++)
        offer_with(completing, cli->tiers->tier[i].name, cli->tiers->tier[i].label);
}

/* Offers the words of a|b|c. */
static void offer_choices(struct completing *completing, const char *choices)
{
    while (*choices != '\0') {
        char word[32];
        const size_t len = strcspn(choices, "|");
        snprintf(word, sizeof word, "%.*s", (int)len, choices);
        offer(completing, word);
        choices += len + (choices[len] == '|');
    }
}

static bool needs_store(enum value value)
{
    return value == VALUE_ENTITY || value == VALUE_RESELLER || value == VALUE_TOKEN;
}

/* Offers the columns of --sort, with a leading `-` if one was typed. */
static void offer_columns(const struct column_set *set, struct completing completing)
{
    const bool reverse = completing.prefix[0] == '-';
    if (reverse)
        completing.lead = "-";
    completing.prefix += reverse;
    for (size_t i = 0; i < set->count; i++)
        offer(&completing, set->columns[i].word);
}

static bool is_typed(const char *list, const char *word)
{
    for (const size_t len = strlen(word); *list != '\0'; list += *list == ',') {
        const size_t part = strcspn(list, ",");
        if (part == len && strncmp(list, word, len) == 0)
            return true;
        list += part;
    }
    return false;
}

/* Offers the columns of --columns that were not typed yet: what was typed remains before them. */
static void offer_more_columns(const struct column_set *set, struct completing completing)
{
    char lead[COLUMNS_WORDS_SIZE];
    const char *comma = strrchr(completing.prefix, ','), *typed = completing.prefix;
    const size_t adds = typed[0] == '+', done = comma != NULL ? (size_t)(comma + 1 - typed) : adds;
    if (strlen(completing.lead) + done >= sizeof lead)
        return;
    snprintf(lead, sizeof lead, "%s%.*s", completing.lead, (int)done, typed);
    completing.lead = lead;
    completing.prefix += done;
    for (size_t i = 0; i < set->count; i++) {
        const struct column *column = &set->columns[i];
        if (!is_typed(typed + adds, column->word) || strcmp(completing.prefix, column->word) == 0)
            offer(&completing, column->word);
    }
}

/* Describes a first word: by its help if it is a command by itself (as `log` is), otherwise by the
   second words that may follow. */
static const char *describe_word(const struct command *of, char *seconds, size_t size)
{
    const struct command *command;
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        if (command->second == NULL && strcmp(command->word, of->word) == 0)
            return command->help;
    }
    command_seconds(of, seconds, size);
    return seconds;
}

/* Offers first words, or second words if the first one was typed. */
static void offer_commands(const struct typed *typed, const char *prefix)
{
    const struct completing completing = {.lead = "", .prefix = prefix};
    const char *first = typed->command != NULL ? typed->command->word : typed->word;
    const struct command *command;
    const char *before = "";
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        char seconds[128];
        if (command->hidden)
            continue;
        if (first == NULL && strcmp(before, command->word) != 0)
            offer_with(&completing, command->word, describe_word(command, seconds, sizeof seconds));
        else if (first != NULL && command->second != NULL && strcmp(first, command->word) == 0)
            offer_with(&completing, command->second, command->help);
        before = command->word;
    }
}

/* `name` is the name of the operand or argument. NAME|none takes a name or the word `none`. */
static void offer_values(struct cli *cli, const struct command *command, enum value value,
                         const char *name, const char *lead, const char *prefix)
{
    const struct column_set *set = command != NULL ? command->columns : NULL;
    struct completing completing = {.lead = lead, .prefix = prefix, .trail = ""};
    struct espt_error ignored;
    const char *words = strchr(name, '|');
    if (needs_store(value) && cli_store(cli, &ignored) != 0)
        return;
    if (value == VALUE_TIER && cli_config(cli, &ignored) != 0)
        return;
    if (value == VALUE_CHOICE)
        offer_choices(&completing, name);
    else if (words != NULL)
        offer_choices(&completing, words + 1);
    if (value == VALUE_ENTITY)
        offer_names(cli, (struct names){.of = NAMES_ENTITIES}, &completing);
    else if (value == VALUE_RESELLER)
        offer_names(cli, (struct names){.of = NAMES_RESELLERS}, &completing);
    else if (value == VALUE_TOKEN)
        offer_tokens(cli, completing);
    else if (value == VALUE_TIER)
        offer_tiers(cli, &completing);
    else if (value == VALUE_COLUMN && set != NULL)
        offer_columns(set, completing);
    else if (value == VALUE_COLUMNS && set != NULL)
        offer_more_columns(set, completing);
    else if (value == VALUE_COMMAND)
        offer_commands(&(struct typed){0}, prefix);
    else if (value == VALUE_FILE)
        puts(":file");
    else if (value == VALUE_FOLDER)
        puts(":folder");
}

static void offer_options(const struct typed *typed, const char *prefix, uint64_t which)
{
    for (enum cli_option o = 0; o < OPTION_COUNT; o++) {
        const struct option_entry entry = command_option(typed->command, o);
        char name[40];
        snprintf(name, sizeof name, "--%s", entry.name);
        if ((which & ~typed->given & BIT(o)) != 0)
            offer_with(&(struct completing){.lead = "", .prefix = prefix}, name, entry.help);
    }
}

/* Completes an attached argument, as in --kind=re. */
static void offer_attached(struct cli *cli, const struct typed *typed, const char *word)
{
    char lead[40];
    const size_t len = strcspn(word, "=") + 1;
    for (enum cli_option o = 0; o < OPTION_COUNT && len < sizeof lead; o++) {
        const struct option_entry entry = command_option(typed->command, o);
        snprintf(lead, sizeof lead, "--%s=", entry.name);
        if (entry.argument != NULL && strlen(lead) == len && strncmp(lead, word, len) == 0)
            offer_values(cli, typed->command, entry.value, entry.argument, lead, word + len);
    }
}

static void offer_operand(struct cli *cli, const struct typed *typed, const char *word)
{
    const struct command *command = typed->command;
    if (command->second == NULL && typed->operands == 0)
        offer_commands(typed, word); /* log may continue as log verify */
    const int count = command_operands(command);
    int place = typed->operands;
    if (command->many && place >= count)
        place = count - 1;
    if (place < count && command->operands[place].value == VALUE_COMMAND && typed->operands > 0) {
        if (typed->operands == 1)
            offer_commands(&(struct typed){.word = typed->operand}, word);
        return;
    }
    if (place < count)
        offer_values(cli, command, command->operands[place].value, command->operands[place].name,
                     "", word);
    else if (word[0] == '\0' && !typed->ended)
        offer_options(typed, word, command->options | command->needed);
}

int run_complete(struct cli *cli, struct espt_error *err)
{
    (void)err;
    const int count = cli->options.operands;
    const char *word = count > 0 ? cli->options.operand[count - 1] : "";
    const struct typed typed = command_typed(cli->options.operand, count > 0 ? count - 1 : 0);
    const uint64_t takes =
        OPTIONS_OF_ALL |
        (typed.command != NULL ? typed.command->options | typed.command->needed : 0);
    if (typed.config != NULL) {
        cli->options.config = typed.config;
        cli->options.given |= BIT(OPTION_CONFIG);
    }
    cli->options.as = typed.as;
    if (typed.pending >= 0) {
        const struct option_entry entry =
            command_option(typed.command, (enum cli_option)typed.pending);
        offer_values(cli, typed.command, entry.value, entry.argument, "", word);
    } else if (word[0] == '-' && !typed.ended) {
        if (strncmp(word, "--", 2) == 0 && strchr(word, '=') != NULL)
            offer_attached(cli, &typed, word);
        else
            offer_options(&typed, word, takes);
    } else if (typed.command == NULL && !typed.lost) {
        offer_commands(&typed, word);
    } else if (typed.command != NULL) {
        offer_operand(cli, &typed, word);
    }
    return 0;
}
