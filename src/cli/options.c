#include "cli/cli.h"

#include "common/token.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GLOBAL (BIT(OPTION_CONFIG) | BIT(OPTION_JSON) | BIT(OPTION_HELP) | BIT(OPTION_VERSION))
#define LONG_ONLY 256 /* above every letter */

/* Each option once: its letter (0: none), its argument's name (NULL: none), and its help. */
static const struct {
    const char *name, *argument, *help;
    char letter;
} table[OPTION_COUNT] = {
    [OPTION_CONFIG] = {"config", "FILE", "the configuration to use", 'c'},
    [OPTION_JSON] = {"json", NULL, "print one JSON document", 0},
    [OPTION_HELP] = {"help", NULL, "print this help", 'h'},
    [OPTION_VERSION] = {"version", NULL, "print the version", 'V'},
    [OPTION_QUIET] = {"quiet", NULL, "print the token's text alone", 'q'},
    [OPTION_YES] = {"yes", NULL, "do not ask", 'y'},
    [OPTION_LAST] = {"last", NULL, "also the entity's last token", 0},
    [OPTION_CASCADE] = {"cascade", NULL, "lower a reseller's customers with it", 0},
    [OPTION_TREE] = {"tree", NULL, "draw resellers with their customers", 0},
    [OPTION_REVEAL] = {"reveal", NULL, "print the token's text too", 0},
    [OPTION_COPY] = {"copy", NULL, "put the token's text on the clipboard", 0},
    [OPTION_KIND] = {"kind", "reseller|customer", "what it is", 0},
    [OPTION_RESELLER] = {"reseller", "NAME",
                         "the reseller it belongs to (edit: none for the platform)", 0},
    [OPTION_TIER] = {"tier", "TIER", "its tier", 0},
    [OPTION_NAME] = {"name", "NAME", "its new name", 0},
    [OPTION_STATUS] = {"status", "active|inactive", "its new status", 0},
    [OPTION_EXPIRES] = {"expires", "WHEN", "never, 12h, 90d, 2w, 1y, a date or an RFC 3339 time",
                        0},
    [OPTION_METRIC] = {"metric", "METRIC", "may it see this metric?", 0},
    [OPTION_ENTITY] = {"entity", "NAME", "whose data is asked for", 0},
    [OPTION_AT] = {"at", "WHEN", "judge as of this time", 0},
    [OPTION_CLEAR] = {"clear", "SECONDS", "clear the clipboard after so long (default 45, 0 never)",
                      0},
};

static void set(struct options *options, enum cli_option option, const char *value)
{
    const char **const places[OPTION_COUNT] = {
        [OPTION_CONFIG] = &options->config,     [OPTION_KIND] = &options->kind,
        [OPTION_RESELLER] = &options->reseller, [OPTION_TIER] = &options->tier,
        [OPTION_NAME] = &options->name,         [OPTION_STATUS] = &options->status,
        [OPTION_EXPIRES] = &options->expires,   [OPTION_METRIC] = &options->metric,
        [OPTION_ENTITY] = &options->entity,     [OPTION_AT] = &options->at,
        [OPTION_CLEAR] = &options->clear,
    };
    options->given |= BIT(option);
    if (places[option] != NULL)
        *places[option] = value;
}

static void synopsis(const struct command *command, char *out, size_t size)
{
    snprintf(out, size, "esp-tokenctl %s%s%s", command->word, command->second != NULL ? " " : "",
             command->second != NULL ? command->second : "");
}

static const struct command *find(struct options *options)
{
    char **word = options->operand;
    for (size_t i = 0; options->operands > 0 && i < command_count; i++) {
        const struct command *command = &commands[i];
        if (strcmp(command->word, word[0]) != 0)
            continue;
        if (command->second == NULL) {
            options->operand++;
            options->operands--;
            return command;
        }
        if (options->operands > 1 && strcmp(command->second, word[1]) == 0) {
            options->operand += 2;
            options->operands -= 2;
            return command;
        }
    }
    return NULL;
}

/* The id and what follows it: enough to know a token's text by, whole or cut. */
static bool looks_secret(const char *argument)
{
    uint64_t id;
    while ((argument = strstr(argument, TOKEN_PREFIX)) != NULL) {
        argument += strlen(TOKEN_PREFIX);
        if (strlen(argument) > TOKEN_ID_LEN && argument[TOKEN_ID_LEN] == '_' &&
            token_id_parse(argument, TOKEN_ID_LEN, &id))
            return true;
    }
    return false;
}

/* Arguments are not repeated in messages: one of them may be a secret, given by mistake. */
static int judge(const struct options *options, const struct command *command,
                 struct espt_error *err)
{
    if (command == NULL)
        return espt_fail(err, ESPT_USAGE, "%s",
                         options->operands == 0 ? "no command is given" : "no such command");
    const uint64_t others = options->given & ~(command->options | command->needed | GLOBAL);
    const uint64_t missing = command->needed & ~options->given;
    for (enum cli_option o = 0; o < OPTION_COUNT; o++) {
        if ((others & BIT(o)) != 0)
            return espt_fail(err, ESPT_USAGE, "--%s is not an option of this command",
                             table[o].name);
        if ((missing & BIT(o)) != 0)
            return espt_fail(err, ESPT_USAGE, "--%s is missing; give --%s %s", table[o].name,
                             table[o].name, table[o].argument);
    }
    if (options->operands < command->least || options->operands > command->most)
        return espt_fail(err, ESPT_USAGE, "too %s arguments",
                         options->operands < command->least ? "few" : "many");
    return 0;
}

int options_parse(struct options *ret_options, int argc, char **argv,
                  const struct command **ret_command, struct espt_error *err)
{
    for (int i = 1; i < argc; i++) {
        if (looks_secret(argv[i]))
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
        longs[o] = (struct option){table[o].name, table[o].argument != NULL, NULL, LONG_ONLY + o};
        if (table[o].letter != 0) {
            letters.text[used++] = table[o].letter;
            if (table[o].argument != NULL)
                letters.text[used++] = ':';
        }
    }
    unsetenv("POSIXLY_CORRECT"); /* options stand anywhere */
    opterr = 0;
    int found;
    while ((found = getopt_long(argc, argv, letters.text, longs, NULL)) != -1) {
        int o = found - LONG_ONLY;
        if (found == ':')
            return espt_fail(err, ESPT_USAGE, "an option lacks its argument");
        for (int i = 0; found < LONG_ONLY && i < OPTION_COUNT; i++) {
            if (table[i].letter == found && found != 0)
                o = i;
        }
        if (o < 0 || o >= OPTION_COUNT)
            return espt_fail(err, ESPT_USAGE, "no such option");
        if ((options.given & BIT(o)) != 0)
            return espt_fail(err, ESPT_USAGE, "--%s is given twice; keep one", table[o].name);
        if (optarg != NULL && optarg[0] == '\0') /* mostly a variable that a script forgot to set */
            return espt_fail(err, ESPT_USAGE, "--%s is given an empty argument", table[o].name);
        set(&options, (enum cli_option)o, optarg);
    }
    options.operands = argc - optind;
    options.operand = argv + optind;
    const struct command *command = find(&options);
    *ret_command = command;
    *ret_options = options;
    if ((options.given & (BIT(OPTION_HELP) | BIT(OPTION_VERSION))) != 0)
        return 0;
    return judge(&options, command, err);
}

static void help_options(uint64_t which)
{
    for (enum cli_option o = 0; o < OPTION_COUNT; o++) {
        char name[40], letter[8] = "    ";
        if ((which & BIT(o)) == 0)
            continue;
        if (table[o].letter != 0)
            snprintf(letter, sizeof letter, "-%c, ", table[o].letter);
        snprintf(name, sizeof name, "--%s %s", table[o].name,
                 table[o].argument != NULL ? table[o].argument : "");
        printf("  %s%-26s %s\n", letter, name, table[o].help);
    }
}

/* One line a command: its operands, and the options that are its own. */
static void print_synopsis(const struct command *command)
{
    char name[64];
    synopsis(command, name, sizeof name);
    printf("%s%s%s", name, command->operands[0] != '\0' ? " " : "", command->operands);
    for (enum cli_option o = 0; o < OPTION_COUNT; o++) {
        bool needed = (command->needed & BIT(o)) != 0;
        if (((command->options | command->needed) & BIT(o)) != 0)
            printf(" %s--%s%s%s%s", needed ? "" : "[", table[o].name,
                   table[o].argument != NULL ? " " : "",
                   table[o].argument != NULL ? table[o].argument : "", needed ? "" : "]");
    }
    putchar('\n');
}

static bool help_all(const char *word)
{
    bool any = false;
    for (size_t i = 0; i < command_count; i++) {
        if (word != NULL && strcmp(word, commands[i].word) != 0)
            continue;
        if (!any)
            puts("Usage: esp-tokenctl [-c FILE] [--json] COMMAND\n\n"
                 "Administers the API tokens of the Edge Service Platform.\n");
        any = true;
        print_synopsis(&commands[i]);
        printf("    %s\n", commands[i].help);
    }
    if (!any)
        return false;
    puts("\nOptions of every command:");
    help_options(GLOBAL);
    puts("\nTOKEN is an id (11 characters) or ENTITY/NAME. WHEN is never, a span (12h, 90d, 2w, "
         "1y),\n"
         "a date or an RFC 3339 time.\n"
         "Exit status: 0 done, 1 denied or found something, 2 usage, 3 no such thing,\n"
         "4 refused by a rule, 5 config, key, store or clipboard unusable.");
    return true;
}

int options_help(const struct cli *cli, const struct command *command, struct espt_error *err)
{
    if (command == NULL) {
        const char *word = cli->options.operands > 0 ? cli->options.operand[0] : NULL;
        return help_all(word) ? 0 : espt_fail(err, ESPT_USAGE, "no such command");
    }
    printf("Usage: ");
    print_synopsis(command);
    printf("\n%s\n\nOptions:\n", command->help);
    help_options(command->options | command->needed | GLOBAL);
    return 0;
}

void options_hint(const struct command *command, struct espt_error *err)
{
    char name[64] = "esp-tokenctl";
    if (command != NULL)
        synopsis(command, name, sizeof name);
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, "; see %s --help", name);
}
