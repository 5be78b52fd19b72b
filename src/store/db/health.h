/* SPDX-License-Identifier: ISC */
/* How full the map is, and which processes keep an old state in use. */
#ifndef ESPT_STORE_DB_HEALTH_H
#define ESPT_STORE_DB_HEALTH_H

#include "store/store.h"

struct db_health {
    bool shared;       /* false: a private copy is open; nothing else is known */
    uint64_t map_size; /* bytes; what the store may grow to, without the part for revocations */
    uint64_t used;     /* bytes of pages in use */
};

/* A process that reads the store. */
struct db_reader {
    int pid;         /* in its own PID namespace */
    uint64_t behind; /* how many transactions were committed since the state that it reads */
};
typedef void (*db_reader_fn)(void *arg, const struct db_reader *reader);

/* `fn` is called for each other process that reads the store now. */
ESPT_MUST_USE int db_health(struct store *store, struct db_health *ret_health, db_reader_fn fn,
                            void *arg, struct espt_error *err);

#endif
