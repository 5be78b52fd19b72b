/* SPDX-License-Identifier: ISC */
/* Entries as files. */
#include "journal/dir/dir.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENTRY_DIGITS 20
#define AHEAD 256 /* how many entries one sync of the folder covers when reading */

static void entry_name(uint64_t number, char out[static ENTRY_DIGITS + 1])
{
    snprintf(out, ENTRY_DIGITS + 1, "%020llu", (unsigned long long)number);
}

/* 0: the name is not that of an entry. */
static uint64_t entry_number(const char *name)
{
    if (strlen(name) != ENTRY_DIGITS || strspn(name, "0123456789") != ENTRY_DIGITS)
        return 0;
    return strtoull(name, NULL, 10);
}

int dir_range(espt_journal *journal, uint64_t *ret_first, uint64_t *ret_last, char *err,
              size_t err_len)
{
    uint64_t first = UINT64_MAX, last = 0;
    int fd = openat(journal->entries, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *names = fd >= 0 ? fdopendir(fd) : NULL;
    if (names == NULL) {
        const int why = errno;
        if (fd >= 0)
            close(fd);
        return dir_say(ESPT_JOURNAL_FAILED, err, err_len, "%s: entries cannot be listed: %s",
                       journal->path, strerror(why));
    }
    for (struct dirent *entry; (entry = readdir(names)) != NULL;) {
        const uint64_t number = entry_number(entry->d_name);
        if (number == 0)
            continue;
        first = number < first ? number : first;
        last = number > last ? number : last;
    }
    closedir(names);
    if (last == 0)
        return ESPT_JOURNAL_NONE;
    *ret_first = first;
    *ret_last = last;
    return ESPT_JOURNAL_DONE;
}

bool dir_has_entry(const espt_journal *journal, uint64_t number)
{
    char name[ENTRY_DIGITS + 1];
    struct stat st;
    entry_name(number, name);
    return fstatat(journal->entries, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* --- an entry as bytes --- */

static void list_pieces(const espt_journal_entry *entry, const uint8_t *at[static 4],
                        size_t len[static 4])
{
    memcpy(at, (const uint8_t *[]){entry->head, entry->log, entry->edge, entry->vault},
           4 * sizeof *at);
    memcpy(len, (size_t[]){entry->head_len, entry->log_len, entry->edge_len, entry->vault_len},
           4 * sizeof *len);
}

/* NULL: out of memory, or (*ret_len 0) the entry is too long. */
static uint8_t *join(const espt_journal_entry *entry, size_t *ret_len)
{
    const uint8_t *at[4];
    size_t len[4], all = DIR_LENGTHS;
    list_pieces(entry, at, len);
    *ret_len = 0;
    for (int i = 0; i < 4; i++) {
        if (len[i] > DIR_FILE_MAX - all)
            return NULL;
        all += len[i];
    }
    *ret_len = all;
    uint8_t *bytes = malloc(all), *to = bytes + DIR_LENGTHS;
    for (int i = 0; bytes != NULL && i < 4; i++) {
        const uint32_t le = htole32((uint32_t)len[i]);
        memcpy(bytes + (size_t)i * sizeof le, &le, sizeof le);
        if (len[i] > 0)
            memcpy(to, at[i], len[i]);
        to += len[i];
    }
    return bytes;
}

static bool split(const uint8_t *bytes, size_t len, uint32_t pieces, espt_journal_entry *ret)
{
    size_t lens[4], all = DIR_LENGTHS;
    if (len < DIR_LENGTHS)
        return false;
    for (int i = 0; i < 4; i++) {
        uint32_t le;
        memcpy(&le, bytes + (size_t)i * sizeof le, sizeof le);
        lens[i] = le32toh(le);
        all += lens[i];
    }
    if (all != len)
        return false;
    const uint8_t *head = bytes + DIR_LENGTHS, *log = head + lens[0], *edge = log + lens[1];
    *ret =
        (espt_journal_entry){.head = head, .head_len = lens[0], .edge = edge, .edge_len = lens[2]};
    if (pieces == ESPT_JOURNAL_EDGE)
        return true;
    ret->log = log;
    ret->log_len = lens[1];
    ret->vault = edge + lens[2];
    ret->vault_len = lens[3];
    return true;
}

/* --- reading --- */

/* The writer of this entry may have died before it synced the folder. One sync covers all entries
   that are there by then. */
static int make_durable(espt_journal *journal, uint64_t number, char *err, size_t err_len)
{
    uint64_t last = number;
    if (number <= journal->synced)
        return ESPT_JOURNAL_DONE;
    while (last - number < AHEAD && dir_has_entry(journal, last + 1))
        last++;
    if (fsync(journal->entries) != 0 && errno != EROFS && errno != EINVAL)
        return dir_say(ESPT_JOURNAL_FAILED, err, err_len, "%s: the folder cannot be synced: %s",
                       journal->path, strerror(errno));
    journal->synced = last;
    return ESPT_JOURNAL_DONE;
}

int dir_read(espt_journal *journal, uint64_t number, espt_journal_entry *ret, char *err,
             size_t err_len)
{
    char name[ENTRY_DIGITS + 1];
    const uint8_t *bytes;
    size_t len;
    entry_name(number, name);
    int status = dir_load(journal, journal->entries, name, &bytes, &len, err, err_len);
    if (status == ESPT_JOURNAL_DONE && !split(bytes, len, journal->pieces, ret))
        status = dir_say(ESPT_JOURNAL_FAILED, err, err_len,
                         "%s: entry %llu is damaged; restore its file from a copy", journal->path,
                         (unsigned long long)number);
    return status == ESPT_JOURNAL_DONE ? make_durable(journal, number, err, err_len) : status;
}

/* --- writing --- */

static int store_entry(espt_journal *journal, uint64_t number, const espt_journal_entry *entry,
                       char *err, size_t err_len)
{
    char name[ENTRY_DIGITS + 1];
    size_t len;
    uint8_t *bytes = join(entry, &len);
    if (bytes == NULL && len == 0)
        return dir_say(ESPT_JOURNAL_FAILED, err, err_len, "the entry has more than %u bytes",
                       ESPT_JOURNAL_ENTRY_MAX);
    if (bytes == NULL)
        return dir_say(ESPT_JOURNAL_FAILED, err, err_len, "out of memory");
    entry_name(number, name);
    const int status = dir_store(journal, journal->entries, name, bytes, len, err, err_len);
    explicit_bzero(bytes, len);
    free(bytes);
    return status;
}

static int append(espt_journal *journal, uint64_t number, const espt_journal_entry *entry,
                  char *err, size_t err_len)
{
    uint64_t first, last;
    int status = ESPT_JOURNAL_NONE;
    if (!dir_has_entry(journal, number - 1))
        status = dir_range(journal, &first, &last, err, err_len);
    if (status == ESPT_JOURNAL_FAILED)
        return status;
    if (status == ESPT_JOURNAL_DONE && !dir_has_entry(journal, number - 1) &&
        !dir_has_entry(journal, number))
        return dir_say(ESPT_JOURNAL_FAILED, err, err_len,
                       "%s: entry %llu is missing; nothing was appended", journal->path,
                       (unsigned long long)number - 1);
    return store_entry(journal, number, entry, err, err_len);
}

/* The lock keeps a process that is frozen between the look and the link from adding an entry that
   others have added and trimmed meanwhile. */
int dir_append(espt_journal *journal, uint64_t number, const espt_journal_entry *entry, char *err,
               size_t err_len)
{
    if (number == 0)
        return dir_say(ESPT_JOURNAL_FAILED, err, err_len, "entries are numbered from 1");
    int status = dir_lock_entries(journal, false, err, err_len);
    if (status == ESPT_JOURNAL_DONE) {
        status = append(journal, number, entry, err, err_len);
        dir_unlock_entries(journal);
    }
    return status;
}

static int trim_one(espt_journal *journal, uint64_t number, char *err, size_t err_len)
{
    char name[ENTRY_DIGITS + 1];
    entry_name(number, name);
    int status = dir_lock_entries(journal, true, err, err_len);
    if (status == ESPT_JOURNAL_DONE) {
        status = dir_remove(journal, journal->entries, name, err, err_len);
        dir_unlock_entries(journal);
    }
    return status == ESPT_JOURNAL_NONE ? ESPT_JOURNAL_DONE : status; /* another one trims too */
}

/* Each removal is on the disk before the next, so that a crash leaves no gap. */
int dir_trim(espt_journal *journal, uint64_t first, char *err, size_t err_len)
{
    uint64_t number, last;
    int status = dir_range(journal, &number, &last, err, err_len);
    for (; status == ESPT_JOURNAL_DONE && number < first && number < last; number++)
        status = trim_one(journal, number, err, err_len);
    return status == ESPT_JOURNAL_NONE ? ESPT_JOURNAL_DONE : status;
}
