/* SPDX-License-Identifier: ISC */
/*
 * The ABI of journal plugins. A journal keeps the entries of a fleet in order, and everything else
 * that its members share. It understands none of it: esp-tokenctl signs, chains and checks.
 *
 * esp-tokenctl loads the plugin that `[fleet] journal` names, looks up the one symbol
 * `espt_journal_get`, and calls the functions of the table that it returns. Validators load no
 * journal.
 *
 * What a journal promises:
 *
 * 1. Entries are numbered without gaps. `append` is a compare-and-swap: of two that append under
 *    one number, one gets ESPT_JOURNAL_DONE and the other ESPT_JOURNAL_TAKEN.
 * 2. `append` is idempotent: the same bytes under the same number are ESPT_JOURNAL_DONE again.
 * 3. DONE means durable. What `read` returned once is durable too.
 * 4. ESPT_JOURNAL_FAILED of `append` means: this entry is not in the journal and will not appear.
 *    If that is not certain, the plugin answers ESPT_JOURNAL_UNKNOWN, and the caller repeats the
 *    same call. To look for the entry would prove nothing, because it may still be on its way.
 * 5. Every call ends within its time limit, even if the other side is silent.
 *
 * The turn (`hold`, `keep`, `release`) only keeps writers from overtaking each other; `append`
 * decides. A plugin may drop the turn of a process that is frozen.
 *
 * Memory: a plugin owns what `read`, `get`, `head_get` and `report_each` return, until the next
 * call on the same journal other than `keep` and `limit`. Threads: one thread uses a journal.
 * Messages have one line, name what is wrong and what to do, and hold no secret. `err` has
 * `err_len` bytes and is not NULL.
 */
#ifndef ESPT_JOURNAL_H
#define ESPT_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* major << 16 | minor. A minor version only appends; a plugin refuses another major. */
#define ESPT_JOURNAL_ABI 0x00010001u

/* The longest entry (its pieces together), and the longest piece under a name. A plugin refuses
   what is longer. */
#define ESPT_JOURNAL_ENTRY_MAX (64u << 20)
/* The longest head and the longest report. */
#define ESPT_JOURNAL_HEAD_MAX (1u << 20)
/* A name has 1 to this many characters. That of a piece: of a-z, 0-9 and '-'. That of a member: of
   A-Z, a-z, 0-9, '.', '_' and '-', and it begins with a letter or a digit. */
#define ESPT_JOURNAL_NAME_MAX 100
/* Pieces whose names begin with one of these are for edges too; a journal that has roles shows an
   edge no other piece. */
#define ESPT_JOURNAL_FOR_EDGES "edge-", "tiers-"

enum {
    ESPT_JOURNAL_DONE = 0,
    ESPT_JOURNAL_NONE,    /* no such entry, piece or head; no entry at all; nothing new */
    ESPT_JOURNAL_TAKEN,   /* another entry, or other bytes, are there already */
    ESPT_JOURNAL_BUSY,    /* another writer has the turn; the message names it */
    ESPT_JOURNAL_FAILED,  /* nothing was changed; the message says why */
    ESPT_JOURNAL_UNKNOWN, /* a change that may have happened, or may happen later */
};

typedef struct espt_journal espt_journal;

/* An entry, in four pieces that the journal keeps apart. */
typedef struct espt_journal_entry {
    const uint8_t *head, *log, *edge, *vault;
    size_t head_len, log_len, edge_len, vault_len;
} espt_journal_entry;

/* Which pieces `read` returns. */
enum {
    ESPT_JOURNAL_WHOLE, /* all; for sites */
    ESPT_JOURNAL_EDGE,  /* head and edge; log and vault are NULL, with length 0. A journal that has
                           roles lets an edge see no more */
};

typedef struct espt_journal_plugin { /* append only */
    uint32_t abi, size;              /* of this table */
    const char *kind;                /* as in `[fleet] journal` */
    const char *version;
    /* `settings` is the text of the file that `[fleet] settings` names: lines `KEY = VALUE`, and
       comments that begin with ; or #. An unknown key is refused. `name` is that of this member.
       The plugin keeps neither pointer. `pieces` is WHOLE or EDGE. `limit_ms` bounds each call;
       `hold` and `wait` may take `wait_ms` in addition. */
    int (*open)(espt_journal **ret, const char *settings, const char *name, uint32_t pieces,
                uint32_t limit_ms, char *err, size_t err_len);
    void (*close)(espt_journal *journal); /* NULL is allowed */
    /* The first and the last entry. NONE: there is no entry. */
    int (*range)(espt_journal *journal, uint64_t *ret_first, uint64_t *ret_last, char *err,
                 size_t err_len);
    /* May fetch the entries after it too: callers read rising numbers. BUSY: this process has the
       turn, and the entry is too long to be read within it, because a process that freezes in the
       middle of a long answer would keep the turn. Give it back, and read then. */
    int (*read)(espt_journal *journal, uint64_t number, espt_journal_entry *ret, char *err,
                size_t err_len);
    /* An empty journal takes any number above 0. FAILED: the entry before it is missing. Gives the
       turn back. */
    int (*append)(espt_journal *journal, uint64_t number, const espt_journal_entry *entry,
                  char *err, size_t err_len);
    /* Takes the turn. BUSY: another writer still has it after `wait_ms`. */
    int (*hold)(espt_journal *journal, uint32_t wait_ms, char *err, size_t err_len);
    void (*release)(espt_journal *journal); /* harmless without the turn */
    /* Keeps the turn while the caller works; to be called at least every 3 seconds. FAILED: this
       process does not have the turn, or has lost it. */
    int (*keep)(espt_journal *journal, char *err, size_t err_len);
    /* Pieces under a name. They are never replaced: TAKEN. While this process has the turn, it
       makes no call that changes something, except `append`. */
    int (*put)(espt_journal *journal, const char *name, const uint8_t *bytes, size_t len, char *err,
               size_t err_len);
    int (*get)(espt_journal *journal, const char *name, const uint8_t **ret_bytes, size_t *ret_len,
               char *err, size_t err_len);
    /* Removes a piece. NONE: there was none. */
    int (*drop)(espt_journal *journal, const char *name, char *err, size_t err_len);
    /* Unix seconds, by the clock of the journal's machine. */
    int (*clock)(espt_journal *journal, int64_t *ret_seconds, char *err, size_t err_len);
    /* The newest head, a record that replaces the one before. The journal does not order heads:
       members check number and signature. */
    int (*head_put)(espt_journal *journal, const uint8_t *bytes, size_t len, char *err,
                    size_t err_len);
    int (*head_get)(espt_journal *journal, const uint8_t **ret_bytes, size_t *ret_len, char *err,
                    size_t err_len);
    /* Returns DONE when there may be an entry after `last`, or another head than the one that
       `head_get` returned last; NONE after `wait_ms`. Only a hint: callers ask anyway. */
    int (*wait)(espt_journal *journal, uint64_t last, uint32_t wait_ms, char *err, size_t err_len);
    /* Removes the entries before `first`, the lowest numbers first, but never the last entry.
       FAILED: some of them may be left; call again. */
    int (*trim)(espt_journal *journal, uint64_t first, char *err, size_t err_len);
    /* The report of a member, a record that replaces the one before. */
    int (*report_put)(espt_journal *journal, const char *name, const uint8_t *bytes, size_t len,
                      char *err, size_t err_len);
    /* Calls `each` for every report that this member may see, in any order, until `each` returns
       something other than 0. `each` makes no call on this journal. */
    int (*report_each)(espt_journal *journal,
                       int (*each)(void *arg, const char *name, const uint8_t *bytes, size_t len),
                       void *arg, char *err, size_t err_len);
    /* From now on `limit_ms` bounds each call, instead of that of `open`. NULL: the plugin has no
       such function. */
    void (*limit)(espt_journal *journal, uint32_t limit_ms);
    /* Calls `each` with the name of every piece that this member may see, in any order, until
       `each` returns something other than 0. `each` makes no call on this journal. */
    int (*piece_each)(espt_journal *journal, int (*each)(void *arg, const char *name), void *arg,
                      char *err, size_t err_len);
} espt_journal_plugin;

/* NULL: the plugin has another major version. */
const espt_journal_plugin *espt_journal_get(uint32_t host_abi);

#ifdef __cplusplus
}
#endif

#endif
