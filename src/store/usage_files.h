/* SPDX-License-Identifier: ISC */
/* The usage files of hosts, opened (usage.h says how they are trusted). */
#ifndef ESPT_STORE_USAGE_FILES_H
#define ESPT_STORE_USAGE_FILES_H

#include "common/usage.h"
#include "store/store.h"

#define USAGE_FILES_MAX 768      /* open at once */
#define USAGE_FILES_OF_OWNER 256 /* so that no user can crowd out another's */

struct usage_file {
    int fd;
    uint64_t key; /* key in TABLE_FOLDED: a hash of owner and identity, so that no other user can
                     forge it */
    uint32_t buckets;
    uint32_t from; /* buckets before this one are in the totals */
    char name[USAGE_NAME_SIZE];
    uint8_t *bytes; /* the buckets, read at once; NULL: each bucket is read when it is needed */
};

struct usage_files {
    int dir;      /* -1: there is no such folder */
    bool all;     /* no file was skipped that may be a usage file */
    bool partial; /* there are more names than were looked at */
    bool unread;  /* a file could not be read: no memory, no descriptors, or a disk error */
    size_t count;
    struct usage_file file[USAGE_FILES_MAX];
};

/* Opens the usage files: for reading, or (`flags` O_RDWR) for folding. ESPT_UNUSABLE: the folder
   must not be used. Other problems of the folder are stored in store->usage_warning. The caller
   closes *ret_files. */
ESPT_MUST_USE int usage_files_open(struct usage_files **ret_files, struct store *store, int flags,
                                   struct espt_error *err);
void usage_files_close(struct usage_files *files); /* NULL is allowed */
/* Opens the usage files for reading. NULL: nothing is counted, or this user may not read the
   folder. If the folder could not be opened for another reason, the result says so (`unread`). */
struct usage_files *usage_files_to_read(struct store *store);
/* Records an error that no other user's file can cause: the content of some file is unknown.
   Returns false. */
static inline bool usage_mark_unread(struct usage_files *files)
{
    files->all = false;
    files->unread = true;
    return false;
}

void usage_file_close(struct usage_file *file);

#endif
