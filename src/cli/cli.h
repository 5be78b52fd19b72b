/*
 * What the commands share. A command is a thin function over src/store: it returns 0, 1 (verify
 * denied, or a check found something), or a negative code of common/error.h with `err` filled;
 * main.c owns messages and exit statuses.
 */
#ifndef ESPT_CLI_CLI_H
#define ESPT_CLI_CLI_H

#include "cli/command.h"
#include "common/config.h"
#include "common/error.h"
#include "common/tier.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct cli {
    struct options options;
    const struct command *command;
    bool json;
    int died_of; /* the signal that ended the command, once it has told how far it came; 0: none */
    int64_t now; /* Unix seconds, when the command began */
    struct config config;
    struct store *store;      /* NULL: not opened */
    struct tier_table *tiers; /* NULL: not loaded */
};

static inline bool given(const struct cli *cli, enum cli_option option)
{
    return (cli->options.given & BIT(option)) != 0;
}

/* options.c */
ESPT_MUST_USE int options_parse(struct options *ret_options, int argc, char **argv,
                                const struct command **ret_command, struct espt_error *err);
const char *option_value(const struct options *options, enum cli_option option); /* NULL: none */

/* help.c: `command` NULL: of all, or of those that begin with the first operand. */
ESPT_MUST_USE int help(const struct cli *cli, const struct command *command,
                       struct espt_error *err);
/* Says at a usage error where the usage is told. */
void help_hint(const struct command *command, struct espt_error *err);

/* suggest.c: adds to `err` what may have been meant, if something is near enough. */
void suggest_command(char *const *words, int count, struct espt_error *err); /* one word at least */
void suggest_option(const struct command *command, const char *word, struct espt_error *err);
/* After a command failed with ESPT_MISSING: among the names in the store. */
void suggest_name(struct cli *cli, const struct command *command, struct espt_error *err);

/* context.c */
/* usage.c: after a command that wrote, takes in what ended hosts counted, if that can be done at
   once; what it told is on its way by then. */
void cli_fold(struct cli *cli);
const char *cli_config_path(const struct cli *cli);
ESPT_MUST_USE int cli_config(struct cli *cli, struct espt_error *err);
ESPT_MUST_USE int cli_store(struct cli *cli, struct espt_error *err);
ESPT_MUST_USE int cli_tiers(struct cli *cli, struct espt_error *err);
/* The table for what merely shows it: NULL, and a word on standard error, where it is broken. */
const struct tier_table *cli_tiers_if_whole(struct cli *cli);

/* fault.c: from now on a store that is so damaged that liblmdb crashes ends the command with one
   line and status 5. */
void fault_begin(bool json);

/* output.c: a line on standard error beside what is done all the same; with --json a document,
   {"warning":{"message":...}}. */
void cli_warn(const struct cli *cli, const char *message);

/* actor.c */
void cli_actor(const struct command *command, struct actor *ret_actor);

/* entity.c: ESPT_USAGE for another word. */
ESPT_MUST_USE int parse_kind(const char *text, enum entity_kind *ret_kind, struct espt_error *err);
/* entity.c: 1 active, 0 inactive; ESPT_USAGE for another word. */
ESPT_MUST_USE int parse_status(const char *text, int *ret_active, struct espt_error *err);

/* passphrase.c: as config->passphrase.ask wants it; `arg` is the cli. And a new one. */
int cli_passphrase(void *arg, const char *file, char *ret, size_t size, struct espt_error *err);
ESPT_MUST_USE int cli_new_passphrase(struct cli *cli, char *ret, size_t size,
                                     struct espt_error *err);

/* create_many.c: --from FILE. */
ESPT_MUST_USE int create_many(struct cli *cli, const int64_t *expires, struct espt_error *err);
ESPT_MUST_USE int add_many(struct cli *cli, struct espt_error *err);

/* token.c: --expires, which is given. */
ESPT_MUST_USE int cli_expires(const struct cli *cli, int64_t *ret_when, struct espt_error *err);

/* token.c: opens the store, and finds the token that the first operand names. */
ESPT_MUST_USE int cli_token(struct cli *cli, struct token_ref *ret_ref, struct token *ret_token,
                            struct espt_error *err);

/* copy.c: closes the store, copies, and says where to; `text` is the caller's to wipe. */
#define CLEAR_DEFAULT 45 /* seconds */
ESPT_MUST_USE int cli_copy(struct cli *cli, const struct token *token, char *text, unsigned seconds,
                           struct espt_error *err);
/* For --copy of what makes a text. First: it goes to the clipboard or to standard output. */
ESPT_MUST_USE int cli_copy_wanted(const struct cli *cli, struct espt_error *err);
/* Says at a failure that the token is made all the same. */
ESPT_MUST_USE int cli_copy_new(struct cli *cli, const struct token *token, char *text,
                               struct espt_error *err);

/* prompt.c: ESPT_USAGE if there is neither --yes nor a terminal to ask at. */
ESPT_MUST_USE int prompt_possible(const struct cli *cli, struct espt_error *err);
/* 0 yes; ESPT_REFUSED when declined. */
ESPT_MUST_USE int prompt(const char *question, struct espt_error *err);

/* clipboard.c: puts the text there and has it cleared after `seconds` (0: never). *ret_way names
   the program, or the terminal. The store is closed by then: what waits would keep it open. */
ESPT_MUST_USE int clipboard_copy(char *text, unsigned seconds, const char **ret_way,
                                 struct espt_error *err);

/* the commands */
int run_init(struct cli *cli, struct espt_error *err);
int run_entity_add(struct cli *cli, struct espt_error *err);
int run_entity_list(struct cli *cli, struct espt_error *err);
int run_entity_show(struct cli *cli, struct espt_error *err);
int run_entity_edit(struct cli *cli, struct espt_error *err);
int run_entity_remove(struct cli *cli, struct espt_error *err);
int run_list(struct cli *cli, struct espt_error *err);
int run_create(struct cli *cli, struct espt_error *err);
int run_show(struct cli *cli, struct espt_error *err);
int run_copy(struct cli *cli, struct espt_error *err);
int run_edit(struct cli *cli, struct espt_error *err);
int run_remove(struct cli *cli, struct espt_error *err);
int run_verify(struct cli *cli, struct espt_error *err);
int run_tier_list(struct cli *cli, struct espt_error *err);
int run_tier_check(struct cli *cli, struct espt_error *err);
int run_complete(struct cli *cli, struct espt_error *err);
int run_stats(struct cli *cli, struct espt_error *err);
int run_check(struct cli *cli, struct espt_error *err);
int run_rotate(struct cli *cli, struct espt_error *err);
int run_retire(struct cli *cli, struct espt_error *err);
int run_export(struct cli *cli, struct espt_error *err);
int run_import(struct cli *cli, struct espt_error *err);
int run_key_rotate(struct cli *cli, struct espt_error *err);
int run_key_passphrase(struct cli *cli, struct espt_error *err);
int run_backup(struct cli *cli, struct espt_error *err);
int run_restore(struct cli *cli, struct espt_error *err);
int run_upgrade(struct cli *cli, struct espt_error *err);
int run_usage_fold(struct cli *cli, struct espt_error *err);
int run_log(struct cli *cli, struct espt_error *err);
int run_log_verify(struct cli *cli, struct espt_error *err);

#endif
