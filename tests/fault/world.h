/* SPDX-License-Identifier: ISC */
/*
 * A small store for commands to change, the result that each writing command should have, and the
 * check afterwards: the store is sound, and its state is the one before the command or the one
 * after it.
 */
#ifndef TESTS_FAULT_WORLD_H
#define TESTS_FAULT_WORLD_H

#include "store/store.h"
#include "support/support.h"

/* A command that writes; add one by a line in world.c. An argument that begins with @ is a file in
   the store's folder. */
struct writer {
    const char *name;
    const char *args[12];
    enum {
        AT_ONCE,
        NOTED_FIRST, /* one commit; perhaps the log entry alone was written */
        IN_BATCHES,  /* on a slow machine it commits more than once and says how far it came */
        NOTED_APART, /* its log entry is a separate commit */
        GUARDS,      /* the same; and deriving the key is slow, so fewer calls are tried */
        IN_STEPS,    /* after an interruption it is run again; no step changes anything visible */
    } how;
};
static inline bool writer_is_at_once(const struct writer *writer)
{
    return writer->how == AT_ONCE || writer->how == NOTED_FIRST;
}
extern const struct writer writers[];
extern const size_t writer_count;

/* The store has: acme, an advanced reseller with two tokens; its customers bolt (lite) and mid
   (advanced), whose token was just rotated; zed (lite), a customer of the platform; backup.mdb,
   made before that rotation; the counts of a host, not yet folded; and a clipboard program that
   accepts everything.
   The folder belongs to this process and is in memory (/dev/shm) where possible, for speed.
   world_reset() restores it to how it was made. */
#define WORLD_FILES 4
struct world {
    char folder[256], config[512], store[512];
    char text[2][64]; /* of acme/default and zed/default */
    struct world_file {
        char name[64]; /* tokens.mdb, the two keys and the usage file, as they were made */
        unsigned mode;
        char *data;
        size_t len;
    } file[WORLD_FILES];
};
void world_make(struct world *ret_world);
/* For an unchecked fixture, which Check runs once, before it forks: makes the store of which each
   later world_make() and world_make_in() makes a copy, instead of running a dozen commands. */
void world_prepare(void);
/* In such a fixture, after its last command: from now on the processes that commands leave behind
   are not this process's. */
void world_release(void);
/* As world_make(), in `folder`. */
void world_make_in(struct world *ret_world, const char *folder);
void world_reset(const struct world *world);

/* Removes the free pages from the store as made, so that every page that a command writes needs new
   disk space. */
void world_pack(struct world *world);

/* The command line: esp-tokenctl -c CONFIG and the writer's arguments; valid until the next
   call. */
const char *const *world_argv(const struct world *world, const char *const *args);

/* The whole state as text, without ids and clock times; check must find nothing. The caller frees
   the string. */
char *world_state(const struct world *world);
/* As world_state(). Also checks that another change succeeds and a validator reads the store. */
char *world_sound_state(const struct world *world);
/* Checks that token texts can be revealed, and that a new token can be made and revealed. */
void world_check_reveals(const struct world *world);
/* The state after the writer. The store is reset afterwards. */
char *world_state_after(const struct world *world, const struct writer *writer);

/* Whether the state is the one before the writer, or the one after it. After an
   interruption the log may have another length, if the writer logs in a commit of its own. */
bool world_is_before(const struct writer *writer, const char *state, const char *before);
bool world_is_after(const struct writer *writer, const char *state, const char *after);
/* Ends the child processes that commands left behind to clear the clipboard; world_reset() calls
   it. */
void world_end_waiting(void);

/* Whether a command that failed says that its change is made all the same. */
bool says_done(const char *err);

/* File names that do not exist in a new store's folder. */
void world_no_litter(const struct world *world);

/* --- for tests that make a store of their own --- */

/* Replaces everything in `folder` by a copy of tests/fixtures/FIXTURE. */
void world_copy_fixture(const char *folder, const char *fixture);
/* Replaces everything in `to` by a copy of the files in `from`. */
void world_copy_files(const char *from, const char *to);
/* Lifts the token limit of the tier `advanced` that init ships. */
void world_lift_limit(const char *folder);

#endif
