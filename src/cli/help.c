#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS 80

/* --- text that fits the terminal --- */

/* Prints words until `text` ends or a newline comes, `indent` columns in from the second line on.
 */
static void print_wrapped(const char *text, size_t column, size_t indent)
{
    while (*text != '\0') {
        const size_t word = strcspn(text, " \n");
        if (column > indent && column + 1 + word > COLUMNS - 1) {
            printf("\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            putchar(' ');
            column++;
        }
        printf("%.*s", (int)word, text);
        column += word;
        text += word;
        if (*text == '\n') { /* a paragraph ends */
            printf("\n\n%*s", (int)indent, "");
            column = indent;
        }
        text += *text != '\0' ? 1 : 0;
    }
    putchar('\n');
}

/* Blanks within brackets do not break: [--tier TIER] stays on one line. */
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

/* One line a first word: what it does alone, and the second words there are; what the only one does
   is told. */
static void print_word(const char *title, const struct command *command)
{
    char seconds[128];
    int used;
    char *word = (char *)(uintptr_t)command->word;
    const struct command *alone = command_find(&word, 1, &used);
    command_seconds(command, seconds, sizeof seconds);
    printf("%-10s%-9s%s%s%s", title, command->word, alone != NULL ? alone->help : "",
           alone != NULL && seconds[0] != '\0' ? "; " : "", seconds);
    if (alone == NULL && strcmp(seconds, command->second) == 0)
        printf(": %s", command->help);
    putchar('\n');
}

static void print_all(void)
{
    puts("Usage: esp-tokenctl [-c FILE] [--json] COMMAND      COMMAND --help tells more");
    for (size_t g = 0; g < COMMAND_GROUPS; g++) {
        const struct command *before = NULL;
        for (const struct command *c = command_groups[g].commands; c->word != NULL; c++) {
            if (c->hidden || (before != NULL && strcmp(before->word, c->word) == 0))
                continue;
            print_word(before == NULL ? command_groups[g].title : "", c);
            before = c;
        }
    }
}

/* Those of one first word. */
static bool print_some(const char *word)
{
    bool any = false;
    const struct command *command;
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        char name[64];
        if (strcmp(command->word, word) != 0 || command->second == NULL)
            continue;
        if (!any)
            printf("Usage: esp-tokenctl %s COMMAND      %s COMMAND --help tells more\n\n", word,
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
    if (command == NULL) {
        espt_fail(err, ESPT_USAGE, "no such command");
        suggest_command(cli->options.operand, cli->options.operands, err);
        return ESPT_USAGE;
    }
    const uint64_t own = command->options | command->needed;
    print_usage("Usage: ", command);
    putchar('\n');
    print_wrapped(command->text, 0, 0);
    if (own != 0) {
        puts("\nOptions:");
        print_options(command, own);
    }
    puts("\nOptions of every command:");
    print_options(NULL, OPTIONS_OF_ALL);
    if (takes_when(command))
        puts("\nWHEN is never, a span (12h, 90d, 2w, 1y), a date or an RFC 3339 time.");
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

void help_hint(const struct command *command, struct espt_error *err)
{
    char name[64] = "";
    if (command != NULL)
        command_name(command, name, sizeof name);
    const size_t used = strlen(err->message);
    const bool asks = used > 0 && err->message[used - 1] == '?';
    espt_add(err, "%s esp-tokenctl %s%s--help", asks ? " See" : "; see", name,
             name[0] != '\0' ? " " : "");
}
