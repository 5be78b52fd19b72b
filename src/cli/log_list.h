/* SPDX-License-Identifier: ISC */
/* Shared by the files of the command log: the selection of entries, and how they are shown. */
#ifndef ESPT_CLI_LOG_LIST_H
#define ESPT_CLI_LOG_LIST_H

#include "cli/history.h"
#include "cli/output.h"

#define LOG_LINES_ALL UINT64_MAX

struct log_list {
    struct cli *cli;
    struct json_stream json;
    bool shown;           /* a change was shown */
    bool follows;         /* one document a line */
    int64_t since, until; /* Unix seconds; 0: all */
    uint64_t lines;       /* -n; LOG_LINES_ALL: every entry */
    uint64_t token;       /* id */
    bool by_token;
    uint64_t first, last; /* numbers of the entries to show; last 0: no end */
    struct history seen;  /* with --follow */
};

/* log.c: whether the options select the change, and at least one change of an entry. */
bool log_list_asks(const struct log_list *list, const struct log_change *change);
bool log_list_has(const struct log_list *list, const struct log_entry *entry);
/* log.c: shows the selected changes of an entry. It is a callback for store_log_each(); `arg` is a
   struct log_list. */
int log_list_entry(void *arg, const struct log_entry *entry, struct espt_error *err);
/* log_last.c: shows the last entries that -n asks for. */
ESPT_MUST_USE int log_list_begin(struct log_list *list, struct espt_error *err);

/* log_show.c: prints one change. `first`: it is the first change of its entry. */
void log_print_change(const struct log_entry *entry, const struct log_change *change, bool first);

/* log_follow.c: returns only after an error. */
ESPT_MUST_USE int log_follow_on(struct cli *cli, struct log_list *list, struct espt_error *err);

#endif
