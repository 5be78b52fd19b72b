/* SPDX-License-Identifier: ISC */
/* Look-up in the tables of commands, and analysis of an unfinished command line. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

const struct command_group command_groups[COMMAND_GROUPS] = {
    {"Tokens", token_commands}, {"Entities", entity_commands}, {"Questions", question_commands},
    {"Store", store_commands},  {"Fleet", fleet_commands},
};

const struct command *command_at(size_t index)
{
    for (size_t g = 0; g < COMMAND_GROUPS; g++) {
        for (const struct command *c = command_groups[g].commands; c->word != NULL; c++) {
            if (index-- == 0)
                return c;
        }
    }
    return NULL;
}

const struct command *command_find(char *const *words, int count, int *ret_words)
{
    const struct command *command, *found = NULL;
    for (size_t i = 0; count > 0 && (command = command_at(i)) != NULL; i++) {
        if (strcmp(command->word, words[0]) != 0)
            continue;
        if (command->second == NULL && found == NULL)
            found = command;
        else if (command->second != NULL && count > 1 && strcmp(command->second, words[1]) == 0)
            found = command;
    }
    if (found != NULL)
        *ret_words = found->second != NULL ? 2 : 1;
    return found;
}

void command_seconds(const struct command *command, char *out, size_t size)
{
    const struct command *c;
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; (c = command_at(i)) != NULL; i++) {
        if (c->second == NULL || strcmp(c->word, command->word) != 0 || used >= size)
            continue;
        used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "", c->second);
    }
}

void command_name(const struct command *command, char *out, size_t size)
{
    snprintf(out, size, "%s%s%s", command->word, command->second != NULL ? " " : "",
             command->second != NULL ? command->second : "");
}

int command_operands(const struct command *command)
{
    int count = 0;
    while (count < OPERANDS_MAX && command->operands[count].name != NULL)
        count++;
    return count;
}

/* --- what was typed so far --- */

bool command_begins(const char *word)
{
    const struct command *command;
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        if (command->second != NULL && strcmp(command->word, word) == 0)
            return true;
    }
    return false;
}

static void type_value(struct typed *typed, int option, const char *value)
{
    if (option == OPTION_CONFIG)
        typed->config = value;
    else if (option == OPTION_AS)
        typed->as = value;
}

static void type_option(struct typed *typed, const char *word)
{
    const char *value = strchr(word, '=');
    const size_t len = value != NULL ? (size_t)(value - word) : strlen(word);
    for (int o = 0; o < OPTION_COUNT; o++) {
        const struct option_entry *entry = &option_table[o];
        const bool is_long = strncmp(word, "--", 2) == 0 && strlen(entry->name) == len - 2 &&
                             strncmp(entry->name, word + 2, len - 2) == 0;
        const bool is_letter = entry->letter != 0 && word[1] == entry->letter;
        if (!is_long && !is_letter)
            continue;
        typed->given |= BIT(o);
        const char *attached = is_long ? (value != NULL ? value + 1 : "") : word + 2;
        if (entry->argument != NULL && attached[0] == '\0')
            typed->pending = o;
        else
            type_value(typed, o, attached);
        return;
    }
}

/* Adds a word of the command, or an operand. */
static void type_word(struct typed *typed, char *word)
{
    const struct command *command = typed->command;
    const bool first = command == NULL && typed->word == NULL;
    /* `log verify` is a command of two words, although `log` is a command too */
    const char *begun = command != NULL && command->second == NULL && typed->operands == 0
                            ? command->word
                            : typed->word;
    char *pair[2] = {(char *)(uintptr_t)begun, word};
    int used = 0;
    if (typed->lost)
        return;
    const struct command *found = begun != NULL ? command_find(pair, 2, &used)
                                  : first       ? command_find(&word, 1, &used)
                                                : NULL;
    if (begun != NULL && used < 2)
        found = NULL;
    if (found != NULL) {
        typed->command = found;
        typed->word = NULL;
    } else if (first && command_begins(word)) {
        typed->word = word;
    } else if (command != NULL) {
        if (typed->operands++ == 0)
            typed->operand = word;
    } else {
        typed->lost = true;
    }
}

struct typed command_typed(char *const *words, int count)
{
    struct typed typed = {.pending = -1};
    for (int i = 0; i < count; i++) {
        char *word = words[i];
        if (typed.pending >= 0) {
            type_value(&typed, typed.pending, word);
            typed.pending = -1;
        } else if (!typed.ended && strcmp(word, "--") == 0) {
            typed.ended = true;
        } else if (!typed.ended && word[0] == '-' && word[1] != '\0') {
            type_option(&typed, word);
        } else {
            type_word(&typed, word);
        }
    }
    return typed;
}
