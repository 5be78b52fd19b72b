/* SPDX-License-Identifier: ISC */
/* The turn, and waiting for something new. */
#include "journal/dir/dir.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define TRY_MS 10

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pause_a_little(void)
{
    nanosleep(&(struct timespec){.tv_nsec = TRY_MS * 1000000L}, NULL);
}

static int tell_holder(espt_journal *journal, char *err, size_t err_len)
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
    const int64_t until = now_ms() + wait_ms;
    while (flock(fd, how | LOCK_NB) != 0) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || now_ms() >= until)
            return errno;
        pause_a_little();
    }
    return 0;
}

int dir_hold(espt_journal *journal, uint32_t wait_ms, char *err, size_t err_len)
{
    const int why = lock(journal->turn, LOCK_EX, wait_ms);
    if (why == EWOULDBLOCK || why == EINTR)
        return tell_holder(journal, err, err_len);
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
                                   "%s: this process has not the turn", journal->path);
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
    const int64_t until = now_ms() + wait_ms;
    while (!dir_has_entry(journal, last + 1) && !head_changed(journal)) {
        if (now_ms() >= until)
            return ESPT_JOURNAL_NONE;
        pause_a_little();
    }
    return ESPT_JOURNAL_DONE;
}
