#include "cli/cli.h"

#include "common/token.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define LONG_ONLY 256 /* above every letter */
#define PLACE(field) offsetof(struct options, field)

const struct option_entry option_table[OPTION_COUNT] = {
    [OPTION_CONFIG] = {"config", "FILE", "the configuration to use", VALUE_FILE, 'c',
                       PLACE(config)},
    [OPTION_JSON] = {.name = "json", .help = "print one JSON document"},
    [OPTION_HELP] = {.name = "help", .help = "print this help", .letter = 'h'},
    [OPTION_VERSION] = {.name = "version", .help = "print the version", .letter = 'V'},
    [OPTION_QUIET] = {.name = "quiet", .help = "print the token's text alone", .letter = 'q'},
    [OPTION_YES] = {.name = "yes", .help = "do not ask", .letter = 'y'},
    [OPTION_LAST] = {.name = "last", .help = "also the entity's last token"},
    [OPTION_CASCADE] = {.name = "cascade", .help = "lower a reseller's customers with it"},
    [OPTION_TREE] = {.name = "tree", .help = "draw resellers with their customers"},
    [OPTION_REVEAL] = {.name = "reveal", .help = "print the token's text too"},
    [OPTION_COPY] = {.name = "copy", .help = "put the token's text on the clipboard"},
    [OPTION_KIND] = {"kind", "reseller|customer", "what it is", VALUE_CHOICE, 0, PLACE(kind)},
    [OPTION_RESELLER] = {"reseller", "NAME", "the reseller it belongs to", VALUE_RESELLER, 0,
                         PLACE(reseller)},
    [OPTION_TIER] = {"tier", "TIER", "its tier", VALUE_TIER, 0, PLACE(tier)},
    [OPTION_NAME] = {"name", "NAME", "its new name", VALUE_TEXT, 0, PLACE(name)},
    [OPTION_STATUS] = {"status", "active|inactive", "its new status", VALUE_CHOICE, 0,
                       PLACE(status)},
    [OPTION_EXPIRES] = {"expires", "WHEN", "when it expires", VALUE_TEXT, 0, PLACE(expires)},
    [OPTION_METRIC] = {"metric", "METRIC", "may it see this metric?", VALUE_TEXT, 0, PLACE(metric)},
    [OPTION_ENTITY] = {"entity", "NAME", "whose data is asked for", VALUE_ENTITY, 0, PLACE(entity)},
    [OPTION_AT] = {"at", "WHEN", "judge as of this time", VALUE_TEXT, 0, PLACE(at)},
    [OPTION_CLEAR] = {"clear", "SECONDS", "clear it after so long (45; 0: never)", VALUE_TEXT, 0,
                      PLACE(clear)},
    [OPTION_AS] = {"as", "ENTITY", "with this entity's rights and no more", VALUE_ENTITY, 0,
                   PLACE(as)},
    [OPTION_SINCE] = {"since", "WHEN", "from then on; a span counts back from now", VALUE_TEXT, 0,
                      PLACE(since)},
    [OPTION_TOKEN] = {"token", "TOKEN", "what concerns this token", VALUE_TOKEN, 0, PLACE(token)},
    [OPTION_FOLLOW] = {.name = "follow", .help = "go on as changes are made", .letter = 'f'},
    [OPTION_NO_MANIFEST] = {.name = "no-manifest", .help = "it has none: prove its records alone"},
    [OPTION_OVERLAP] = {"overlap", "SPAN", "how long the old secret works on (24h)", VALUE_TEXT, 0,
                        PLACE(overlap)},
    [OPTION_FROM] = {"from", "FILE", "one a line; -: from standard input", VALUE_FILE, 0,
                     PLACE(from)},
    [OPTION_DRY_RUN] = {.name = "dry-run", .help = "change nothing: tell what would be refused"},
    [OPTION_SEALED] = {.name = "sealed", .help = "with the sealed texts of the tokens"},
    [OPTION_PASSPHRASE_FILE] = {"passphrase-file", "FILE", "the reveal key's is its first line",
                                VALUE_FILE, 0, PLACE(passphrase_file)},
    [OPTION_NEW_PASSPHRASE_FILE] = {"new-passphrase-file", "FILE", "the new one is its first line",
                                    VALUE_FILE, 0, PLACE(new_passphrase_file)},
    [OPTION_REMOVE] = {.name = "remove", .help = "have none from now on"},
    [OPTION_PIN] = {"pin", "NUMBER:HASH", "an entry that the log must hold", VALUE_TEXT, 0,
                    PLACE(pin)},
    [OPTION_EXPIRING] = {"expiring", "WHEN", "those that expire by then, as in 30d", VALUE_TEXT, 0,
                         PLACE(expiring)},
    [OPTION_UNUSED] = {"unused", "WHEN", "those not used since, or made before; as in 90d",
                       VALUE_TEXT, 0, PLACE(unused)},
    [OPTION_SORT] = {"sort", "COLUMN", "in order of it; -COLUMN: the other way round", VALUE_COLUMN,
                     0, PLACE(sort)},
    [OPTION_EXPLAIN] = {.name = "explain", .help = "walk every check, with its outcome"},
    [OPTION_PROMETHEUS] = {.name = "prometheus", .help = "for node_exporter's textfile collector"},
    [OPTION_WAIT] = {"wait", "SECONDS", "for another that is writing (30; 0: not at all)",
                     VALUE_TEXT, 0, PLACE(wait)},
    [OPTION_OUTPUT] = {"output", "FILE", "into this file, whole or not at all", VALUE_FILE, 'o',
                       PLACE(output)},
};

static void set(struct options *options, int option, const char *value)
{
    const size_t place = option_table[option].place;
    options->given |= BIT(option);
    if (place != 0)
        memcpy((char *)options + place, &value, sizeof value);
}

const char *option_value(const struct options *options, enum cli_option option)
{
    const char *value;
    if ((options->given & BIT(option)) == 0 || option_table[option].place == 0)
        return NULL;
    memcpy(&value, (const char *)options + option_table[option].place, sizeof value);
    return value;
}

/* Arguments are not repeated in messages: one of them may be a secret, given by mistake. */
static int judge(const struct options *options, const struct command *command,
                 struct espt_error *err)
{
    if (command == NULL && options->operands == 0)
        return espt_fail(err, ESPT_USAGE, "no command is given");
    if (command == NULL) {
        espt_fail(err, ESPT_USAGE, "no such command");
        suggest_command(options->operand, options->operands, err);
        return ESPT_USAGE;
    }
    const uint64_t others = options->given & ~(command->options | command->needed | OPTIONS_OF_ALL);
    const bool instead = (options->given & command->instead) != 0;
    const uint64_t missing = instead ? 0 : command->needed & ~options->given;
    const int operands = command_operands(command) - instead;
    for (enum cli_option o = 0; o < OPTION_COUNT; o++) {
        if ((others & BIT(o)) != 0)
            return espt_fail(err, ESPT_USAGE, "--%s is not an option of this command",
                             option_table[o].name);
        if ((missing & BIT(o)) != 0)
            return espt_fail(err, ESPT_USAGE, "--%s is missing; give --%s %s", option_table[o].name,
                             option_table[o].name, option_table[o].argument);
    }
    if (options->operands < command->least - instead)
        return espt_fail(err, ESPT_USAGE, "%s is missing",
                         command->operands[options->operands].name);
    if (options->operands > operands && !command->many)
        return espt_fail(err, ESPT_USAGE, "too many arguments");
    return 0;
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
    unsetenv("POSIXLY_CORRECT"); /* options stand anywhere */
    opterr = 0;
    int found;
    while ((found = getopt_long(argc, argv, letters.text, longs, NULL)) != -1) {
        int o = found - LONG_ONLY;
        if (found == ':')
            return espt_fail(err, ESPT_USAGE, "an option lacks its argument");
        for (int i = 0; found < LONG_ONLY && i < OPTION_COUNT; i++) {
            if (option_table[i].letter == found && found != 0)
                o = i;
        }
        if (o < 0 || o >= OPTION_COUNT) {
            *ret_command = command_typed(argv + 1, argc - 1).command;
            espt_fail(err, ESPT_USAGE, "no such option");
            suggest_option(*ret_command, argv[optind - 1], err);
            return ESPT_USAGE;
        }
        if ((options.given & BIT(o)) != 0)
            return espt_fail(err, ESPT_USAGE, "--%s is given twice; keep one",
                             option_table[o].name);
        if (optarg != NULL && optarg[0] == '\0') /* mostly a variable that a script forgot to set */
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
    *ret_command = command;
    *ret_options = options;
    if ((options.given & (BIT(OPTION_HELP) | BIT(OPTION_VERSION))) != 0)
        return 0;
    return judge(&options, command, err);
}
