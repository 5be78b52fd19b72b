/* SPDX-License-Identifier: ISC */
/* What the functions of store.h take and return: entities, tokens, names of tokens. */
#ifndef ESPT_STORE_STORE_TYPES_H
#define ESPT_STORE_STORE_TYPES_H

#include "common/error.h"
#include "common/record.h"

#include <stdbool.h>
#include <stdint.h>

struct store;

struct entity {
    uint32_t number; /* never used again */
    enum entity_kind kind;
    bool active;
    bool reseller_inactive; /* its reseller is inactive, so its tokens are denied, too */
    bool slim;              /* of an edge: counts, creation and contact are not known, and zero */
    uint32_t tokens;        /* how many */
    uint32_t customers;     /* how many */
    int64_t created;        /* Unix seconds */
    char name[ENTITY_NAME_MAX + 1];
    char reseller[ENTITY_NAME_MAX + 1]; /* empty: none */
    char tier[TIER_NAME_MAX + 1];
    char contact[NOTE_MAX + 1]; /* for people; empty: none */
    enum off_by off_by;         /* who switched it off; OFF_NOBODY: it is active */
    uint8_t held[16]; /* hash of its tokens, set by store_entity_removable(); zeroes: not set */
};

/* Every token of such an entity is denied as suspended. */
static inline bool entity_suspends(const struct entity *entity)
{
    return !entity->active || entity->reseller_inactive;
}

struct token {
    uint64_t id;
    bool active;
    bool suspended;  /* entity_suspends() of its entity; valid in tokens that store.h returns */
    bool retiring;   /* rotated: it ends at `expires`; its name now means its successor */
    bool foreign;    /* a token of another system: hosts know it by its SHA-256 */
    bool has_text;   /* the store has its sealed text; else the text cannot be revealed */
    int64_t created; /* Unix seconds */
    int64_t expires; /* Unix seconds; 0: never */
    char name[TOKEN_NAME_MAX + 1];
    char entity[ENTITY_NAME_MAX + 1];
    char note[NOTE_MAX + 1]; /* for people; empty: none */
    enum off_by off_by;      /* who switched it off; OFF_NOBODY: it is active */
    bool unread;             /* hosts' counts could not be read: its uses are unknown now */
    bool unsure;             /* not every usage file was read: it may have been used more often */
    bool counted;            /* `uses` and `last_used` are known: uses are counted, or were once */
    uint64_t uses;           /* how often it was allowed */
    int64_t last_used;       /* Unix seconds; 0: never used */
};

/* TOKEN on a command line: an id, or ENTITY/NAME. */
struct token_ref {
    bool by_id;
    uint64_t id;
    char entity[ENTITY_NAME_MAX + 1];
    char name[TOKEN_NAME_MAX + 1];
};
/* ESPT_USAGE for any other form. Messages never repeat the text, because it may be a secret. */
ESPT_MUST_USE int token_ref_parse(struct token_ref *ret_ref, const char *text,
                                  struct espt_error *err);

/* Who runs the command, for the log. Unknown texts are empty. */
struct actor {
    char user[64];    /* the effective user */
    char login[64];   /* who logged in */
    char sudo[64];    /* who called sudo; taken from the environment, so not proven */
    char command[64]; /* the command's words: create, entity edit, ... */
};
/* `user` of what a person did through the portal; `login` is the person. */
#define STORE_PORTAL_USER "portal"

/* A long operation has completed `done` of `total` steps. */
typedef void (*progress_fn)(void *arg, uint64_t done, uint64_t total);

#endif
