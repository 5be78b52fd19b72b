/*
 * A copy of the store's newest state, taken without a lock: for who only reads, where a stopped
 * process holds what one passes on the way into LMDB's table of readers (lock.h). The copy is a
 * file without a name, in a folder for temporary ones; it holds what the store holds, so no secret
 * key.
 *
 * It is one committed state for the reason that src/reader/snapshot.c gives.
 */
#ifndef ESPT_STORE_ASIDE_H
#define ESPT_STORE_ASIDE_H

#include "common/config.h"
#include "reader/reader.h"

#define ASIDE_OVERTAKEN 2 /* writers went by: nothing was taken, try again */
#define ASIDE_PATH 32

struct aside {
    struct reader reader; /* of the store's file; it maps nothing where there is no copy */
    uint64_t nonce;       /* of the state that the copy is: its reader says it */
};

/* The copy is *ret_fd, the caller's to close, and `ret_path` leads to it meanwhile. Also after a
   failure aside_end() is called. */
ESPT_MUST_USE int aside_take(struct aside *aside, const struct config *config, int *ret_fd,
                             char ret_path[static ASIDE_PATH], struct espt_error *err);
bool aside_open(const struct aside *aside);
/* Nothing was committed since. */
bool aside_is_newest(struct aside *aside);
void aside_end(struct aside *aside);

#endif
