/*
 * The store by liblmdb: entities, tokens, and the rules of contract §5, each enforced in the
 * transaction that makes the change. Every change passes through store/apply.h.
 *
 * A store belongs to one thread, and a process opens one at a time. Nothing is held between calls.
 * All functions return 0 or a negative code of common/error.h; nothing has changed on failure.
 */
#ifndef ESPT_STORE_STORE_H
#define ESPT_STORE_STORE_H

#include "common/config.h"
#include "common/error.h"
#include "common/record.h"
#include "common/tier.h"

#include <stdbool.h>
#include <stdint.h>

struct store;

struct entity {
    uint32_t number; /* never used again */
    enum entity_kind kind;
    bool active;
    uint32_t tokens;    /* how many */
    uint32_t customers; /* how many */
    int64_t created;    /* Unix seconds */
    char name[ENTITY_NAME_MAX + 1];
    char reseller[ENTITY_NAME_MAX + 1]; /* empty: none */
    char tier[TIER_NAME_MAX + 1];
    uint8_t held[16]; /* of its tokens, as store_entity_removable() found them; zeroes: not asked */
};

struct token {
    uint64_t id;
    bool active;
    bool retiring;   /* rotated: it ends at `expires`, and its name means its successor */
    bool foreign;    /* another system's: hosts know it by its SHA-256 */
    bool has_text;   /* else its text was never here and cannot be seen */
    int64_t created; /* Unix seconds */
    int64_t expires; /* Unix seconds; 0: never */
    char name[TOKEN_NAME_MAX + 1];
    char entity[ENTITY_NAME_MAX + 1];
    bool unread;       /* what hosts counted could not be read: no use of it is known now */
    bool counted;      /* what follows is known: uses are counted, or were once */
    uint64_t uses;     /* so many times it was allowed */
    int64_t last_used; /* Unix seconds; 0: it was not */
};

/* TOKEN as people write it: an id, or ENTITY/NAME. */
struct token_ref {
    bool by_id;
    uint64_t id;
    char entity[ENTITY_NAME_MAX + 1];
    char name[TOKEN_NAME_MAX + 1];
};
/* ESPT_USAGE for another form; the text itself is never repeated (it may be a secret). */
ESPT_MUST_USE int token_ref_parse(struct token_ref *ret_ref, const char *text,
                                  struct espt_error *err);

/* Makes an empty store, 0640 (group esp-token where that exists), if there is none:
 *ret_made says which. */
ESPT_MUST_USE int store_create(const struct config *config, bool *ret_made, struct espt_error *err);
/* Judges owner, mode and file system, then opens. */
ESPT_MUST_USE int store_open(struct store **ret_store, const struct config *config,
                             struct espt_error *err);
/* For who will change nothing: nobody who was stopped while at work on the store holds it up. */
ESPT_MUST_USE int store_open_to_read(struct store **ret_store, const struct config *config,
                                     struct espt_error *err);
void store_close(struct store *store); /* NULL is allowed */

/* From a commit on, SIGINT, SIGTERM, SIGHUP and SIGQUIT are held back, so that what was done can be
   said too: this says that it was. */
void store_said(void);

/* Who runs the command, for the log; texts that are not known are empty. */
struct actor {
    char user[64];    /* the effective user */
    char login[64];   /* who logged in */
    char sudo[64];    /* who called sudo: by the environment, so as true as that */
    char command[64]; /* its words: create, entity edit, ... */
};
void store_actor(struct store *store, const struct actor *actor);
/* From now on every call has the rights of `entity` alone: what it may not see is ESPT_MISSING,
   what it may not do ESPT_REFUSED. ESPT_USAGE: not an entity's name. */
ESPT_MUST_USE int store_as(struct store *store, const char *entity, struct espt_error *err);

/* --- read; one snapshot a call --- */
ESPT_MUST_USE int store_entity_get(struct store *store, const char *name, struct entity *ret_entity,
                                   struct espt_error *err);
ESPT_MUST_USE int store_token_get(struct store *store, const struct token_ref *ref,
                                  struct token *ret_token, struct espt_error *err);
/* `fn` sees each in order of name (tokens: of entity, then token name); non-zero stops, and is the
   result. */
typedef int (*entity_fn)(void *arg, const struct entity *entity, struct espt_error *err);
typedef int (*token_fn)(void *arg, const struct token *token, struct espt_error *err);
ESPT_MUST_USE int store_entity_each(struct store *store, entity_fn fn, void *arg,
                                    struct espt_error *err);
/* `entity` NULL: of all entities. */
ESPT_MUST_USE int store_token_each(struct store *store, const char *entity, token_fn fn, void *arg,
                                   struct espt_error *err);
/* `fn` sees each entity (`token` NULL), and then each of its tokens; `entity` as above.
 *ret_revision (may be NULL) is the store's in that snapshot. */
typedef int (*each_fn)(void *arg, const struct entity *entity, const struct token *token,
                       struct espt_error *err);
ESPT_MUST_USE int store_each(struct store *store, const char *entity, each_fn fn, void *arg,
                             uint64_t *ret_revision, struct espt_error *err);
/* Names that begin with `prefix`, without looking at what they name: to complete one, or to find
   what a mistyped one may have meant. At most `most` are looked at. */
struct names {
    enum { NAMES_ENTITIES, NAMES_RESELLERS, NAMES_TOKENS, NAMES_IDS } of;
    const char *prefix;
    const char *entity; /* NAMES_TOKENS: whose */
    size_t most;
};
/* `fn` sees them in order (resellers: in order of number), and, where there are more, the last one
   that begins so: what the names that it saw have in common, all have. Non-zero stops. */
typedef int (*name_fn)(void *arg, const char *name);
ESPT_MUST_USE int store_names(struct store *store, const struct names *names, name_fn fn, void *arg,
                              struct espt_error *err);
/* The text of a token, opened by the secret key at config->secret_key; checked against the record's
   id and digest. `ret_text` has 55 bytes and is the caller's to wipe. A write: it is entered in the
   log first, and refused if it cannot be. */
ESPT_MUST_USE int store_token_reveal(struct store *store, const struct token_ref *ref,
                                     struct token *ret_token, char *ret_text,
                                     struct espt_error *err);

/* What export says of a token beside its fields: no secret, but no one else's business. */
struct token_secret {
    uint8_t digest[TOKEN_DIGEST_LEN];
    uint8_t sealed[SEALED_TEXT_LEN]; /* where token.has_text */
};
typedef int (*export_fn)(void *arg, const struct token *token, const struct token_secret *secret,
                         struct espt_error *err);
/* One snapshot: resellers in order of name, then customers, each before its tokens. */
ESPT_MUST_USE int store_export(struct store *store, entity_fn on_entity, export_fn on_token,
                               void *arg, struct espt_error *err);

/* --- write; each one durable transaction --- */
struct entity_new {
    const char *name;
    enum entity_kind kind;
    const char *reseller; /* NULL: none */
    const char *tier;     /* NULL: the table's default */
};
/* Adds the entity and its token `default`; `ret_text` (55 bytes) is the caller's to wipe. */
ESPT_MUST_USE int store_entity_add(struct store *store, const struct tier_table *tiers,
                                   const struct entity_new *wanted, struct entity *ret_entity,
                                   struct token *ret_token, char *ret_text, struct espt_error *err);
struct entity_edit {
    const char *name; /* NULL: as it is, and so below */
    const char *tier;
    const int *active;    /* 1 active, 0 inactive */
    const char *reseller; /* "" for none */
    bool cascade;         /* lower customers with it */
};
/* `tiers` may be NULL where neither tier nor reseller is edited. `lowered` (may be NULL) sees each
   customer that --cascade lowered, after the commit. */
ESPT_MUST_USE int store_entity_edit(struct store *store, const struct tier_table *tiers,
                                    const char *name, const struct entity_edit *edit,
                                    struct entity *ret_entity, entity_fn lowered, void *arg,
                                    struct espt_error *err);
/* `shown` is what a person said yes to: ESPT_REFUSED if the entity is no longer that, nor, where
   store_entity_removable() filled shown->held, its tokens what they were then. */
ESPT_MUST_USE int store_entity_remove(struct store *store, const struct entity *shown,
                                      struct espt_error *err);
/* What store_entity_remove() would refuse, before anybody is asked; nothing is changed. Fills
   shown->held: call it before its tokens are shown. */
ESPT_MUST_USE int store_entity_removable(struct store *store, struct entity *shown,
                                         struct espt_error *err);

struct token_new {
    const char *entity, *name;
    const int64_t *expires; /* Unix seconds, 0: never; NULL: by the config's default_expiry */
};
/* `expires` NULL: by the config's default_expiry. */
ESPT_MUST_USE int store_token_create(struct store *store, const struct tier_table *tiers,
                                     const char *entity, const char *name, const int64_t *expires,
                                     struct token *ret_token, char *ret_text,
                                     struct espt_error *err);
struct token_edit {
    const char *name;       /* NULL: as it is, and so below */
    const int64_t *expires; /* Unix seconds; 0: never */
    const int *active;
};
ESPT_MUST_USE int store_token_edit(struct store *store, const struct token_ref *ref,
                                   const struct token_edit *edit, struct token *ret_token,
                                   struct espt_error *err);
/* Gives the token a new secret and id under its name. The old secret retires: it works for
   `overlap` seconds more, at most until its own expiration (0: it ends at once), and an earlier one
   that still retires ends now. `expires` NULL: the new one lives as long as the old one was made
   to. */
struct rotated {
    struct token token; /* the new one */
    bool retiring;      /* the old one works on, until old.expires */
    struct token old;
};
ESPT_MUST_USE int store_token_rotate(struct store *store, const struct tier_table *tiers,
                                     const struct token_ref *ref, int64_t overlap,
                                     const int64_t *expires, struct rotated *ret_rotated,
                                     char *ret_text, struct espt_error *err);
/* Ends the secret that retires under this name, or that has this id. */
ESPT_MUST_USE int store_token_retire(struct store *store, const struct token_ref *ref,
                                     struct token *ret_token, struct espt_error *err);
/* As store_entity_remove(); `last` allows an entity's last token. What retires under its name
   goes with it. */
ESPT_MUST_USE int store_token_remove(struct store *store, const struct token *shown, bool last,
                                     struct espt_error *err);
ESPT_MUST_USE int store_token_removable(struct store *store, const struct token *shown, bool last,
                                        struct espt_error *err);

/* --- the log: what every change wrote of itself, in its own transaction --- */
#define LOG_HASH_LEN 32

enum log_what {
    LOG_ADD,    /* `after` */
    LOG_SET,    /* `before` and `after` */
    LOG_REMOVE, /* `before` */
    LOG_REVEAL, /* a token's text was shown or copied: `before` */
    LOG_NOTE,   /* of the store as a whole: `word` and `detail` */
};
struct log_change {
    enum log_what what;
    bool is_token; /* else an entity, or a note */
    struct {
        struct entity entity; /* without counts and creation */
        struct token token;
    } before, after;
    char word[32], detail[256];
};
struct log_entry {
    uint64_t sequence; /* from 1, one after another */
    int64_t time;      /* Unix seconds */
    uint64_t revision; /* that the change made */
    struct actor actor;
    char as[ENTITY_NAME_MAX + 1];  /* who was acted for; empty: nobody */
    uint32_t changes;              /* how many */
    uint8_t hash[LOG_HASH_LEN];    /* BLAKE2b-256 of the hash before it (zeroes before the first),
                                      sequence (u64, little endian) and this entry's bytes */
    const struct log_bytes *bytes; /* of the changes; for log_next_change() alone */
};
struct log_place {
    size_t at; /* begin with 0 */
};
/* The next of an entry's changes; false: there was none. The entry is the one that `fn` was given.
 */
bool log_next_change(const struct log_entry *entry, struct log_place *place,
                     struct log_change *ret_change);

/* `fn` sees each entry from number `from` on (0: all), in order; non-zero stops, and is the result.
 */
typedef int (*log_fn)(void *arg, const struct log_entry *entry, struct espt_error *err);
ESPT_MUST_USE int store_log_each(struct store *store, uint64_t from, log_fn fn, void *arg,
                                 struct espt_error *err);
/* Notes something that changes no record: a backup, a key. */
ESPT_MUST_USE int store_log_note(struct store *store, const char *word, const char *detail,
                                 struct espt_error *err);

/* The last entry's number and hash; 0 and zeroes: the log is empty. */
struct log_head {
    uint64_t sequence;
    uint8_t hash[LOG_HASH_LEN];
};
ESPT_MUST_USE int store_log_head(struct store *store, struct log_head *ret_head,
                                 struct espt_error *err);
/* Proves the chain from the first entry to the last, and that it holds `pinned` (NULL: nothing to
   hold it against). ESPT_UNUSABLE says where it breaks. */
ESPT_MUST_USE int store_log_verify(struct store *store, const struct log_head *pinned,
                                   struct log_head *ret_head, struct espt_error *err);

/* --- the reveal key; store/keyfile.h --- */
struct keys;
typedef void (*progress_fn)(void *arg, uint64_t done, uint64_t total);
/* `keys` were read from the secret file: every text is sealed to a new key, which replaces them
   there and in the public file, under the passphrase that `keys` has now. */
ESPT_MUST_USE int store_key_rotate(struct store *store, struct keys *keys, progress_fn progress,
                                   void *arg, struct espt_error *err);
/* Writes the secret file anew, under the passphrase that `keys` has now, or without one. */
ESPT_MUST_USE int store_key_guard(struct store *store, struct keys *keys, struct espt_error *err);

/* --- usage --- */
/* Makes the folder that [usage] names, for the group esp-token where that exists. */
ESPT_MUST_USE int store_usage_folder(const struct config *config, bool *ret_made,
                                     struct espt_error *err);
/* Takes into the store's totals what ended processes counted, and takes their files away: those
   that this user may write. Without `wait` it fails where another writer is at work. */
ESPT_MUST_USE int store_usage_fold(struct store *store, bool wait, size_t *ret_files,
                                   struct espt_error *err);
/* Has a transaction been committed by this store since it was opened? */
bool store_wrote(const struct store *store);

/* --- check --- */
struct finding {
    const char *kind;  /* damaged, index, count, rule, log, over-limit, above-reseller, no-token,
                          unknown-tier */
    char subject[192]; /* an entity's name, ENTITY/NAME, a token id or a table */
    char message[512];
};
typedef void (*finding_fn)(void *arg, const struct finding *finding);
/* Proves contract §5 over the whole store; *ret_findings counts what `fn` saw. `progress` (may be
   NULL) is told records. */
ESPT_MUST_USE int store_check(struct store *store, const struct tier_table *tiers, finding_fn fn,
                              void *arg, progress_fn progress, void *progress_arg,
                              size_t *ret_findings, struct espt_error *err);
/* What `tiers` would do to the entities: the findings of store_check() that depend on the table. */
ESPT_MUST_USE int store_check_tiers(struct store *store, const struct tier_table *tiers,
                                    finding_fn fn, void *arg, size_t *ret_findings,
                                    struct espt_error *err);

#endif
