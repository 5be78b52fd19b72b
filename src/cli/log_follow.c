/* SPDX-License-Identifier: ISC */
/* log --follow: shows entries as they are written, also after the store is replaced. */
#include "cli/log_list.h"

#include "common/trust.h"

#include <stdio.h>
#include <time.h>

#define FOLLOW_MS 500
#define FAILURES_MAX 10

struct following {
    struct log_list *listing;
    struct store_file file; /* the store's file when the log was last read */
    bool missing;           /* the store is missing, and a message said so */
    int failures;           /* consecutive failures of other kinds */
    bool parted;            /* this log lacks the last entry that was shown */
    bool marked;            /* the marker of the replacement was printed */
    uint64_t common;        /* last entry known to be in both logs; 0: none */
};

/* Prints the marker before the new store's entries: one line, or one document with --json. */
static int print_marker(struct following *following, struct espt_error *err)
{
    const uint64_t last = history_last(&following->listing->seen),
                   first = following->listing->first;
    /* entries before the first one that the options select do not count as lost */
    const uint64_t kept = first > following->common + 1 ? first - 1 : following->common;
    const uint64_t lost = last > kept ? last - kept : 0;
    following->marked = true;
    if (following->listing->cli->json)
        return json_print_line(json_pack("{s:{s:I, s:I}}", "replaced", "common",
                                         (json_int_t)following->common, "lost", (json_int_t)lost),
                               err);
    char begun[128] = "the store was replaced by one with another log";
    char rest[128] = "its last entries follow";
    if (following->common > 0)
        snprintf(begun, sizeof begun,
                 "the store was replaced; the new log is the same up to entry %llu",
                 (unsigned long long)following->common);
    if (lost > 0)
        snprintf(rest, sizeof rest, "entries %llu to %llu, shown above, are lost",
                 (unsigned long long)kept + 1, (unsigned long long)last);
    else if (following->common > 0)
        snprintf(rest, sizeof rest, "all entries shown above are in it");
    char text[sizeof begun + sizeof rest + 16];
    snprintf(text, sizeof text, "-- %s; %s --", begun, rest);
    print_wrapped(text, 0, 3, at_terminal(stdout) ? terminal_columns() : SIZE_MAX);
    return 0;
}

static int print_parting(struct following *following, struct espt_error *err)
{
    struct log_list *list = following->listing;
    int code = following->marked ? 0 : print_marker(following, err);
    history_cut(&list->seen, following->common);
    if (list->first > following->common + 1)
        list->first = following->common + 1; /* from here on all entries are new */
    return code;
}

/* Requires that the first entry is the last one that was shown, and shows the entries after it. */
static int on_next(void *arg, const struct log_entry *entry, struct espt_error *err)
{
    struct following *following = arg;
    struct history *seen = &following->listing->seen;
    if (!following->parted)
        return log_list_entry(following->listing, entry, err);
    following->parted = !history_has(seen, entry);
    return following->parted ? 1 : 0;
}

#define NOTHING_COMMON 1

/* Called from the oldest known entry on. Entries that both logs have were shown before. If the logs
   differ in the first one, they differ in all. */
static int on_other(void *arg, const struct log_entry *entry, struct espt_error *err)
{
    struct following *following = arg;
    if (!following->marked && history_has(&following->listing->seen, entry)) {
        following->common = entry->sequence;
        return 0;
    }
    if (following->common == 0)
        return NOTHING_COMMON;
    int code = following->marked ? 0 : print_parting(following, err);
    return code == 0 ? log_list_entry(following->listing, entry, err) : code;
}

/* Continues in another log. If nothing is known to be in both, it begins at the end of the other,
   as the command did. */
static int go_on_elsewhere(struct following *following, struct espt_error *err)
{
    struct log_list *list = following->listing;
    following->marked = false;
    following->common = 0;
    int code = store_log_each(list->cli->store, list->seen.first, on_other, following, err);
    if (code < 0)
        return code;
    if (following->common > 0)
        return following->marked ? 0 : print_parting(following, err);
    code = print_parting(following, err);
    return code == 0 ? log_list_begin(list, err) : code;
}

static int read_on(struct following *following, struct espt_error *err)
{
    struct log_list *listing = following->listing;
    struct store *store = listing->cli->store;
    const uint64_t last = history_last(&listing->seen);
    following->parted = last > 0;
    int code = store_log_each(store, last, on_next, following, err);
    if (code >= 0 && following->parted)
        code = go_on_elsewhere(following, err);
    const struct store_file file = store_file(store);
    if (code == 0 && !following->parted && following->file.ino != 0 &&
        (file.dev != following->file.dev || file.ino != following->file.ino)) {
        following->common = history_last(&listing->seen);
        code = print_marker(following, err);
    }
    if (file.ino != 0)
        following->file = file;
    return code;
}

/* Waits for a missing store until it or another one appears. Other errors may be temporary, while a
   store is being replaced. */
static int read_or_wait(struct following *following, struct espt_error *err)
{
    struct cli *cli = following->listing->cli;
    int code = read_on(following, err);
    if (code == ESPT_UNUSABLE && trust_missing(cli->config.store)) {
        if (!following->missing)
            cli_warn(cli, "the store is missing; waiting for it");
        following->missing = true;
        return 0;
    }
    following->missing = false;
    following->failures = code == 0 ? 0 : following->failures + 1;
    return code == ESPT_UNUSABLE && following->failures < FAILURES_MAX ? 0 : code;
}

/* Holds no lock and no reader slot between two reads of the log. */
int log_follow_on(struct cli *cli, struct log_list *listing, struct espt_error *err)
{
    struct following following = {.listing = listing, .file = store_file(cli->store)};
    int code = 0;
    while (code == 0) {
        store_rest(cli->store);
        code = output_flush(err);
        if (code == 0) {
            nanosleep(&(struct timespec){.tv_nsec = FOLLOW_MS * 1000000L}, NULL);
            code = read_or_wait(&following, err);
        }
    }
    return code;
}
