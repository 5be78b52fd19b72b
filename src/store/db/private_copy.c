/* SPDX-License-Identifier: ISC */
#include "store/db/private_copy.h"

#include "common/io.h"
#include "common/trust.h"
#include "reader/load.h"
#include "reader/meta.h"
#include "store/db/env.h"
#include "store/db/file_id.h"
#include "store/db/unnamed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CHUNK (1 << 16)
#define PAGE_SIZE_MAX 32768 /* the largest that reader_open() accepts */

/* Creates the file on a disk rather than in memory, because a store may be large. */
static int make_file(int *ret_fd, const char **ret_folder, struct espt_error *err)
{
    int fd = unnamed_open(ret_folder);
    if (fd < 0)
        return espt_fail_file(err, *ret_folder, errno,
                              "set TMPDIR to a folder that you may write to");
    *ret_fd = fd;
    return 0;
}

struct copying {
    const struct reader *from;
    int to;
    const char *store, *folder;
    struct espt_error *err;
};

static int fail(const struct copying *copying, const char *path)
{
    return espt_fail_file(copying->err, path, errno, "set TMPDIR to another folder");
}

/* Copies all pages after the meta pages. Pages that are added to the file meanwhile may be among
   them; the copied state leads to none of these. */
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
        if (write_all_at(copying->to, chunk, (size_t)got, at) != 0)
            return fail(copying, copying->folder);
        at += got;
    }
    return 0;
}

#define WORDS (META_END / sizeof(uint64_t))
#define AT(offset) ((offset) / sizeof(uint64_t))

/* What identifies a transaction: its meta page, and the root page to which that leads, with the
   nonce of the state record. The id alone is not enough, because LMDB uses it again after a failed
   commit. While the mark is unchanged, the next transaction but one is not committed. */
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

/* Both meta pages lead to the same state. The older one is never used, but must be intact. */
static int write_metas(const struct copying *copying, uint64_t *meta)
{
    const uint32_t size = copying->from->page_size;
    const uint64_t transaction = meta[AT(META_AT_TRANSACTION)];
    for (uint64_t back = 0; back < META_PAGES; back++) {
        const uint64_t page = (transaction + back) % META_PAGES;
        meta[AT(META_AT_NUMBER)] = page;
        meta[AT(META_AT_TRANSACTION)] = transaction - back;
        if (write_all_at(copying->to, meta, META_END, (off_t)(page * size)) != 0)
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
        return PRIVATE_COPY_OVERTAKEN;
    int code = copy_pages(copying);
    if (code != 0)
        return code;
    load_fence();
    if (!read_mark(reader, metas.transaction, &after) ||
        memcmp(&before, &after, sizeof before) != 0)
        return PRIVATE_COPY_OVERTAKEN;
    return write_metas(copying, before.meta);
}

static int make_copy(struct copying *copying, int *ret_fd)
{
    int code = make_file(&copying->to, &copying->folder, copying->err);
    if (code != 0)
        return code;
    code = copy(copying);
    if (code == 0)
        *ret_fd = copying->to;
    else
        close(copying->to);
    return code;
}

int private_copy_make(struct private_copy *copy, const struct config *config, int *ret_fd,
                      struct espt_error *err)
{
    int fd;
    int code = trust_open(config->store, geteuid(), TRUST_PUBLIC, &fd, err);
    if (code == 0)
        code = reader_open(&copy->reader, fd, config->store, config->map_size, err);
    if (code != 0)
        return code;
    return make_copy(&(struct copying){.from = &copy->reader, .store = config->store, .err = err},
                     ret_fd);
}

bool private_copy_open(const struct private_copy *copy)
{
    return copy->reader.map != NULL;
}

static struct state_id identify(const struct private_copy *copy, const struct state_record *state)
{
    struct state_id id = {.nonce = state->nonce, .revision = state->revision};
    if (!fd_identify(copy->reader.fd, &id))
        id.nonce = 0;
    return id;
}

void private_copy_holds(struct private_copy *copy, const struct state_record *state)
{
    copy->state = identify(copy, state);
}

static enum reader_status copy_state(void *arg, struct snapshot *snapshot)
{
    struct state_record *state = arg;
    *state = snapshot->state;
    return READER_OK;
}

bool private_copy_is_newest(struct private_copy *copy, const char *path)
{
    struct state_record state;
    if (!fd_is_at(copy->reader.fd, path) ||
        reader_look_up(&copy->reader, copy_state, &state) != READER_OK)
        return false;
    const struct state_id now = identify(copy, &state);
    return now.nonce != 0 && state_same(&now, &copy->state);
}

void private_copy_end(struct private_copy *copy)
{
    reader_close(&copy->reader);
}
