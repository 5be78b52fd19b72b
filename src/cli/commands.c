#include "cli/command.h"

#include <stdio.h>
#include <string.h>

const struct command_group command_groups[COMMAND_GROUPS] = {
    {"Tokens", token_commands},
    {"Entities", entity_commands},
    {"Questions", question_commands},
    {"Store", store_commands},
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
    const struct command *command;
    for (size_t i = 0; count > 0 && (command = command_at(i)) != NULL; i++) {
        const bool two = command->second != NULL;
        if (strcmp(command->word, words[0]) != 0)
            continue;
        if (two && (count < 2 || strcmp(command->second, words[1]) != 0))
            continue;
        *ret_words = two ? 2 : 1;
        return command;
    }
    return NULL;
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

struct option_entry command_option(const struct command *command, enum cli_option option)
{
    struct option_entry entry = option_table[option];
    for (size_t i = 0; command != NULL && i < OWN_MAX && command->own[i].help != NULL; i++) {
        if (command->own[i].option != option)
            continue;
        entry.help = command->own[i].help;
        if (command->own[i].argument != NULL)
            entry.argument = command->own[i].argument;
    }
    return entry;
}

/* --- what was typed so far --- */

static bool begins_two(const char *word)
{
    const struct command *command;
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        if (command->second != NULL && strcmp(command->word, word) == 0)
            return true;
    }
    return false;
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
        else if (o == OPTION_CONFIG)
            typed->config = attached;
        return;
    }
}

struct typed command_typed(char *const *words, int count)
{
    struct typed typed = {.pending = -1};
    for (int i = 0; i < count; i++) {
        char *word = words[i];
        if (typed.pending >= 0) {
            if (typed.pending == OPTION_CONFIG)
                typed.config = word;
            typed.pending = -1;
        } else if (!typed.ended && strcmp(word, "--") == 0) {
            typed.ended = true;
        } else if (!typed.ended && word[0] == '-' && word[1] != '\0') {
            type_option(&typed, word);
        } else if (typed.command != NULL || typed.lost) {
            typed.operands++;
        } else {
            char *pair[2] = {(char *)(uintptr_t)typed.word, word};
            int used;
            typed.command =
                typed.word != NULL ? command_find(pair, 2, &used) : command_find(&word, 1, &used);
            if (typed.command != NULL)
                typed.word = NULL;
            else if (typed.word == NULL && begins_two(word))
                typed.word = word;
            else
                typed.lost = true;
        }
    }
    return typed;
}
