#include "store/usage.h"

#include "store/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMES_MAX 1000000
#define OWNERS_MAX 64
#define LOAD_MAX ((size_t)256 << 20) /* bytes of all files that are read at once */
#define BEGIN_TRIES 4

struct owners {
    size_t count;
    struct {
        uid_t uid;
        unsigned files;
    } owner[OWNERS_MAX];
};

static bool count_owner(struct owners *owners, uid_t uid)
{
    size_t i = 0;
    while (i < owners->count && owners->owner[i].uid != uid)
        i++;
    if (i == OWNERS_MAX)
        return false;
    if (i == owners->count) {
        owners->owner[i].uid = uid;
        owners->owner[i].files = 0;
        owners->count++;
    }
    return ++owners->owner[i].files <= USAGE_FILES_OF_OWNER;
}

static uint64_t key_of(uid_t owner, uint64_t identity)
{
    const uint64_t parts[2] = {owner, identity};
    uint64_t hash[2];
    crypto_generichash((unsigned char *)hash, sizeof hash, (const unsigned char *)parts,
                       sizeof parts, NULL, 0);
    return hash[0];
}

static bool known(const struct usage_files *files, uint64_t key)
{
    for (size_t i = 0; i < files->count; i++) {
        if (files->file[i].key == key)
            return true;
    }
    return false;
}

/* Nothing that a stranger's file can bring about: what it may hold is not known. */
static bool failed_here(struct usage_files *files)
{
    files->all = false;
    files->unread = true;
    return false;
}

/* Takes the descriptor if it is that of a usage file; `files->all` tells of what may be one. */
static bool take(struct usage_files *files, struct owners *owners, const char *name, int fd)
{
    struct usage_header header;
    struct stat st;
    uid_t owner;
    if (fstat(fd, &st) != 0)
        return failed_here(files);
    if (!usage_name_owner(name, &owner) || owner != st.st_uid || !usage_file_ok(&st))
        return false;
    const ssize_t got = pread(fd, &header, sizeof header, 0);
    if (got < 0)
        return failed_here(files);
    if (got != sizeof header || !usage_header_ok(&header, &st))
        return false;
    const uint64_t key = key_of(owner, header.identity);
    if (known(files, key))
        return false;
    if (files->count == USAGE_FILES_MAX || !count_owner(owners, owner)) {
        files->all = false;
        return false;
    }
    struct usage_file *file = &files->file[files->count++];
    *file = (struct usage_file){.fd = fd, .key = key, .buckets = usage_buckets((size_t)st.st_size)};
    name_copy(file->name, sizeof file->name, name);
    return true;
}

/* It is gone, or not ours to read, or no file. */
static bool is_strange(int why)
{
    return why == ENOENT || why == ELOOP || why == EACCES || why == EPERM || why == ENXIO ||
           why == EISDIR;
}

static void take_name(struct usage_files *files, struct owners *owners, const char *name, int flags)
{
    int fd = openat(files->dir, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && !is_strange(errno))
        failed_here(files);
    else if (fd < 0)
        files->all = files->all && (errno == ENOENT || errno == ELOOP);
    else if (!take(files, owners, name, fd))
        close(fd);
}

static void scan(struct usage_files *files, int flags)
{
    struct owners owners = {0};
    struct dirent *entry;
    int copy = openat(files->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *names = copy >= 0 ? fdopendir(copy) : NULL;
    files->all = true;
    if (names == NULL) {
        failed_here(files);
        if (copy >= 0)
            close(copy);
        return;
    }
    for (int seen = 0; errno = 0, (entry = readdir(names)) != NULL; seen++) {
        uid_t owner;
        if (seen == NAMES_MAX) {
            files->all = false;
            break;
        }
        if (usage_name_owner(entry->d_name, &owner))
            take_name(files, &owners, entry->d_name, flags);
    }
    if (entry == NULL && errno != 0)
        failed_here(files);
    closedir(names);
}

int usage_files_open(struct usage_files **ret_files, const char *folder, int flags,
                     struct espt_error *err)
{
    struct usage_files *files = calloc(1, sizeof *files);
    if (files == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    int code = usage_folder(folder, geteuid(), &files->dir, err);
    if (code != 0) {
        free(files);
        return code;
    }
    scan(files, flags);
    *ret_files = files;
    return 0;
}

static void file_close(struct usage_file *file)
{
    free(file->bytes);
    close(file->fd);
}

/* Where not even the folder could be opened. */
static struct usage_files unread_folder = {.dir = -1, .unread = true};

void usage_files_close(struct usage_files *files)
{
    if (files == NULL || files == &unread_folder)
        return;
    for (size_t i = 0; i < files->count; i++)
        file_close(&files->file[i]);
    close(files->dir);
    free(files);
}

static off_t bucket_place(uint32_t index)
{
    return (off_t)(sizeof(struct usage_header) + index * sizeof(struct usage_bucket));
}

/* False: it could not be read, and stays untold. */
static bool read_bucket(const struct usage_file *file, uint32_t index, struct usage_bucket *ret)
{
    *ret = (struct usage_bucket){0};
    if (file->bytes != NULL)
        memcpy(ret, file->bytes + index * sizeof *ret, sizeof *ret);
    else if (pread(file->fd, ret, sizeof *ret, bucket_place(index)) < 0)
        return false;
    return true;
}

/* What cannot be read at once is asked for bucket by bucket. */
static void load(struct usage_files *files)
{
    size_t loaded = 0;
    for (size_t i = 0; i < files->count; i++) {
        struct usage_file *file = &files->file[i];
        const size_t size = file->buckets * sizeof(struct usage_bucket);
        uint8_t *bytes = loaded + size <= LOAD_MAX ? malloc(size) : NULL;
        if (bytes == NULL || pread(file->fd, bytes, size, bucket_place(0)) != (ssize_t)size) {
            free(bytes);
            continue;
        }
        file->bytes = bytes;
        loaded += size;
    }
}

/* --- asking --- */

static bool folded(struct txn *txn, uint64_t identity)
{
    struct record_key key = key_integer(identity);
    MDB_val value;
    return txn_get(txn, TABLE_FOLDED, &key, &value) > 0;
}

/* Drops the files whose counts are in the totals that this transaction sees. False: one was
   unlinked since it was opened, and whether it is among them is not known any more. */
static bool settle(struct txn *txn, struct usage_files *files)
{
    size_t kept = 0;
    bool sure = true;
    for (size_t i = 0; i < files->count; i++) {
        struct usage_file *file = &files->file[i];
        struct stat st;
        if (folded(txn, file->key)) {
            file_close(file);
            continue;
        }
        if (fstat(file->fd, &st) != 0)
            failed_here(files);
        else if (st.st_nlink == 0)
            sure = false;
        files->file[kept++] = *file;
    }
    files->count = kept;
    return sure;
}

/* Files first, then the totals: what is folded in between is in TABLE_FOLDED. */
int usage_begin(struct txn *ret_txn, struct store *store, bool many, struct usage_files **ret_files,
                struct espt_error *err)
{
    for (int tries = 1;; tries++) {
        struct espt_error ignored;
        struct usage_files *files = NULL;
        errno = 0;
        if (store->config.usage[0] != '\0' &&
            usage_files_open(&files, store->config.usage, O_RDONLY, &ignored) != 0)
            files = errno != 0 && !is_strange(errno) ? &unread_folder : NULL;
        int code = txn_begin(ret_txn, store, false, err);
        if (code != 0) {
            usage_files_close(files);
            return code;
        }
        if (files == NULL || settle(ret_txn, files) || tries == BEGIN_TRIES) {
            if (files != NULL && many)
                load(files);
            *ret_files = files;
            return 0;
        }
        txn_abort(ret_txn);
        usage_files_close(files);
    }
}

static bool add_file(const struct usage_file *file, uint64_t id, int64_t now, struct token *token)
{
    const uint32_t home = usage_home(id, file->buckets);
    for (uint32_t reach = 0; reach < USAGE_REACH; reach++) {
        struct usage_bucket bucket;
        if (!read_bucket(file, (home + reach) % file->buckets, &bucket))
            return false;
        for (unsigned i = 0; i < USAGE_PLACES; i++) {
            if (bucket.id[i] == 0)
                return true;
            if (bucket.id[i] != id || bucket.uses[i] == 0)
                continue;
            const int64_t last = USAGE_EPOCH + bucket.last[i];
            token->uses = uses_add(token->uses, bucket.uses[i]);
            if (token->last_used < last)
                token->last_used = last < now ? last : now;
            return true;
        }
    }
    return true;
}

void usage_tell(struct txn *txn, const struct usage_files *files, struct token *token)
{
    struct record_key key = key_integer(token->id);
    struct usage_record usage;
    MDB_val value;
    const int64_t now = clock_now();
    bool unread = files != NULL && files->unread;
    token->counted = txn->store->config.usage[0] != '\0';
    if (txn_get(txn, TABLE_USAGE, &key, &value) > 0 &&
        usage_decode(&key, value.mv_data, value.mv_size, &usage)) {
        token->counted = true;
        token->uses = uses_add(0, usage.uses);
        token->last_used = usage.last_used < now ? usage.last_used : now;
    }
    for (size_t i = 0; files != NULL && i < files->count; i++)
        unread = !add_file(&files->file[i], token->id, now, token) || unread;
    if (unread) { /* fewer uses than there were are worse than none */
        token->unread = true;
        token->counted = false;
        token->uses = 0;
        token->last_used = 0;
    }
}

void usage_tell_one(struct store *store, struct token *token)
{
    struct espt_error ignored;
    struct usage_files *files;
    struct txn txn;
    if (usage_begin(&txn, store, false, &files, &ignored) != 0)
        return;
    usage_tell(&txn, files, token);
    txn_abort(&txn);
    usage_files_close(files);
}
