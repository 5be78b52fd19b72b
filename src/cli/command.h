/*
 * The tables of commands and of options: the single source of dispatch, usage, help, man page and
 * completion. A new command is one entry in commands_*.c and its function; a new option is one line
 * in enum cli_option, one in the table of options.c and, with an argument, a field of struct
 * options.
 */
#ifndef ESPT_CLI_COMMAND_H
#define ESPT_CLI_COMMAND_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cli;

/* What an operand or an option's argument names: so it is completed, and so a slip is mended. */
enum value {
    VALUE_TEXT,
    VALUE_CHOICE,   /* one of the words in its name, as in active|inactive */
    VALUE_ENTITY,   /* the name of one */
    VALUE_RESELLER, /* of a reseller */
    VALUE_TOKEN,    /* an id, or ENTITY/NAME */
    VALUE_TIER,
    VALUE_COLUMN, /* of a list, with - before it or not */
    VALUE_FILE,
    VALUE_FOLDER,
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
    OPTION_METRIC,
    OPTION_ENTITY,
    OPTION_AT,
    OPTION_CLEAR,
    OPTION_AS,
    OPTION_SINCE,
    OPTION_TOKEN,
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
    OPTION_COUNT
};
#define BIT(option) (UINT64_C(1) << (option))
#define OPTIONS_OF_ALL                                                                \
    (BIT(OPTION_CONFIG) | BIT(OPTION_JSON) | BIT(OPTION_HELP) | BIT(OPTION_VERSION) | \
     BIT(OPTION_WAIT))

/* What was given. */
struct options {
    uint64_t given; /* bits of enum cli_option */
    const char *config, *kind, *reseller, *tier, *name, *status;
    const char *expires, *metric, *entity, *at, *clear, *as, *since, *token, *pin, *overlap;
    const char *expiring, *unused, *sort, *wait, *output, *from;
    const char *passphrase_file, *new_passphrase_file;
    int operands; /* after the command's words */
    char **operand;
};

struct option_entry {
    const char *name;     /* without the dashes */
    const char *argument; /* its name; NULL: it takes none */
    const char *help;     /* a line of at most 48 columns */
    enum value value;     /* of the argument */
    char letter;          /* 0: none */
    size_t place;         /* offset in struct options of the argument */
};
extern const struct option_entry option_table[OPTION_COUNT];

struct operand {
    const char *name;
    enum value value;
};

#define OPERANDS_MAX 3
#define OWN_MAX 6

struct command {
    const char *word, *second; /* second NULL: one word */
    const char *help;          /* a line of at most 56 columns, without a full stop */
    int (*run)(struct cli *cli, struct espt_error *err);
    struct operand operands[OPERANDS_MAX]; /* up to the first without a name */
    int least;                             /* how many are needed; the others may be left away */
    bool many;                             /* the last one may be repeated */
    bool reads;       /* it changes nothing, but for --reveal, --copy and --output */
    bool hidden;      /* from the list of commands, not from the man page */
    uint64_t needed;  /* options that it does not do without */
    uint64_t instead; /* an option that stands for the last operand and these */
    uint64_t options; /* the others that it takes, beside OPTIONS_OF_ALL */
    /* Options that mean something else to this command. */
    struct {
        enum cli_option option;
        const char *argument, *help; /* NULL: as in the table */
    } own[OWN_MAX];
    const char *text;     /* what it does: whole sentences; a line of its own is a paragraph */
    const char *examples; /* command lines, each ending in a newline; NULL: none */
};

/* Each ends with an entry without a word. */
extern const struct command token_commands[], entity_commands[], question_commands[],
    store_commands[];
struct command_group {
    const char *title; /* at most 9 columns */
    const struct command *commands;
};
#define COMMAND_GROUPS 4
extern const struct command_group command_groups[COMMAND_GROUPS];

/* Every command, group by group; NULL beyond the last. */
const struct command *command_at(size_t index);
/* The one whose words these are; *ret_words is how many they were (1 or 2). NULL: none. */
const struct command *command_find(char *const *words, int count, int *ret_words);
/* "entity add" */
void command_name(const struct command *command, char *out, size_t size);
/* "add, list, show": the second words that there are; empty: none. */
void command_seconds(const struct command *command, char *out, size_t size);
int command_operands(const struct command *command); /* how many it names */
/* The option as `command` (may be NULL) means it. */
struct option_entry command_option(const struct command *command, enum cli_option option);

/* By what list sorts; NULL ends them. */
extern const char *const list_columns[];

/* How far a command line has been typed: by completion, and to tell what a slip may have meant. */
struct typed {
    const struct command *command; /* NULL: not yet */
    const char *word;              /* the first word where the second is still to come */
    bool lost;                     /* no command begins so */
    int operands;                  /* so many stand there already */
    int pending;                   /* the option whose argument comes next; -1: none */
    bool ended;                    /* by -- : no more options */
    uint64_t given;
    const char *config, *as; /* of -c and --as, where given */
};
struct typed command_typed(char *const *words, int count);

#endif
