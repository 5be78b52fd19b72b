/*
 * A small store that commands are let loose on, what each command that writes makes of it, and the
 * judgement afterwards: the store is whole, and its state the one before the command or the one
 * after it.
 */
#ifndef TESTS_FAULT_WORLD_H
#define TESTS_FAULT_WORLD_H

#include "store/store.h"
#include "support/support.h"

/* A command that writes. A new one is a line in world.c. An argument that begins with @ is a file
   in the world's folder. */
struct writer {
    const char *name;
    const char *args[12];
    enum {
        AT_ONCE,
        NOTED_FIRST, /* at once, but for its entry in the log, which may be all there is */
        IN_BATCHES,  /* on a slow machine it commits more than once, and says how far it came */
        NOTED_APART, /* its entry in the log is a change of its own */
        GUARDS,      /* that too; and a passphrase takes its time: fewer calls are tried */
        IN_STEPS,    /* broken off, it is run again; every step leaves all as it was to be seen */
    } how;
};
static inline bool writer_is_at_once(const struct writer *writer)
{
    return writer->how == AT_ONCE || writer->how == NOTED_FIRST;
}
extern const struct writer writers[];
extern const size_t writer_count;

/* acme, an advanced reseller with two tokens; bolt (lite) and mid (advanced), its customers, the
   latter's token just rotated; zed (lite), a customer of the platform; backup.mdb, made before
   that rotation; what a host counted, not yet folded; and a clipboard that takes everything.
   In memory (/dev/shm) where that is, for speed. The folder is the process's own, and
   world_reset() brings it back to how it was made. */
#define WORLD_FILES 4
struct world {
    char folder[256], config[512], store[512];
    struct world_file {
        char name[64]; /* tokens.mdb, the two keys, and the count of uses, as they were made */
        unsigned mode;
        char *data;
        size_t len;
    } file[WORLD_FILES];
};
void world_make(struct world *ret_world);
/* The same in `folder`. */
void world_make_in(struct world *ret_world, const char *folder);
void world_reset(const struct world *world);

/* Takes the free pages out of the store, from now on as it was made: what a command writes, the
   disk must give. */
void world_pack(struct world *world);

/* esp-tokenctl -c CONFIG and the writer's arguments; valid until the next call. */
const char *const *world_argv(const struct world *world, const char *const *args);

/* The whole state in words, but for ids and the times of the clock; check must find nothing. The
   string is the caller's to free. */
char *world_state(const struct world *world);
/* That, and a further change can be made, and a validator reads the store. */
char *world_judge(const struct world *world);
/* A text can be seen, and a new token be made that can. */
void world_reveals(const struct world *world);
/* The state that the writer makes. The world is as new afterwards. */
char *world_state_after(const struct world *world, const struct writer *writer);

/* Is it the state before the writer, or the one that it makes, as far as that can be known of one
   that was broken off? */
bool world_is_before(const struct writer *writer, const char *state, const char *before);
bool world_is_after(const struct writer *writer, const char *state, const char *after);
/* Ends children that finished commands left behind, to clear the clipboard; world_reset() does. */
void world_end_waiting(void);

/* Names of files in the folder that no world has when it is made. */
void world_no_litter(const struct world *world);

#endif
