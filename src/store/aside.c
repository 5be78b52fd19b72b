#include "store/aside.h"

#include "common/trust.h"
#include "reader/load.h"
#include "reader/meta.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK (1 << 16)
#define PAGE_SIZE_MAX 32768 /* that reader_open() takes */

static int open_unnamed(const char *folder)
{
    char path[PATH_MAX];
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    /* a file system may not know of such files */
    if (fd >= 0 || errno != EOPNOTSUPP ||
        snprintf(path, sizeof path, "%s/esp-token-XXXXXX", folder) >= (int)sizeof path)
        return fd;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

/* Not in memory if it can be helped: a store may be large. */
static int make_file(int *ret_fd, const char **ret_folder, struct espt_error *err)
{
    const char *own = secure_getenv("TMPDIR");
    const char *const folders[] = {own != NULL && own[0] == '/' ? own : "/var/tmp", "/var/tmp",
                                   "/tmp"};
    int fd = -1;
    for (size_t i = 0; fd < 0 && i < sizeof folders / sizeof *folders; i++)
        fd = open_unnamed(*ret_folder = folders[i]);
    if (fd < 0)
        return espt_fail_file(err, *ret_folder, errno, "let TMPDIR name a folder to write to");
    *ret_fd = fd;
    return 0;
}

static bool write_all(int fd, const char *bytes, size_t len, off_t at)
{
    while (len > 0) {
        ssize_t written = pwrite(fd, bytes, len, at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        at += written;
        len -= (size_t)written;
    }
    return true;
}

struct copying {
    const struct reader *from;
    int to;
    const char *store, *folder;
    struct espt_error *err;
};

static int fail(const struct copying *copying, const char *path)
{
    return espt_fail_file(copying->err, path, errno, "let TMPDIR name another folder");
}

/* Behind the meta pages. Those that the file gets meanwhile may be among them: the state leads to
   none of these. */
static int copy_pages(const struct copying *copying)
{
    char chunk[CHUNK];
    off_t at = (off_t)META_PAGES * copying->from->page_size;
    ssize_t got;
    while ((got = pread(copying->from->fd, chunk, sizeof chunk, at)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(copying, copying->store);
        if (!write_all(copying->to, chunk, (size_t)got, at))
            return fail(copying, copying->folder);
        at += got;
    }
    return 0;
}

#define WORDS (META_END / sizeof(uint64_t))
#define AT(offset) ((offset) / sizeof(uint64_t))

/* What a transaction is known by: its meta page, and the root that this leads to, with the nonce of
   the state record. The id alone is used again where a commit has failed. As long as it stands
   there, the transaction after the next is not committed. */
struct mark {
    uint64_t meta[WORDS];
    uint8_t root[PAGE_SIZE_MAX];
};

static bool read_mark(const struct reader *reader, uint64_t transaction, struct mark *ret_mark)
{
    const size_t size = reader->page_size;
    const uint8_t *page = reader->map + (transaction % META_PAGES) * size;
    memset(ret_mark, 0, sizeof *ret_mark);
    for (size_t i = 0; i < WORDS; i++)
        ret_mark->meta[i] = load64(page + i * sizeof *ret_mark->meta);
    const uint64_t root = ret_mark->meta[AT(META_AT_MAIN_ROOT)];
    return pread(reader->fd, ret_mark->root, size, (off_t)(root * size)) == (ssize_t)size;
}

/* Both lead to the one state; the older one counts for nothing, but must be whole. */
static int write_metas(const struct copying *copying, uint64_t *meta)
{
    const uint32_t size = copying->from->page_size;
    const uint64_t transaction = meta[AT(META_AT_TRANSACTION)];
    for (uint64_t back = 0; back < META_PAGES; back++) {
        const uint64_t page = (transaction + back) % META_PAGES;
        meta[AT(META_AT_NUMBER)] = page;
        meta[AT(META_AT_TRANSACTION)] = transaction - back;
        if (!write_all(copying->to, (const char *)meta, META_END, (off_t)(page * size)))
            return fail(copying, copying->folder);
    }
    return 0;
}

static int copy(const struct copying *copying)
{
    const struct reader *reader = copying->from;
    struct metas metas;
    struct mark before, after;
    if (!meta_read(reader, &metas) || !read_mark(reader, metas.transaction, &before))
        return ASIDE_OVERTAKEN;
    int code = copy_pages(copying);
    if (code != 0)
        return code;
    load_fence();
    if (!read_mark(reader, metas.transaction, &after) ||
        memcmp(&before, &after, sizeof before) != 0)
        return ASIDE_OVERTAKEN;
    return write_metas(copying, before.meta);
}

static int take(struct copying *copying, int *ret_fd, char ret_path[static ASIDE_PATH])
{
    int code = make_file(&copying->to, &copying->folder, copying->err);
    if (code != 0)
        return code;
    code = copy(copying);
    snprintf(ret_path, ASIDE_PATH, "/proc/self/fd/%d", copying->to);
    if (code == 0 && access(ret_path, R_OK) != 0)
        code = espt_fail_file(copying->err, ret_path, errno, "mount /proc");
    if (code == 0)
        *ret_fd = copying->to;
    else
        close(copying->to);
    return code;
}

int aside_take(struct aside *aside, const struct config *config, int *ret_fd,
               char ret_path[static ASIDE_PATH], struct espt_error *err)
{
    int fd;
    int code = trust_open(config->store, geteuid(), TRUST_PUBLIC, &fd, err);
    if (code == 0)
        code = reader_open(&aside->reader, fd, config->store, config->map_size, err);
    if (code != 0)
        return code;
    code = take(&(struct copying){.from = &aside->reader, .store = config->store, .err = err},
                ret_fd, ret_path);
    return code >= 0 ? code
                     : espt_fail_in(err, "a copy to read from, beside an esp-tokenctl that was "
                                         "stopped");
}

bool aside_open(const struct aside *aside)
{
    return aside->reader.map != NULL;
}

static enum reader_status take_nonce(void *arg, struct snapshot *snapshot)
{
    uint64_t *nonce = arg;
    *nonce = snapshot->state.nonce;
    return READER_OK;
}

/* By the nonce, for LMDB uses a transaction's id again when its commit has failed. */
bool aside_is_newest(struct aside *aside)
{
    uint64_t nonce;
    return reader_look(&aside->reader, take_nonce, &nonce) == READER_OK && nonce == aside->nonce;
}

void aside_end(struct aside *aside)
{
    reader_close(&aside->reader);
}
