/* SPDX-License-Identifier: ISC */
/*
 * The tables of commands and of options: the single source of dispatch, usage, help, man page and
 * completion. To add a command, add one entry in commands_*.c and its function. To add an option,
 * add one line in enum cli_option, one in option_table.c and, if it takes an argument, a field in
 * struct options.
 */
#ifndef ESPT_CLI_COMMAND_H
#define ESPT_CLI_COMMAND_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cli;
struct column_set;

/* The kind of thing that an operand or argument names. Completion and suggestions depend on it. */
enum value {
    VALUE_TEXT,
    VALUE_CHOICE,   /* one of the words in its name, as in active|inactive */
    VALUE_ENTITY,   /* name of an entity */
    VALUE_RESELLER, /* name of a reseller */
    VALUE_TOKEN,    /* an id, or ENTITY/NAME */
    VALUE_TIER,
    VALUE_COLUMN,  /* column of a list, optionally with - before it */
    VALUE_COLUMNS, /* columns of a list, separated by commas, optionally with + before them */
    VALUE_FILE,
    VALUE_FOLDER,
    VALUE_COMMAND, /* the words of a command */
};

enum cli_option {
    OPTION_CONFIG,
    OPTION_JSON,
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_QUIET,
    OPTION_YES,
    OPTION_LAST,
    OPTION_CASCADE,
    OPTION_TREE,
    OPTION_REVEAL,
    OPTION_COPY,
    OPTION_KIND,
    OPTION_RESELLER,
    OPTION_TIER,
    OPTION_NAME,
    OPTION_STATUS,
    OPTION_EXPIRES,
    OPTION_TOKEN, /* before OPTION_ENTITY: suggest_name() looks for the missing name in this order
                   */
    OPTION_METRIC,
    OPTION_ENTITY,
    OPTION_AT,
    OPTION_CLEAR,
    OPTION_AS,
    OPTION_SINCE,
    OPTION_FOLLOW,
    OPTION_PIN,
    OPTION_NO_MANIFEST,
    OPTION_OVERLAP,
    OPTION_FROM,
    OPTION_DRY_RUN,
    OPTION_SEALED,
    OPTION_PASSPHRASE_FILE,
    OPTION_NEW_PASSPHRASE_FILE,
    OPTION_REMOVE,
    OPTION_EXPIRING,
    OPTION_UNUSED,
    OPTION_SORT,
    OPTION_EXPLAIN,
    OPTION_PROMETHEUS,
    OPTION_WAIT,
    OPTION_OUTPUT,
    OPTION_NOTE,
    OPTION_CONTACT,
    OPTION_TEXTS,
    OPTION_KEEP_REMOVED,
    OPTION_COLUMNS,
    OPTION_NO_HEADERS,
    OPTION_OVER_LIMIT,
    OPTION_FOREIGN,
    OPTION_LINES,
    OPTION_UNTIL,
    OPTION_WITHIN,
    OPTION_FOR,
    OPTION_VIEWER,
    OPTION_STALE,
    OPTION_EDGE,
    OPTION_COUNT
};
#define BIT(option) (UINT64_C(1) << (option))
#define OPTIONS_OF_ALL                                                                \
    (BIT(OPTION_CONFIG) | BIT(OPTION_JSON) | BIT(OPTION_HELP) | BIT(OPTION_VERSION) | \
     BIT(OPTION_WAIT))

/* The parsed command line. */
struct options {
    uint64_t given; /* bits of enum cli_option */
    const char *config, *kind, *reseller, *tier, *name, *status;
    const char *expires, *metric, *entity, *at, *clear, *as, *since, *token, *pin, *overlap;
    const char *expiring, *unused, *sort, *wait, *output, *from;
    const char *note, *contact;
    const char *columns, *lines, *until, *within;
    const char *for_span;
    const char *passphrase_file, *new_passphrase_file;
    int operands; /* after the command's words */
    char **operand;
};

struct option_entry {
    const char *name;     /* without the dashes */
    const char *argument; /* name of the argument; NULL: none */
    const char *help;     /* a line of at most 48 columns */
    enum value value;     /* kind of the argument */
    char letter;          /* 0: none */
    size_t place;         /* offset in struct options of the argument */
    bool clears;          /* an empty argument is allowed: it clears the field */
};
extern const struct option_entry option_table[OPTION_COUNT];
/* The argument of an option on the command line; NULL: none. */
const char *option_value(const struct options *options, enum cli_option option);

struct operand {
    const char *name;
    enum value value;
};

#define OPERANDS_MAX 3
#define OWN_MAX 8

struct command {
    const char *word, *second; /* second NULL: one word */
    const char *help;          /* a line of at most 56 columns, without a full stop */
    int (*run)(struct cli *cli, struct espt_error *err);
    struct operand operands[OPERANDS_MAX]; /* ends at the first without a name */
    int least;                             /* how many are required */
    bool many;                             /* the last one may be repeated */
    bool reads;       /* read-only, except with --reveal, --copy and --output */
    bool edges;       /* also at an edge of a fleet */
    bool uses;        /* shows uses, so it reads what other machines of a fleet have reported */
    bool sums;        /* adds uses up; a sum of this machine alone is worth more than none */
    bool hidden;      /* not in the list of commands, but in the man page */
    bool beside;      /* named on the line of the command before it in that list */
    uint64_t needed;  /* required options */
    uint64_t instead; /* option that replaces the last operand and `needed` */
    uint64_t options; /* other options, in addition to OPTIONS_OF_ALL */
    /* Options with another meaning in this command. */
    struct {
        enum cli_option option;
        const char *argument, *help; /* NULL: as in the table */
    } own[OWN_MAX];
    const struct column_set *columns; /* of the lists that take --columns; else NULL */
    const char *text;                 /* description in full sentences; each line is a paragraph */
    const char *examples;             /* command lines, each ending in a newline; NULL: none */
};

/* Each ends with an entry without a word. */
extern const struct command token_commands[], entity_commands[], question_commands[],
    store_commands[], fleet_commands[];
struct command_group {
    const char *title; /* at most 9 columns */
    const struct command *commands;
};
#define COMMAND_GROUPS 5
extern const struct command_group command_groups[COMMAND_GROUPS];

/* Command number `index`, in order of groups; NULL beyond the last. */
const struct command *command_at(size_t index);
/* Finds the command that `words` begin with. *ret_words: how many words it has (1 or 2). NULL:
   none. */
const struct command *command_find(char *const *words, int count, int *ret_words);
/* True if `word` is the first word of commands of two words. */
bool command_begins(const char *word);
/* Writes the words of the command, as in "entity add". */
void command_name(const struct command *command, char *out, size_t size);
/* Writes all second words for the first word of `command`, as in "add, list, show"; empty: none. */
void command_seconds(const struct command *command, char *out, size_t size);
int command_operands(const struct command *command); /* how many operands the table has */
/* The table entry of an option, with its meaning in `command` (may be NULL). */
struct option_entry command_option(const struct command *command, enum cli_option option);

/* An unfinished command line, for completion and suggestions. */
struct typed {
    const struct command *command; /* NULL: not yet */
    const char *word;              /* first word of a command whose second word is missing */
    bool lost;                     /* no command begins with these words */
    int operands;                  /* number of operands typed so far */
    const char *operand;           /* the first of them */
    int pending;                   /* the option whose argument comes next; -1: none */
    bool ended;                    /* `--` was typed: no more options */
    uint64_t given;
    const char *config, *as; /* arguments of -c and --as; NULL: not given */
};
struct typed command_typed(char *const *words, int count);

#endif
