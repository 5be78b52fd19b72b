/* SPDX-License-Identifier: ISC */
/* What a restore shows, whether it replaces the store's file or makes changes in a fleet. */
#ifndef ESPT_CLI_RESTORE_H
#define ESPT_CLI_RESTORE_H

#include "cli/cli.h"
#include "store/backup.h"
#include "store/restore/preview.h"

#include <jansson.h>

/* On standard error, before the question. */
void restore_print_facts(const char *what, const struct backup_facts *facts);
void restore_print_age(const struct cli *cli, int64_t made, int64_t last_change);
/* The same, also after a restore without a question. */
void restore_print_undone(const struct cli *cli, const struct restore_preview *preview);
void restore_print_shut(const struct cli *cli, const struct restore_preview *preview);
/* Adds to the JSON document what works again after the restore. */
void restore_json_undone(const struct cli *cli, json_t *json, const struct backup_facts *facts,
                         const struct restore_preview *preview);

/* restore in a store of a fleet. */
ESPT_MUST_USE int restore_within(struct cli *cli, const struct restore_wish *wish,
                                 const struct backup_facts *facts,
                                 const struct restore_preview *preview, struct espt_error *err);

#endif
