/* SPDX-License-Identifier: ISC */
#include "store/usage_files.h"

#include "store/db/db.h"
#include "store/load.h"
#include "store/usage_sample.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define OWNERS_MAX 64

struct owners {
    size_t count;
    struct {
        uid_t uid;
        unsigned files;
    } owner[OWNERS_MAX];
};

/* Counts a file of that user; returns how many were counted before. -1: there are too many
   users. */
static int count_owner(struct owners *owners, uid_t uid)
{
    size_t i = 0;
    while (i < owners->count && owners->owner[i].uid != uid)
        i++;
    if (i == OWNERS_MAX)
        return -1;
    if (i == owners->count) {
        owners->owner[i].uid = uid;
        owners->owner[i].files = 0;
        owners->count++;
    }
    return (int)owners->owner[i].files++;
}

struct scan {
    struct usage_files *files;
    struct store *store;
    int flags;
    struct owners good;     /* owners of the files that are used */
    struct owners examined; /* owners of all files that were opened */
    struct usage_sample sample;
};

static uint64_t key_of(uid_t owner, uint64_t identity)
{
    const uint64_t parts[2] = {owner, identity};
    uint64_t hash[2];
    crypto_generichash((unsigned char *)hash, sizeof hash, (const unsigned char *)parts,
                       sizeof parts, NULL, 0);
    return hash[0];
}

static bool is_open(const struct usage_files *files, uint64_t key)
{
    for (size_t i = 0; i < files->count; i++) {
        if (files->file[i].key == key)
            return true;
    }
    return false;
}

static const char *user_text(uid_t uid, char out[static 64])
{
    const struct passwd *user = getpwuid(uid);
    if (user != NULL)
        snprintf(out, 64, "user %u (%.32s)", uid, user->pw_name);
    else
        snprintf(out, 64, "user %u", uid);
    return out;
}

static uint32_t most_tokens(const struct config *config)
{
    return config->usage_tokens > USAGE_TOKENS_DEFAULT ? config->usage_tokens
                                                       : USAGE_TOKENS_DEFAULT;
}

/* A host with this configuration would not have created so large a file. */
static bool too_large(struct scan *scan, const char *name, uid_t owner, uint32_t tokens)
{
    struct store *store = scan->store;
    char user[64];
    if (tokens <= most_tokens(&store->config))
        return false;
    espt_fail(
        &store->usage_warning, ESPT_UNUSABLE,
        "%s/%s: this file of %s counts %u tokens, and [usage] tokens allows %u: its counts are "
        "ignored; remove it, or raise [usage] tokens in %s",
        store->config.usage, name, user_text(owner, user), tokens, most_tokens(&store->config),
        store->config.file);
    return true;
}

/* Adds the file if it is a usage file, and then owns the descriptor. Clears `files->all` if it
   skips a file that may be one. */
static bool add_if_usage_file(struct scan *scan, const char *name, int fd)
{
    struct usage_files *files = scan->files;
    struct usage_header header;
    struct stat st;
    uid_t owner;
    if (fstat(fd, &st) != 0)
        return usage_mark_unread(files);
    (void)count_owner(&scan->examined, st.st_uid);
    if (!usage_name_owner(name, &owner) || owner != st.st_uid || !usage_file_ok(&st))
        return false;
    const ssize_t got = pread(fd, &header, sizeof header, 0);
    if (got < 0)
        return usage_mark_unread(files);
    if (got != sizeof header || !usage_header_ok(&header, &st) ||
        too_large(scan, name, owner, header.tokens))
        return false;
    const uint64_t key = key_of(owner, header.identity);
    if (is_open(files, key))
        return false;
    const int others = files->count < USAGE_FILES_MAX ? count_owner(&scan->good, owner) : -1;
    if (others < 0 || others >= USAGE_FILES_OF_OWNER) {
        files->all = false;
        return false;
    }
    struct usage_file *file = &files->file[files->count++];
    *file = (struct usage_file){.fd = fd, .key = key, .buckets = usage_buckets((size_t)st.st_size)};
    name_copy(file->name, sizeof file->name, name);
    return true;
}

/* The file is gone, not readable for this user, or no regular file. */
static bool is_skippable(int why)
{
    return why == ENOENT || why == ELOOP || why == EACCES || why == EPERM || why == ENXIO ||
           why == EISDIR;
}

static void scan_name(struct scan *scan, const char *name)
{
    struct usage_files *files = scan->files;
    int fd = openat(files->dir, name, scan->flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && !is_skippable(errno))
        usage_mark_unread(files);
    else if (fd < 0)
        files->all = files->all && (errno == ENOENT || errno == ELOOP);
    else if (!add_if_usage_file(scan, name, fd))
        close(fd);
}

_Static_assert(USAGE_SHARE_NAMES == USAGE_FILES_OF_OWNER, "a share may be one user's files alone");

static void read_names(struct scan *scan)
{
    struct usage_files *files = scan->files;
    const enum usage_sample_status status = usage_sample_read(&scan->sample, files->dir);
    files->all = true;
    if (status == USAGE_SAMPLE_UNREAD)
        (void)usage_mark_unread(files);
    files->partial = status == USAGE_SAMPLE_TOO_MANY;
}

static void warn_of_crowd(struct scan *scan)
{
    struct store *store = scan->store;
    size_t most = 0;
    char user[64];
    for (size_t i = 1; i < scan->examined.count; i++) {
        if (scan->examined.owner[i].files > scan->examined.owner[most].files)
            most = i;
    }
    espt_fail(&store->usage_warning, ESPT_UNUSABLE,
              "%s: the folder holds more files than one command reads%s%s: uses and last uses may "
              "be too low; stop the program that makes them, and remove them",
              store->config.usage, scan->examined.count > 0 ? ", most of them of " : "",
              scan->examined.count > 0 ? user_text(scan->examined.owner[most].uid, user) : "");
}

static void scan_sample(struct scan *scan)
{
    for (uint32_t share = 0; share < USAGE_SHARES; share++) {
        const uint32_t seen = scan->sample.seen[share];
        for (uint32_t i = 0; i < seen && i < USAGE_SHARE_NAMES; i++)
            scan_name(scan, scan->sample.name[share][i]);
        scan->files->partial = scan->files->partial || seen > USAGE_SHARE_NAMES;
    }
    scan->files->all = scan->files->all && !scan->files->partial;
    if (scan->files->partial)
        warn_of_crowd(scan);
}

int usage_files_open(struct usage_files **ret_files, struct store *store, int flags,
                     struct espt_error *err)
{
    struct usage_files *files = calloc(1, sizeof *files);
    struct scan *scan = calloc(1, sizeof *scan);
    int code = files != NULL && scan != NULL ? 0 : espt_fail(err, ESPT_UNUSABLE, "out of memory");
    if (code == 0)
        code = usage_folder(NULL, store->config.usage, geteuid(), &files->dir, err);
    if (code == 0) {
        scan->files = files;
        scan->store = store;
        scan->flags = flags;
        read_names(scan);
        scan_sample(scan);
        *ret_files = files;
    } else {
        free(files);
    }
    free(scan);
    return code;
}

void usage_file_close(struct usage_file *file)
{
    free(file->bytes);
    close(file->fd);
}

/* Returned if even the folder could not be opened. */
static struct usage_files unread_folder = {.dir = -1, .unread = true};

void usage_files_close(struct usage_files *files)
{
    if (files == NULL || files == &unread_folder)
        return;
    for (size_t i = 0; i < files->count; i++)
        usage_file_close(&files->file[i]);
    close(files->dir);
    free(files);
}

struct usage_files *usage_files_to_read(struct store *store)
{
    struct espt_error ignored;
    struct usage_files *files = NULL;
    errno = 0;
    if (store->config.usage[0] == '\0' || usage_files_open(&files, store, O_RDONLY, &ignored) == 0)
        return files;
    return errno != 0 && !is_skippable(errno) ? &unread_folder : NULL;
}
