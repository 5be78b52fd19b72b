/* SPDX-License-Identifier: ISC */
/*
 * A journal in a folder. A file has its name only when it is whole and on the disk. Entries and
 * pieces keep theirs: a name is given by link(2), which never replaces. Head and reports are
 * replaced by rename(2).
 *
 *   entries/NUMBER   one entry, 20 digits (docs/journal-format.md)
 *   pieces/NAME      one piece
 *   reports/NAME     the report of a member
 *   head             the newest head
 *   turn             flock: the turn; it holds the name of the site that took it last
 */
#ifndef ESPT_JOURNAL_DIR_H
#define ESPT_JOURNAL_DIR_H

#include "espt/journal.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

/* In front of an entry: the lengths of its four pieces, as u32. */
#define DIR_LENGTHS (4 * sizeof(uint32_t))
#define DIR_FILE_MAX (ESPT_JOURNAL_ENTRY_MAX + DIR_LENGTHS)
#define DIR_TRY_MS 10

struct espt_journal {
    char path[PATH_MAX]; /* of the folder, for messages */
    char name[128];      /* of this member */
    uint32_t pieces;     /* WHOLE or EDGE */
    uint32_t limit_ms;
    int folder, entries, parts, reports, turn; /* descriptors; -1: not opened */
    bool held;                                 /* the turn */
    uint64_t synced;  /* entries up to this number are known to be durable */
    struct stat head; /* the one that head_get() returned last */
    uint8_t *buffer;  /* what was read last */
};

/* Writes a message; its value is `status`. */
#define dir_say(status, err, err_len, ...) (snprintf((err), (err_len), __VA_ARGS__), (status))

static inline int64_t dir_now(void) /* monotonic milliseconds */
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Between two tries to take a lock, or to see something new. */
static inline void dir_pause(void)
{
    nanosleep(&(struct timespec){.tv_nsec = DIR_TRY_MS * 1000000L}, NULL);
}

/* --- file.c --- */
/* Reads a whole file into journal->buffer. NONE: there is no such file. */
int dir_load(espt_journal *journal, int folder, const char *name, const uint8_t **ret_bytes,
             size_t *ret_len, char *err, size_t err_len);
/* Gives the bytes a name, durably. TAKEN: other bytes have it. */
int dir_store(espt_journal *journal, int folder, const char *name, const uint8_t *bytes, size_t len,
              char *err, size_t err_len);
/* The same, but replaces what has the name. */
int dir_replace(espt_journal *journal, int folder, const char *name, const uint8_t *bytes,
                size_t len, char *err, size_t err_len);
/* Removes a name, durably. NONE: there was none. */
int dir_remove(espt_journal *journal, int folder, const char *name, char *err, size_t err_len);

/* --- entries.c --- */
int dir_range(espt_journal *journal, uint64_t *ret_first, uint64_t *ret_last, char *err,
              size_t err_len);
int dir_read(espt_journal *journal, uint64_t number, espt_journal_entry *ret, char *err,
             size_t err_len);
int dir_append(espt_journal *journal, uint64_t number, const espt_journal_entry *entry, char *err,
               size_t err_len);
int dir_trim(espt_journal *journal, uint64_t first, char *err, size_t err_len);
bool dir_has_entry(const espt_journal *journal, uint64_t number);

/* --- turn.c --- */
int dir_hold(espt_journal *journal, uint32_t wait_ms, char *err, size_t err_len);
int dir_keep(espt_journal *journal, char *err, size_t err_len);
void dir_release(espt_journal *journal);
/* Locks the folder of the entries, shared or alone, within the time limit. */
int dir_lock_entries(espt_journal *journal, bool alone, char *err, size_t err_len);
void dir_unlock_entries(espt_journal *journal);

/* --- wait.c --- */
int dir_wait(espt_journal *journal, uint64_t last, uint32_t wait_ms, char *err, size_t err_len);

#endif
