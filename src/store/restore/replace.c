/* SPDX-License-Identifier: ISC */
#include "store/restore/replace.h"

#include "common/when.h"
#include "store/begin.h"
#include "store/clock.h"
#include "store/db/copy.h"
#include "store/db/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A host checks once a second whether the path names another file. The rest is time for its
   call. */
#define NOTICED_MS 1500

/* Marks the old file as closed. Readers that have it open find the mark, and open the path
   again. */
static int close_old(struct store *old, struct espt_error *err)
{
    struct txn txn;
    old->displaced = true;
    int code = store_begin_locked(&txn, old, err);
    if (code != 0)
        return code;
    txn.state.closed = true;
    return txn_commit(&txn);
}

/* A host in another root checks the link count of the file that it has open. So the kept store is
   rewritten as a new file, and the old file loses its last name. */
static int replace_by_copy(const char *kept, struct espt_error *err)
{
    char copy[PATH_MAX];
    struct attributes_lost lost;
    if (!publish_temporary(kept, copy, sizeof copy))
        return espt_fail(err, ESPT_UNUSABLE, "%s: the name is too long", kept);
    int code = copy_file(kept, copy, err);
    if (code != 0)
        return code;
    code = copy_attributes(kept, copy, &lost, err);
    if (code == 0 && rename(copy, kept) != 0)
        code = espt_fail_file(err, kept, errno, "check the kernel log (dmesg)");
    if (code != 0)
        unlink(copy);
    return code;
}

static void wait_until_noticed(void)
{
    struct timespec left = {NOTICED_MS / 1000, NOTICED_MS % 1000 * 1000000L};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

/* The fallback if the mark cannot be written: waits until no host answers from the old file. */
static void wait_without_mark(const struct espt_error *why, bool may_copy,
                              struct restored *restored)
{
    struct espt_error err;
    snprintf(restored->unmarked, sizeof restored->unmarked, "%s", why->message);
    restored->still_there = !may_copy || replace_by_copy(restored->kept, &err) != 0;
    wait_until_noticed();
}

static bool find_free_name(const char *path, char ret_kept[static PATH_MAX])
{
    char when[WHEN_TEXT_SIZE];
    struct stat st;
    when_format(clock_now(), when);
    for (int i = 0; i < 100; i++) {
        int len = snprintf(ret_kept, PATH_MAX, "%s.%.10s.%d", path, when, i);
        if (len <= 0 || len >= PATH_MAX - 8)
            return false;
        if (lstat(ret_kept, &st) != 0)
            return true;
    }
    return false;
}

/* Exchanges the two files, so that neither is ever without a name or under two names. */
static int swap(const char *copy, const char *path, char kept[static PATH_MAX])
{
    if (renameat2(AT_FDCWD, copy, AT_FDCWD, path, RENAME_EXCHANGE) != 0) {
        if (errno != EINVAL && errno != ENOSYS)
            return -1;
        if (link(path, kept) != 0) /* if the file system cannot exchange: two names for a moment */
            return -1;
        if (rename(copy, path) == 0)
            return 0;
        const int why = errno;
        unlink(kept);
        errno = why;
        return -1;
    }
    if (renameat2(AT_FDCWD, copy, AT_FDCWD, kept, RENAME_NOREPLACE) != 0)
        snprintf(kept, PATH_MAX, "%s", copy); /* then the old store keeps this name */
    return 0;
}

static int fail_replace(const char *path, struct espt_error *err)
{
    return espt_fail_file(err, path, errno, "check the owner and mode of its folder");
}

/* Replaces the store. Its lock file is renamed together with it. */
static int replace(const char *copy, const char *path, char ret_kept[static PATH_MAX],
                   struct espt_error *err)
{
    char kept[PATH_MAX], lock[PATH_MAX + 8], kept_lock[PATH_MAX + 8];
    struct stat st;
    ret_kept[0] = '\0';
    const bool there = lstat(path, &st) == 0;
    if (!there && errno != ENOENT)
        return fail_replace(path, err);
    if (there && !find_free_name(path, kept))
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: no free name to keep the old store under; move the kept ones away",
                         path);
    if ((there ? swap(copy, path, kept) : rename(copy, path)) != 0)
        return fail_replace(path, err);
    snprintf(lock, sizeof lock, "%.*s-lock", PATH_MAX - 1, path);
    snprintf(kept_lock, sizeof kept_lock, "%s-lock", there ? kept : copy);
    if (rename(lock, kept_lock) == 0 && !there)
        unlink(kept_lock);
    if (there)
        memcpy(ret_kept, kept, sizeof kept);
    return 0;
}

/* If the new name may not be on the disk yet, the old store must not be marked: it may reappear
   after a crash. */
int restore_replace(const struct config *config, const char *copy, struct store *old,
                    const struct espt_error *why_closed, struct restored *ret_restored,
                    struct espt_error *err)
{
    struct espt_error why = *why_closed;
    int code = replace(copy, config->store, ret_restored->kept, err);
    if (code != 0)
        return code;
    const bool there = ret_restored->kept[0] != '\0',
               unsure = publish_sync(config->store, err) != 0;
    if (unsure)
        why = *err;
    if (there && (unsure || old == NULL || close_old(old, &why) != 0))
        wait_without_mark(&why, !unsure, ret_restored);
    return unsure ? espt_fail_in(err, "the restore is done, but a power "
                                      "failure may undo that")
                  : 0;
}
