/* SPDX-License-Identifier: ISC */
/* The table of the plugin: open, and what has a name. */
#include "journal/dir/dir.h"

#include "build_config.h"
#include "journal/names.h"
#include "journal/settings.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void close_journal(espt_journal *journal)
{
    if (journal == NULL)
        return;
    const int fds[] = {journal->folder, journal->entries, journal->parts, journal->reports,
                       journal->turn};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    free(journal->buffer);
    free(journal);
}

static int parse_settings(espt_journal *journal, const char *settings, char *err, size_t err_len)
{
    struct setting setting = {.line = 0};
    int got;
    while ((got = setting_next(&settings, &setting)) > 0) {
        if (strcmp(setting.key, "path") != 0 || journal->path[0] != '\0')
            return dir_say(ESPT_JOURNAL_FAILED, err, err_len,
                           "line %d: the only setting of a dir journal is path, once",
                           setting.line);
        if (setting.value[0] != '/')
            return dir_say(ESPT_JOURNAL_FAILED, err, err_len, "line %d: the path must begin with /",
                           setting.line);
        snprintf(journal->path, sizeof journal->path, "%s", setting.value);
    }
    if (got < 0)
        return dir_say(ESPT_JOURNAL_FAILED, err, err_len, "line %d: write path = FOLDER",
                       setting.line);
    return journal->path[0] != '\0'
               ? ESPT_JOURNAL_DONE
               : dir_say(ESPT_JOURNAL_FAILED, err, err_len, "path is missing; write path = FOLDER");
}

/* Opens a folder below `parent`; creates it if it is missing. */
static int open_folder(int parent, const char *name)
{
    if (mkdirat(parent, name, 0755) == 0)
        fsync(parent);
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static int open_folders(espt_journal *journal, char *err, size_t err_len)
{
    journal->folder = open(journal->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (journal->folder >= 0)
        journal->entries = open_folder(journal->folder, "entries");
    if (journal->entries >= 0)
        journal->parts = open_folder(journal->folder, "pieces");
    if (journal->parts >= 0)
        journal->reports = open_folder(journal->folder, "reports");
    if (journal->reports >= 0)
        journal->turn = openat(journal->folder, "turn",
                               O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
    return journal->turn >= 0
               ? ESPT_JOURNAL_DONE
               : dir_say(ESPT_JOURNAL_FAILED, err, err_len,
                         "%s: the folder of the journal cannot be used: %s; create it, or mount it",
                         journal->path, strerror(errno));
}

static int open_journal(espt_journal **ret, const char *settings, const char *name, uint32_t pieces,
                        uint32_t limit_ms, char *err, size_t err_len)
{
    espt_journal *journal = calloc(1, sizeof *journal);
    if (journal == NULL)
        return dir_say(ESPT_JOURNAL_FAILED, err, err_len, "out of memory");
    journal->folder = journal->entries = journal->parts = journal->reports = journal->turn = -1;
    journal->pieces = pieces;
    journal->limit_ms = limit_ms;
    snprintf(journal->name, sizeof journal->name, "%s", name);
    int status = parse_settings(journal, settings, err, err_len);
    if (status == ESPT_JOURNAL_DONE)
        status = open_folders(journal, err, err_len);
    if (status == ESPT_JOURNAL_DONE)
        *ret = journal;
    else
        close_journal(journal);
    return status;
}

/* The clock of the file system, which may be on another machine. */
static int read_clock(espt_journal *journal, int64_t *ret_seconds, char *err, size_t err_len)
{
    struct stat st;
    if (futimens(journal->turn, NULL) != 0 || fstat(journal->turn, &st) != 0)
        return dir_say(ESPT_JOURNAL_FAILED, err, err_len, "%s: its clock cannot be read: %s",
                       journal->path, strerror(errno));
    *ret_seconds = st.st_mtim.tv_sec;
    return ESPT_JOURNAL_DONE;
}

/* --- what has a name --- */

static int require_length(size_t len, size_t max, char *err, size_t err_len)
{
    return len <= max
               ? ESPT_JOURNAL_DONE
               : dir_say(ESPT_JOURNAL_FAILED, err, err_len, "it has more than %zu bytes", max);
}

static int require_piece(const char *name, char *err, size_t err_len)
{
    return piece_name_ok(name)
               ? ESPT_JOURNAL_DONE
               : dir_say(ESPT_JOURNAL_FAILED, err, err_len, "not the name of a piece");
}

static int put(espt_journal *journal, const char *name, const uint8_t *bytes, size_t len, char *err,
               size_t err_len)
{
    int status = require_piece(name, err, err_len);
    if (status == ESPT_JOURNAL_DONE)
        status = require_length(len, ESPT_JOURNAL_ENTRY_MAX, err, err_len);
    return status == ESPT_JOURNAL_DONE
               ? dir_store(journal, journal->parts, name, bytes, len, err, err_len)
               : status;
}

static int get(espt_journal *journal, const char *name, const uint8_t **ret_bytes, size_t *ret_len,
               char *err, size_t err_len)
{
    const int status = require_piece(name, err, err_len);
    return status == ESPT_JOURNAL_DONE
               ? dir_load(journal, journal->parts, name, ret_bytes, ret_len, err, err_len)
               : status;
}

static int drop(espt_journal *journal, const char *name, char *err, size_t err_len)
{
    const int status = require_piece(name, err, err_len);
    return status == ESPT_JOURNAL_DONE ? dir_remove(journal, journal->parts, name, err, err_len)
                                       : status;
}

static int head_put(espt_journal *journal, const uint8_t *bytes, size_t len, char *err,
                    size_t err_len)
{
    const int status = require_length(len, ESPT_JOURNAL_HEAD_MAX, err, err_len);
    return status == ESPT_JOURNAL_DONE
               ? dir_replace(journal, journal->folder, "head", bytes, len, err, err_len)
               : status;
}

static int head_get(espt_journal *journal, const uint8_t **ret_bytes, size_t *ret_len, char *err,
                    size_t err_len)
{
    journal->head = (struct stat){0};
    fstatat(journal->folder, "head", &journal->head, AT_SYMLINK_NOFOLLOW); /* for dir_wait() */
    const int status = dir_load(journal, journal->folder, "head", ret_bytes, ret_len, err, err_len);
    return status == ESPT_JOURNAL_DONE
               ? require_length(*ret_len, ESPT_JOURNAL_HEAD_MAX, err, err_len)
               : status;
}

static int report_put(espt_journal *journal, const char *name, const uint8_t *bytes, size_t len,
                      char *err, size_t err_len)
{
    if (!member_name_ok(name))
        return dir_say(ESPT_JOURNAL_FAILED, err, err_len, "not the name of a member");
    const int status = require_length(len, ESPT_JOURNAL_HEAD_MAX, err, err_len);
    return status == ESPT_JOURNAL_DONE
               ? dir_replace(journal, journal->reports, name, bytes, len, err, err_len)
               : status;
}

/* A file that is not a report does not keep the others from being read. */
static bool is_report(const espt_journal *journal, const char *name)
{
    struct stat st;
    return member_name_ok(name) && fstatat(journal->reports, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(st.st_mode) && st.st_size <= (off_t)ESPT_JOURNAL_HEAD_MAX;
}

/* Opens a listing; NULL: err is filled. */
static DIR *list(espt_journal *journal, int folder, const char *what, char *err, size_t err_len)
{
    const int fd = openat(folder, ".", O_RDONLY | O_CLOEXEC);
    DIR *names = fd >= 0 ? fdopendir(fd) : NULL;
    if (names != NULL)
        return names;
    snprintf(err, err_len, "%s: %s cannot be listed: %s", journal->path, what, strerror(errno));
    if (fd >= 0)
        close(fd);
    return NULL;
}

static int piece_each(espt_journal *journal, int (*each)(void *arg, const char *name), void *arg,
                      char *err, size_t err_len)
{
    DIR *names = list(journal, journal->parts, "pieces", err, err_len);
    if (names == NULL)
        return ESPT_JOURNAL_FAILED;
    for (struct dirent *entry; (entry = readdir(names)) != NULL;) {
        if (piece_name_ok(entry->d_name) && each(arg, entry->d_name) != 0)
            break;
    }
    closedir(names);
    return ESPT_JOURNAL_DONE;
}

static int report_each(espt_journal *journal,
                       int (*each)(void *arg, const char *name, const uint8_t *bytes, size_t len),
                       void *arg, char *err, size_t err_len)
{
    const uint8_t *bytes;
    size_t len;
    int status = ESPT_JOURNAL_DONE;
    DIR *names = list(journal, journal->reports, "reports", err, err_len);
    if (names == NULL)
        return ESPT_JOURNAL_FAILED;
    for (struct dirent *entry; status == ESPT_JOURNAL_DONE && (entry = readdir(names)) != NULL;) {
        if (!is_report(journal, entry->d_name))
            continue;
        status = dir_load(journal, journal->reports, entry->d_name, &bytes, &len, err, err_len);
        if (status == ESPT_JOURNAL_DONE && each(arg, entry->d_name, bytes, len) != 0)
            break;
        if (status == ESPT_JOURNAL_NONE) /* removed meanwhile */
            status = ESPT_JOURNAL_DONE;
    }
    closedir(names);
    return status;
}

static void set_limit(espt_journal *journal, uint32_t limit_ms)
{
    journal->limit_ms = limit_ms;
}

static const espt_journal_plugin plugin = {
    .abi = ESPT_JOURNAL_ABI,
    .size = sizeof plugin,
    .kind = "dir",
    .version = ESPT_VERSION,
    .open = open_journal,
    .close = close_journal,
    .range = dir_range,
    .read = dir_read,
    .append = dir_append,
    .hold = dir_hold,
    .release = dir_release,
    .keep = dir_keep,
    .put = put,
    .get = get,
    .drop = drop,
    .clock = read_clock,
    .head_put = head_put,
    .head_get = head_get,
    .wait = dir_wait,
    .trim = dir_trim,
    .report_put = report_put,
    .report_each = report_each,
    .limit = set_limit,
    .piece_each = piece_each,
};

__attribute__((visibility("default"))) const espt_journal_plugin *
espt_journal_get(uint32_t host_abi)
{
    return host_abi >> 16 == ESPT_JOURNAL_ABI >> 16 ? &plugin : NULL;
}
