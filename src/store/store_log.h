/* SPDX-License-Identifier: ISC */
/* The log: each transaction that changes something appends one entry. */
#ifndef ESPT_STORE_STORE_LOG_H
#define ESPT_STORE_STORE_LOG_H

#include "store/store_types.h"

#define LOG_HASH_LEN 32

enum log_what {
    LOG_ADD,    /* `after` */
    LOG_SET,    /* `before` and `after` */
    LOG_REMOVE, /* `before` */
    LOG_REVEAL, /* a token's text was shown or copied: `before` */
    LOG_NOTE,   /* about the store as a whole: `word` and `detail` */
};
struct log_change {
    enum log_what what;
    bool is_token;  /* else an entity, or a note */
    uint32_t about; /* with --as: number of the entity that it is about */
    struct {
        struct entity entity; /* without counts and creation */
        struct token token;
    } before, after;
    char word[32], detail[256];
};
struct log_entry {
    uint64_t sequence; /* from 1, without gaps */
    int64_t time;      /* Unix seconds */
    uint64_t revision; /* the revision that the change gave the store */
    struct actor actor;
    char as[ENTITY_NAME_MAX + 1];  /* the entity of `--as`; empty: none */
    uint32_t acting;               /* with --as: number of that entity, if it may be seen; else 0 */
    char person[64];               /* with --as: who acted for it through the portal */
    uint32_t changes;              /* how many */
    uint8_t hash[LOG_HASH_LEN];    /* BLAKE2b-256 of the hash before it (zeroes before the first),
                                      sequence (u64, little endian) and this entry's bytes */
    const struct log_bytes *bytes; /* the encoded changes; for log_next_change() only */
};
struct log_place {
    size_t at; /* 0: the first change */
};
/* Decodes the next change of the entry that `fn` was given, and that --as may see. False: there are
   no more. */
bool log_next_change(const struct log_entry *entry, struct log_place *place,
                     struct log_change *ret_change);

/* `fn` is called for each entry from number `from` on (0: all), in order. A non-zero result stops
   the walk and is returned. With --as an entry has no user, login or sudo, and only those changes
   that the entity may see, perhaps none. Its hash still covers all of them: do not show it. */
typedef int (*log_fn)(void *arg, const struct log_entry *entry, struct espt_error *err);
ESPT_MUST_USE int store_log_each(struct store *store, uint64_t from, log_fn fn, void *arg,
                                 struct espt_error *err);
/* Appends an entry about an action that changes no record, such as a backup, to the log. */
ESPT_MUST_USE int store_log_note(struct store *store, const char *word, const char *detail,
                                 struct espt_error *err);

/* Number and hash of the last entry; 0 and zeroes: the log is empty. */
struct log_head {
    uint64_t sequence;
    uint8_t hash[LOG_HASH_LEN];
};
ESPT_MUST_USE int store_log_head(struct store *store, struct log_head *ret_head,
                                 struct espt_error *err);
/* Proves the chain from the first entry to the last, and that it contains `pinned` (NULL: no pin to
   compare with). On ESPT_UNUSABLE, `err` says where the chain breaks. */
ESPT_MUST_USE int store_log_verify(struct store *store, const struct log_head *pinned,
                                   struct log_head *ret_head, struct espt_error *err);

#endif
