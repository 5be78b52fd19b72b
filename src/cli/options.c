/* SPDX-License-Identifier: ISC */
/* Parses the command line by the tables of commands and options. */
#include "cli/operand.h"

#include "common/token.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONG_ONLY 256 /* above every letter */

static void set(struct options *options, int option, const char *value)
{
    const size_t place = option_table[option].place;
    options->given |= BIT(option);
    if (place != 0)
        memcpy((char *)options + place, &value, sizeof value);
}

#define OWNERS_MAX 3 /* commands that a message names */

/* Refuses an option of other commands, and names those that take it, if they are few. */
static int fail_not_taken(const struct command *command, enum cli_option option,
                          struct espt_error *err)
{
    char name[64], owners[OWNERS_MAX * 68] = "";
    const struct command *other;
    size_t count = 0, used = 0;
    for (size_t i = 0; (other = command_at(i)) != NULL; i++) {
        if (other->hidden || ((other->options | other->needed) & BIT(option)) == 0)
            continue;
        command_name(other, name, sizeof name);
        if (count++ < OWNERS_MAX)
            used += (size_t)snprintf(owners + used, sizeof owners - used, "%s%s",
                                     used > 0 ? ", " : "", name);
    }
    command_name(command, name, sizeof name);
    if (count > OWNERS_MAX)
        return espt_fail(err, ESPT_USAGE, "--%s is not an option of %s", option_table[option].name,
                         name);
    return espt_fail(err, ESPT_USAGE, "--%s is not an option of %s, but of %s",
                     option_table[option].name, name, owners);
}

static int check_options(const struct options *options, const struct command *command,
                         struct espt_error *err)
{
    if (command == NULL && options->operands == 0)
        return espt_fail(err, ESPT_USAGE, "no command is given");
    if (command == NULL) {
        return no_such_command(options->operand, options->operands, err);
    }
    const uint64_t others = options->given & ~(command->options | command->needed | OPTIONS_OF_ALL);
    const bool instead = (options->given & command->instead) != 0;
    const uint64_t missing = instead ? 0 : command->needed & ~options->given;
    const int operands = command_operands(command) - instead;
    for (enum cli_option o = 0; o < OPTION_COUNT; o++) {
        if ((others & BIT(o)) != 0)
            return fail_not_taken(command, o, err);
        if ((missing & BIT(o)) != 0)
            return espt_fail(err, ESPT_USAGE, "--%s is missing; give --%s %s", option_table[o].name,
                             option_table[o].name, option_table[o].argument);
    }
    if (options->operands < command->least - instead)
        return espt_fail(err, ESPT_USAGE, "%s is missing",
                         command->operands[options->operands].name);
    if (options->operands > operands && (!command->many || instead)) {
        espt_fail(err, ESPT_USAGE, "too many arguments");
        return fail_naming(err, options->operand[operands]);
    }
    return 0;
}

/* Maps a result of getopt_long() to an option; -1: unknown option. */
static int option_of(int found)
{
    if (found >= LONG_ONLY && found < LONG_ONLY + OPTION_COUNT)
        return found - LONG_ONLY;
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (option_table[i].letter == found && found != 0)
            return i;
    }
    return -1;
}

static int lacks_argument(int found, struct espt_error *err)
{
    const int o = option_of(found);
    return o < 0 ? espt_fail(err, ESPT_USAGE, "an option lacks its argument")
                 : espt_fail(err, ESPT_USAGE, "--%s lacks its argument; give --%s %s",
                             option_table[o].name, option_table[o].name, option_table[o].argument);
}

/* Names the unknown option; of --NAME=VALUE only --NAME. One letter among several cannot be
   identified. */
static int name_option(const char *word, struct espt_error *err)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    /* only lower-case letters, as in our own options: not a secret */
    return strspn(name, "-abcdefghijklmnopqrstuvwxyz") == strlen(name)
               ? espt_fail_in(err, "'%s'", name)
               : fail_naming(err, name);
}

/* True if there is no command, or only the first word of a group, and no option that requires a
   command. */
static bool asks_for_help(const struct options *options)
{
    return (options->given & ~OPTIONS_OF_ALL) == 0 &&
           (options->operands == 0 ||
            (options->operands == 1 && command_begins(options->operand[0])));
}

int options_parse(struct options *ret_options, int argc, char **argv,
                  const struct command **ret_command, struct espt_error *err)
{
    for (int i = 1; i < argc; i++) {
        if (token_within(argv[i]))
            return espt_fail(err, ESPT_USAGE,
                             "an argument holds a token's text: a secret is never an argument, and "
                             "other users may have seen it; remove that token");
    }
    struct option_letters {
        char text[3 * OPTION_COUNT];
    } letters = {":"};
    struct option longs[OPTION_COUNT + 1] = {0};
    struct options options = {0};
    size_t used = 1;
    for (int o = 0; o < OPTION_COUNT; o++) {
        longs[o] = (struct option){option_table[o].name, option_table[o].argument != NULL, NULL,
                                   LONG_ONLY + o};
        if (option_table[o].letter != 0) {
            letters.text[used++] = option_table[o].letter;
            if (option_table[o].argument != NULL)
                letters.text[used++] = ':';
        }
    }
    unsetenv("POSIXLY_CORRECT"); /* allow options after operands */
    opterr = 0;
    int found;
    while ((found = getopt_long(argc, argv, letters.text, longs, NULL)) != -1) {
        int o;
        if (found == ':')
            return lacks_argument(optopt, err);
        o = option_of(found);
        if (o < 0) {
            *ret_command = command_typed(argv + 1, argc - 1).command;
            espt_fail(err, ESPT_USAGE, "no such option");
            suggest_option(*ret_command, argv[optind - 1], err);
            return name_option(argv[optind - 1], err);
        }
        if ((options.given & BIT(o)) != 0)
            return espt_fail(err, ESPT_USAGE, "--%s is given twice; keep one",
                             option_table[o].name);
        if (optarg != NULL && optarg[0] == '\0' &&
            !option_table[o].clears) /* usually an unset variable of a script */
            return espt_fail(err, ESPT_USAGE, "--%s is given an empty argument",
                             option_table[o].name);
        set(&options, o, optarg);
    }
    options.operands = argc - optind;
    options.operand = argv + optind;
    int words;
    const struct command *command = command_find(options.operand, options.operands, &words);
    if (command != NULL) {
        options.operand += words;
        options.operands -= words;
    }
    if (command == NULL && asks_for_help(&options))
        options.given |= BIT(OPTION_HELP);
    *ret_command = command;
    *ret_options = options;
    if ((options.given & (BIT(OPTION_HELP) | BIT(OPTION_VERSION))) != 0)
        return 0;
    return check_options(&options, command, err);
}
