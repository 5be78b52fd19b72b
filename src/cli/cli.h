/* SPDX-License-Identifier: ISC */
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
    int died_of;    /* the signal that ended the command after it reported its progress; 0: none */
    bool revokes;   /* the command only revokes: it may use the room reserved for revocations */
    bool used_room; /* the command used that room */
    int64_t now;    /* Unix seconds, when the command began */
    int missing; /* which of several operands names no token, from 1; 0: suggest_name() finds out */
    struct config config;
    struct store *store;      /* NULL: not opened */
    struct tier_table *tiers; /* NULL: not loaded */
    struct fleet *fleet;      /* NULL: there is no [fleet], or the store was not opened */
    struct fleet_uses *uses;  /* of other machines; NULL: they were not read */
    struct espt_error behind; /* why the store may be behind its fleet; code 0: it is not */
};

static inline bool given(const struct cli *cli, enum cli_option option)
{
    return (cli->options.given & BIT(option)) != 0;
}

/* options.c */
ESPT_MUST_USE int options_parse(struct options *ret_options, int argc, char **argv,
                                const struct command **ret_command, struct espt_error *err);

/* help.c: prints the help of `command`. NULL: prints the list of all commands, or of those whose
   first word is the first operand. */
ESPT_MUST_USE int help(const struct cli *cli, const struct command *command,
                       struct espt_error *err);
/* Appends the help command to the message of a usage error. */
void help_hint(const struct command *command, struct espt_error *err);

/* suggest.c: fills `err` and returns ESPT_USAGE. `words` holds at least one word. */
ESPT_MUST_USE int no_such_command(char *const *words, int count, struct espt_error *err);
/* Adds the nearest option of `command` to `err`, if one is near enough. */
void suggest_option(const struct command *command, const char *word, struct espt_error *err);
/* After a command failed with ESPT_MISSING: adds the missing name to `err`, and the nearest name in
   the store. */
void suggest_name(struct cli *cli, const struct command *command, struct espt_error *err);

/* usage.c: after a command that wrote to the store: adds the counts of ended hosts if that needs no
   wait, and reserves room for revocations. Call it after the output of the command is written. */
void cli_fold(struct cli *cli);
/* context.c */
const char *cli_config_path(const struct cli *cli);
ESPT_MUST_USE int cli_config(struct cli *cli, struct espt_error *err);
ESPT_MUST_USE int cli_store(struct cli *cli, struct espt_error *err);
/* After a revocation failed: releases the room reserved for revocations. True: a retry may
   succeed. */
ESPT_MUST_USE bool cli_make_room(struct cli *cli);
ESPT_MUST_USE int cli_tiers(struct cli *cli, struct espt_error *err);
/* Opens the store and finds the token that the first operand names. */
ESPT_MUST_USE int cli_token(struct cli *cli, struct token_ref *ret_ref, struct token *ret_token,
                            struct espt_error *err);
/* The tier table for commands that only show it. NULL: the table is broken; a warning was
   printed. */
const struct tier_table *cli_tiers_if_whole(struct cli *cli);

/* crash.c: from now on, a crash of liblmdb in a damaged store ends the command with one line and
   status 5. */
void crash_begin(bool json);

/* output.c: prints a warning on standard error; with --json the document
   {"warning":{"message":...}}. */
void cli_warn(const struct cli *cli, const char *message);

/* output.c: warns, before the text of a token is printed, if standard output is a file that other
   users may read. */
void warn_of_readers(const struct cli *cli);

/* actor.c */
void cli_actor(const struct command *command, struct actor *ret_actor);

/* passphrase.c: the callback config->passphrase.ask; `arg` is the struct cli. The second function
   asks for a new passphrase. The caller wipes `ret`. */
int cli_passphrase(void *arg, const char *file, char *ret, size_t size, struct espt_error *err);
ESPT_MUST_USE int cli_new_passphrase(struct cli *cli, char *ret, size_t size,
                                     struct espt_error *err);

/* create_many.c: --from FILE. */
/* `wanted` holds all fields except the name, which each line gives. */
ESPT_MUST_USE int create_many(struct cli *cli, const struct token_new *wanted,
                              struct espt_error *err);
ESPT_MUST_USE int add_many(struct cli *cli, struct espt_error *err);
/* ESPT_USAGE for --dry-run without --from. */
ESPT_MUST_USE int dry_run_wanted(const struct cli *cli, struct espt_error *err);

/* rotate.c: for commands that print the text alone: warns if hosts deny the new token. */
void warn_of_denial(const struct cli *cli, const struct token *token);

/* copy.c: closes the store, copies `text`, and prints the destination. The caller wipes `text`. */
#define CLEAR_DEFAULT 45 /* seconds */
ESPT_MUST_USE int cli_copy(struct cli *cli, const struct token *token, char *text, unsigned seconds,
                           struct espt_error *err);
/* For --copy of commands that create a text. Call before the change: checks that --copy fits the
   other options. */
ESPT_MUST_USE int cli_copy_wanted(const struct cli *cli, struct espt_error *err);
/* Copies the text of a new token. If that fails, the message says that the token exists. */
ESPT_MUST_USE int cli_copy_new(struct cli *cli, const struct token *token, char *text,
                               struct espt_error *err);

/* prompt.c: ESPT_USAGE without --yes and without a terminal for the question. */
ESPT_MUST_USE int prompt_possible(const struct cli *cli, struct espt_error *err);
/* Returns 0 for yes, ESPT_REFUSED for any other answer. */
ESPT_MUST_USE int prompt(const char *question, struct espt_error *err);

/* clipboard.c: puts `text` on the clipboard and clears it after `seconds` (0: never). *ret_way is
   the name of the program, or "terminal". Close the store first: the process that waits would keep
   it open. */
ESPT_MUST_USE int clipboard_copy(char *text, unsigned seconds, const char **ret_way,
                                 struct espt_error *err);

/* the commands */
int run_help(struct cli *cli, struct espt_error *err);
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
int run_doctor(struct cli *cli, struct espt_error *err);
int run_check(struct cli *cli, struct espt_error *err);
int run_rotate(struct cli *cli, struct espt_error *err);
int run_retire(struct cli *cli, struct espt_error *err);
int run_export(struct cli *cli, struct espt_error *err);
int run_import(struct cli *cli, struct espt_error *err);
int run_key_rotate(struct cli *cli, struct espt_error *err);
int run_key_passphrase(struct cli *cli, struct espt_error *err);
int run_key_list(struct cli *cli, struct espt_error *err);
int run_key_forget(struct cli *cli, struct espt_error *err);
int run_backup(struct cli *cli, struct espt_error *err);
int run_restore(struct cli *cli, struct espt_error *err);
int run_upgrade(struct cli *cli, struct espt_error *err);
int run_notify(struct cli *cli, struct espt_error *err);
int run_usage_fold(struct cli *cli, struct espt_error *err);
int run_log(struct cli *cli, struct espt_error *err);
int run_log_verify(struct cli *cli, struct espt_error *err);
int run_portal_link(struct cli *cli, struct espt_error *err);
int run_portal_sessions(struct cli *cli, struct espt_error *err);
int run_portal_end(struct cli *cli, struct espt_error *err);
int run_fleet_key(struct cli *cli, struct espt_error *err);
int run_fleet_init(struct cli *cli, struct espt_error *err);
int run_fleet_site(struct cli *cli, struct espt_error *err);
int run_fleet_edge(struct cli *cli, struct espt_error *err);
int run_fleet_join(struct cli *cli, struct espt_error *err);
int run_fleet_status(struct cli *cli, struct espt_error *err);
int run_fleet_refill(struct cli *cli, struct espt_error *err);
int run_fleet_check(struct cli *cli, struct espt_error *err);
int run_fleet_publish(struct cli *cli, struct espt_error *err);
int run_fleet_follow(struct cli *cli, struct espt_error *err);
int run_tier_publish(struct cli *cli, struct espt_error *err);
int run_tier_pull(struct cli *cli, struct espt_error *err);

#endif
