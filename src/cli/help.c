/* SPDX-License-Identifier: ISC */
/* help and --help: the list of commands, and the help of each. */
#include "cli/columns.h"
#include "cli/operand.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS 80

/* Lines do not break within brackets: [--tier TIER] stays on one line. */
static void print_usage(const char *lead, const struct command *command)
{
    char name[64], part[128];
    command_name(command, name, sizeof name);
    const size_t indent = strlen(lead) + strlen("esp-tokenctl ") + strlen(name);
    size_t column = indent;
    printf("%sesp-tokenctl %s", lead, name);
    const int operands = command_operands(command);
    for (int i = 0; i < operands + OPTION_COUNT; i++) {
        if (i < operands) {
            const bool needed = i < command->least;
            snprintf(part, sizeof part, "%s%s%s%s", needed ? "" : "[", command->operands[i].name,
                     i == operands - 1 && command->many ? "..." : "", needed ? "" : "]");
        } else {
            const enum cli_option o = (enum cli_option)(i - operands);
            const bool needed = (command->needed & BIT(o)) != 0;
            const struct option_entry entry = command_option(command, o);
            if (((command->needed | command->options) & BIT(o)) == 0)
                continue;
            snprintf(part, sizeof part, "%s--%s%s%s%s", needed ? "" : "[", entry.name,
                     entry.argument != NULL ? " " : "",
                     entry.argument != NULL ? entry.argument : "", needed ? "" : "]");
        }
        if (column + 1 + strlen(part) > COLUMNS - 1) {
            printf("\n%*s", (int)indent, "");
            column = indent;
        }
        printf(" %s", part);
        column += 1 + strlen(part);
    }
    putchar('\n');
}

static void print_options(const struct command *command, uint64_t which)
{
    for (enum cli_option o = 0; o < OPTION_COUNT; o++) {
        if ((which & BIT(o)) == 0)
            continue;
        const struct option_entry entry = command_option(command, o);
        char letter[8] = "    ", name[80];
        if (entry.letter != 0)
            snprintf(letter, sizeof letter, "-%c, ", entry.letter);
        snprintf(name, sizeof name, "--%s%s%s", entry.name, entry.argument != NULL ? " " : "",
                 entry.argument != NULL ? entry.argument : "");
        printf("  %s%-24s", letter, name);
        if (strlen(name) > 24)
            printf("\n%30s", "");
        printf(" %s\n", entry.help);
    }
}

/* --- the list of commands --- */

#define LINE_MAX_BYTES 256

/* Describes a first word: the help of the command that consists of this word alone, and the second
   words. If there is only one second word, its help follows. */
static void describe_word(const struct command *command, char ret[static LINE_MAX_BYTES])
{
    char seconds[128];
    int used;
    char *word = (char *)(uintptr_t)command->word;
    const struct command *alone = command_find(&word, 1, &used);
    command_seconds(command, seconds, sizeof seconds);
    if (alone != NULL)
        snprintf(ret, LINE_MAX_BYTES, "%s%s%s", alone->help, seconds[0] != '\0' ? "; " : "",
                 seconds);
    else if (strcmp(seconds, command->second) == 0)
        snprintf(ret, LINE_MAX_BYTES, "%s: %s", seconds, command->help);
    else
        snprintf(ret, LINE_MAX_BYTES, "%s", seconds);
}

static void print_word(const char *title, const char *word, const char *text)
{
    const int column = printf("%-10s%-9s", title, word);
    print_wrapped(text, (size_t)column, (size_t)column, COLUMNS - 1);
}

static bool listed(const struct command *command)
{
    return !command->hidden && command->run != run_help; /* the first line of all names `help` */
}

/* Prints each first word once. Commands `beside` another one stand in its line. */
static void print_group(const struct command_group *group)
{
    char text[LINE_MAX_BYTES];
    const char *title = group->title;
    const struct command *first = NULL, *last = NULL;
    for (const struct command *c = group->commands; c->word != NULL; c++) {
        if (!listed(c) || (last != NULL && strcmp(last->word, c->word) == 0))
            continue;
        last = c;
        if (first != NULL && c->beside) {
            const size_t len = strlen(text);
            snprintf(text + len, sizeof text - len, "; %s", c->word);
            continue;
        }
        if (first != NULL) {
            print_word(title, first->word, text);
            title = "";
        }
        first = c;
        describe_word(first, text);
    }
    if (first != NULL)
        print_word(title, first->word, text);
}

static void print_all(void)
{
    puts("Usage: esp-tokenctl [-c FILE] [--json] COMMAND      help COMMAND tells more");
    for (size_t g = 0; g < COMMAND_GROUPS; g++)
        print_group(&command_groups[g]);
}

/* Prints the commands with this first word. */
static bool print_some(const char *word)
{
    bool any = false;
    const struct command *command;
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        char name[64];
        if (strcmp(command->word, word) != 0 || command->second == NULL)
            continue;
        if (!any)
            printf("Usage: esp-tokenctl %s COMMAND      help %s COMMAND tells more\n\n", word,
                   word);
        any = true;
        command_name(command, name, sizeof name);
        printf("%-16s%s\n", name, command->help);
    }
    return any;
}

static bool takes_when(const struct command *command)
{
    for (enum cli_option o = 0; o < OPTION_COUNT; o++) {
        const char *argument = command_option(command, o).argument;
        if (((command->options | command->needed) & BIT(o)) != 0 && argument != NULL &&
            strcmp(argument, "WHEN") == 0)
            return true;
    }
    return false;
}

int help(const struct cli *cli, const struct command *command, struct espt_error *err)
{
    const char *word = cli->options.operands > 0 ? cli->options.operand[0] : NULL;
    if (command == NULL && word == NULL) {
        print_all();
        return 0;
    }
    if (command == NULL && print_some(word))
        return 0;
    if (command == NULL)
        return no_such_command(cli->options.operand, cli->options.operands, err);
    const uint64_t own = command->options | command->needed;
    print_usage("Usage: ", command);
    putchar('\n');
    print_wrapped(command->text, 0, 0, COLUMNS - 1);
    if (own != 0) {
        puts("\nOptions:");
        print_options(command, own);
    }
    puts("\nOptions of every command:");
    print_options(NULL, OPTIONS_OF_ALL);
    if (takes_when(command))
        puts("\nWHEN is never, a span (90m, 12h, 90d, 2w, 1y), today, tomorrow (00:00 UTC),\n"
             "a date or an RFC 3339 time.");
    if (command->columns != NULL) {
        char text[COLUMNS_TEXT_SIZE];
        columns_text(command->columns, text);
        putchar('\n');
        print_wrapped(text, 0, 0, COLUMNS - 1);
    }
    if (command->operands[0].value == VALUE_TOKEN)
        puts("\nTOKEN is an id (11 characters), or ENTITY/NAME.");
    if (command->examples != NULL)
        puts("\nExamples:");
    for (const char *at = command->examples; at != NULL && *at != '\0';) {
        const size_t len = strcspn(at, "\n");
        printf("  %.*s\n", (int)len, at);
        at += len + 1;
    }
    return 0;
}

int run_help(struct cli *cli, struct espt_error *err)
{
    const struct options *o = &cli->options;
    int used = 0;
    const struct command *command = command_find(o->operand, o->operands, &used);
    if (command == NULL || used == o->operands)
        return help(cli, command, err);
    espt_fail(err, ESPT_USAGE, "too many arguments");
    return fail_naming(err, o->operand[used]);
}

void help_hint(const struct command *command, struct espt_error *err)
{
    char name[64] = "";
    if (command != NULL)
        command_name(command, name, sizeof name);
    const size_t used = strlen(err->message);
    const bool asks = used > 0 && err->message[used - 1] == '?';
    if (command != NULL && command->run == run_help)
        espt_add(err, "%s esp-tokenctl help", asks ? " See" : "; see");
    else
        espt_add(err, "%s esp-tokenctl %s%s--help", asks ? " See" : "; see", name,
                 name[0] != '\0' ? " " : "");
}
