/* SPDX-License-Identifier: ISC */
/* Waits for something new. */
#include "journal/dir/dir.h"

#include <fcntl.h>

static bool head_changed(const espt_journal *journal)
{
    struct stat now = {0};
    fstatat(journal->folder, "head", &now, AT_SYMLINK_NOFOLLOW);
    return now.st_ino != journal->head.st_ino || now.st_size != journal->head.st_size ||
           now.st_mtim.tv_sec != journal->head.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != journal->head.st_mtim.tv_nsec;
}

/* Not by inotify, which sees nothing of what another machine does in a shared folder. */
int dir_wait(espt_journal *journal, uint64_t last, uint32_t wait_ms, char *err, size_t err_len)
{
    (void)err;
    (void)err_len;
    const int64_t until = dir_now() + wait_ms;
    while (!dir_has_entry(journal, last + 1) && !head_changed(journal)) {
        if (dir_now() >= until)
            return ESPT_JOURNAL_NONE;
        dir_pause();
    }
    return ESPT_JOURNAL_DONE;
}
