/* SPDX-License-Identifier: ISC */
/* The table of options. */
#include "cli/cli.h"
#include "shapes/words.h"

#include <string.h>

#define PLACE(field) offsetof(struct options, field)

const struct option_entry option_table[OPTION_COUNT] = {
    [OPTION_CONFIG] = {"config", "FILE", "the configuration to use", VALUE_FILE, 'c',
                       PLACE(config)},
    [OPTION_JSON] = {.name = "json", .help = "print one JSON document"},
    [OPTION_HELP] = {.name = "help", .help = "print this help", .letter = 'h'},
    [OPTION_VERSION] = {.name = "version", .help = "print the version", .letter = 'V'},
    [OPTION_QUIET] = {.name = "quiet", .help = "print the token's text alone", .letter = 'q'},
    [OPTION_YES] = {.name = "yes", .help = "do not ask", .letter = 'y'},
    [OPTION_LAST] = {.name = "last", .help = "remove even the entity's last token"},
    [OPTION_CASCADE] = {.name = "cascade", .help = "lower the reseller's customers too"},
    [OPTION_TREE] = {.name = "tree", .help = "draw resellers with their customers"},
    [OPTION_REVEAL] = {.name = "reveal", .help = "print the token's text too"},
    [OPTION_COPY] = {.name = "copy", .help = "put the token's text on the clipboard"},
    [OPTION_KIND] = {"kind", KIND_CHOICES, "the kind of entity", VALUE_CHOICE, 0, PLACE(kind)},
    [OPTION_RESELLER] = {"reseller", "NAME", "the reseller it belongs to", VALUE_RESELLER, 0,
                         PLACE(reseller)},
    [OPTION_TIER] = {"tier", "TIER", "its tier", VALUE_TIER, 0, PLACE(tier)},
    [OPTION_NAME] = {"name", "NAME", "its new name", VALUE_TEXT, 0, PLACE(name)},
    [OPTION_STATUS] = {"status", STATUS_CHOICES, "its new status", VALUE_CHOICE, 0, PLACE(status)},
    [OPTION_EXPIRES] = {"expires", "WHEN", "when it expires", VALUE_TEXT, 0, PLACE(expires)},
    [OPTION_METRIC] = {"metric", "METRIC", "ask for this metric", VALUE_TEXT, 0, PLACE(metric)},
    [OPTION_ENTITY] = {"entity", "NAME", "ask for this entity's data", VALUE_ENTITY, 0,
                       PLACE(entity)},
    [OPTION_AT] = {"at", "WHEN", "ask for the verdict at this time", VALUE_TEXT, 0, PLACE(at)},
    [OPTION_CLEAR] = {"clear", "SECONDS", "clear it after this time (default 45; 0: never)",
                      VALUE_TEXT, 0, PLACE(clear)},
    [OPTION_AS] = {"as", "ENTITY", "act with the rights of this entity only", VALUE_ENTITY, 0,
                   PLACE(as)},
    [OPTION_SINCE] = {"since", "WHEN", "show entries after this time; 2h: 2 hours ago", VALUE_TEXT,
                      0, PLACE(since)},
    [OPTION_TOKEN] = {"token", "TOKEN", "show changes of this token", VALUE_TOKEN, 0, PLACE(token)},
    [OPTION_FOLLOW] = {.name = "follow",
                       .help = "wait, and show changes as they are made",
                       .letter = 'f'},
    [OPTION_NO_MANIFEST] = {.name = "no-manifest",
                            .help = "accept a backup without one; check records"},
    [OPTION_OVERLAP] = {"overlap", "SPAN", "how long the old secret works (default 24h)",
                        VALUE_TEXT, 0, PLACE(overlap)},
    [OPTION_FROM] = {"from", "FILE", "read one a line; -: from standard input", VALUE_FILE, 0,
                     PLACE(from)},
    [OPTION_DRY_RUN] = {.name = "dry-run", .help = "change nothing; print what would be refused"},
    [OPTION_SEALED] = {.name = "sealed", .help = "print the sealed texts of the tokens too"},
    [OPTION_PASSPHRASE_FILE] = {"passphrase-file", "FILE",
                                "read the passphrase from its first line", VALUE_FILE, 0,
                                PLACE(passphrase_file)},
    [OPTION_NEW_PASSPHRASE_FILE] = {"new-passphrase-file", "FILE",
                                    "read the new passphrase from its first line", VALUE_FILE, 0,
                                    PLACE(new_passphrase_file)},
    [OPTION_REMOVE] = {.name = "remove", .help = "remove the passphrase"},
    [OPTION_PIN] = {"pin", "NUMBER:HASH", "require the log to hold this entry", VALUE_TEXT, 0,
                    PLACE(pin)},
    [OPTION_EXPIRING] = {"expiring", "WHEN", "list tokens that expire by then, as in 30d",
                         VALUE_TEXT, 0, PLACE(expiring)},
    [OPTION_UNUSED] = {"unused", "WHEN", "list tokens not used since then, as in 90d", VALUE_TEXT,
                       0, PLACE(unused)},
    [OPTION_SORT] = {"sort", "COLUMN", "sort by it; -COLUMN: in reverse order", VALUE_COLUMN, 0,
                     PLACE(sort)},
    [OPTION_EXPLAIN] = {.name = "explain", .help = "list every check with its outcome"},
    [OPTION_PROMETHEUS] = {.name = "prometheus",
                           .help = "print metrics for node_exporter's collector"},
    [OPTION_WAIT] = {"wait", "SECONDS", "wait for a writer (default 30; 0: do not wait)",
                     VALUE_TEXT, 0, PLACE(wait)},
    [OPTION_OUTPUT] = {"output", "FILE", "write to this file, complete or not at all", VALUE_FILE,
                       'o', PLACE(output)},
    [OPTION_NOTE] = {"note", "TEXT", "a note for people; '' for none", VALUE_TEXT, 0, PLACE(note),
                     true},
    [OPTION_CONTACT] = {"contact", "TEXT", "whom to ask about it; '' for nobody", VALUE_TEXT, 0,
                        PLACE(contact), true},
    [OPTION_TEXTS] = {.name = "texts", .help = "open every sealed text too"},
    [OPTION_KEEP_REMOVED] = {.name = "keep-removed",
                             .help = "keep off what was removed or switched off since"},
    [OPTION_COLUMNS] = {"columns", "COLUMNS", "show these; +COLUMNS: in addition", VALUE_COLUMNS, 0,
                        PLACE(columns)},
    [OPTION_NO_HEADERS] = {.name = "no-headers", .help = "print no headers and no totals"},
    [OPTION_OVER_LIMIT] = {.name = "over-limit",
                           .help = "list what has more tokens than its tier allows"},
    [OPTION_FOREIGN] = {.name = "foreign", .help = "list tokens of another system"},
    [OPTION_LINES] = {"lines", "N|all", "show the last N entries", VALUE_TEXT, 'n', PLACE(lines)},
    [OPTION_UNTIL] = {"until", "WHEN", "show entries up to this time", VALUE_TEXT, 0, PLACE(until)},
    [OPTION_WITHIN] = {"within", "SPAN", "only tokens that expire within it, as in 7d", VALUE_TEXT,
                       0, PLACE(within)},
    [OPTION_FOR] = {"for", "SPAN", "how long the link works (default 15m)", VALUE_TEXT, 0,
                    PLACE(for_span)},
    [OPTION_VIEWER] = {.name = "viewer", .help = "whoever uses the link changes nothing"},
    [OPTION_STALE] = {.name = "stale", .help = "do not catch up with the fleet first"},
    [OPTION_EDGE] = {.name = "edge", .help = "hold only what validators need"},
};

const char *option_value(const struct options *options, enum cli_option option)
{
    const char *value;
    if ((options->given & BIT(option)) == 0 || option_table[option].place == 0)
        return NULL;
    memcpy(&value, (const char *)options + option_table[option].place, sizeof value);
    return value;
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
