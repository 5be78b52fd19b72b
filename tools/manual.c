/* SPDX-License-Identifier: ISC */
/* Prints the table of commands as scdoc: the generated part of esp-tokenctl(8). */
#include "cli/columns.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Prints the text, and escapes characters that scdoc takes for markup. */
static void print_text(const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr("\\*_`#[<", *text) != NULL)
            putchar('\\');
        putchar(*text);
    }
}

/* Underlines placeholders in capitals and makes words to type bold: NAME|none */
static void print_argument(const char *name)
{
    while (*name != '\0') {
        const size_t len = strcspn(name, "|");
        char word[64];
        snprintf(word, sizeof word, "%.*s", (int)len, name);
        const char mark = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ:") == len ? '_' : '*';
        putchar(mark);
        print_text(word);
        putchar(mark);
        name += len;
        if (*name == '|')
            putchar(*name++);
    }
}

static void print_option(const struct option_entry *entry)
{
    if (entry->letter != 0)
        printf("*-%c*, ", entry->letter);
    printf("*--%s*", entry->name);
    if (entry->argument != NULL) {
        printf(" ");
        print_argument(entry->argument);
    }
}

static void print_usage(const struct command *command)
{
    char name[64];
    command_name(command, name, sizeof name);
    printf("*%s*", name);
    for (int i = 0; i < command_operands(command); i++) {
        const bool needed = i < command->least;
        printf(" %s", needed ? "" : "\\[");
        print_argument(command->operands[i].name);
        if (command->many && i + 1 == command_operands(command))
            printf("...");
        printf("%s", needed ? "" : "]");
    }
    for (enum cli_option o = 0; o < OPTION_COUNT; o++) {
        struct option_entry entry = command_option(command, o);
        const bool needed = (command->needed & BIT(o)) != 0;
        if (((command->needed | command->options) & BIT(o)) == 0)
            continue;
        entry.letter = 0;
        printf(" %s", needed ? "" : "\\[");
        print_option(&entry);
        printf("%s", needed ? "" : "]");
    }
    putchar('\n');
}

static void print_options(const struct command *command, uint64_t which, const char *indent)
{
    for (enum cli_option o = 0; o < OPTION_COUNT; o++) {
        if ((which & BIT(o)) == 0)
            continue;
        const struct option_entry entry = command_option(command, o);
        printf("%s", indent);
        print_option(&entry);
        printf("\n%s\t%c", indent, toupper((unsigned char)entry.help[0]));
        print_text(entry.help + 1);
        puts(strchr(".?", entry.help[strlen(entry.help) - 1]) != NULL ? "\n" : ".\n");
    }
}

/* Each line of `text` is a paragraph. */
static void print_paragraphs(const char *text)
{
    while (*text != '\0') {
        char paragraph[2048];
        const size_t len = strcspn(text, "\n");
        snprintf(paragraph, sizeof paragraph, "%.*s", (int)len, text);
        putchar('\t');
        print_text(paragraph);
        puts("\n");
        text += len + (text[len] == '\n');
    }
}

static void print_examples(const char *text)
{
    puts("\tExamples:\n\n\t```");
    while (*text != '\0') {
        const size_t len = strcspn(text, "\n");
        putchar('\t');
        for (size_t i = 0; i < len; i++) {
            if (text[i] == '\\') /* a backslash escapes in a literal block, too */
                putchar('\\');
            putchar(text[i]);
        }
        putchar('\n');
        text += len + (text[len] == '\n');
    }
    puts("\t```\n");
}

static void print_command(const struct command *command)
{
    print_usage(command);
    print_paragraphs(command->text);
    if (command->columns != NULL) {
        char text[COLUMNS_TEXT_SIZE];
        columns_text(command->columns, text);
        print_paragraphs(text);
    }
    print_options(command, command->needed | command->options, "\t");
    if (command->examples != NULL)
        print_examples(command->examples);
}

int main(void)
{
    puts("# OPTIONS OF EVERY COMMAND\n");
    print_options(NULL, OPTIONS_OF_ALL, "");
    puts("# COMMANDS\n");
    for (size_t g = 0; g < COMMAND_GROUPS; g++) {
        printf("## %s\n\n", command_groups[g].title);
        for (const struct command *c = command_groups[g].commands; c->word != NULL; c++)
            print_command(c);
    }
    return 0;
}
