/* SPDX-License-Identifier: ISC */
/* The turn, and the lock of the entries. */
#include "journal/dir/dir.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static int fail_busy(espt_journal *journal, char *err, size_t err_len)
{
    char holder[128];
    const ssize_t len = pread(journal->turn, holder, sizeof holder - 1, 0);
    holder[len > 0 ? len : 0] = '\0';
    for (char *at = holder; *at != '\0'; at++) { /* anyone who shares the folder may write there */
        if (*at < ' ' || *at > '~')
            *at = '?';
    }
    return dir_say(ESPT_JOURNAL_BUSY, err, err_len, "%s", len > 0 ? holder : "unknown");
}

/* 0, or why not: EWOULDBLOCK after `wait_ms`. */
static int lock(int fd, int how, uint32_t wait_ms)
{
    const int64_t until = dir_now() + wait_ms;
    while (flock(fd, how | LOCK_NB) != 0) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || dir_now() >= until)
            return errno;
        dir_pause();
    }
    return 0;
}

int dir_hold(espt_journal *journal, uint32_t wait_ms, char *err, size_t err_len)
{
    const int why = lock(journal->turn, LOCK_EX, wait_ms);
    if (why == EWOULDBLOCK || why == EINTR)
        return fail_busy(journal, err, err_len);
    if (why != 0)
        return dir_say(ESPT_JOURNAL_FAILED, err, err_len, "%s: the turn cannot be taken: %s",
                       journal->path, strerror(why));
    journal->held = true;
    /* for messages only, so a full disk does not matter */
    if (ftruncate(journal->turn, 0) == 0)
        (void)!pwrite(journal->turn, journal->name, strlen(journal->name), 0);
    return ESPT_JOURNAL_DONE;
}

/* The lock ends with the process. */
int dir_keep(espt_journal *journal, char *err, size_t err_len)
{
    return journal->held ? ESPT_JOURNAL_DONE
                         : dir_say(ESPT_JOURNAL_FAILED, err, err_len,
                                   "%s: this process does not have the turn", journal->path);
}

void dir_release(espt_journal *journal)
{
    flock(journal->turn, LOCK_UN);
    journal->held = false;
}

int dir_lock_entries(espt_journal *journal, bool alone, char *err, size_t err_len)
{
    const int why = lock(journal->entries, alone ? LOCK_EX : LOCK_SH, journal->limit_ms);
    return why == 0 ? ESPT_JOURNAL_DONE
                    : dir_say(ESPT_JOURNAL_FAILED, err, err_len,
                              "%s: its entries are locked: %s; nothing was changed; try again",
                              journal->path, strerror(why));
}

void dir_unlock_entries(espt_journal *journal)
{
    flock(journal->entries, LOCK_UN);
}
