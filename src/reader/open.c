/* SPDX-License-Identifier: ISC */
/*
 * Opening the store file: its length and its first page, read as plain bytes, are checked before
 * the file is mapped.
 */
#include "common/trust.h"
#include "reader/cache.h"
#include "reader/load.h"
#include "reader/meta.h"
#include "reader/reader.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_SIZE_MIN 512u
#define PAGE_SIZE_MAX 32768u
#define ROOM_MAX (UINT64_C(1) << 40)  /* a file that asks for more than 1 TiB is rejected */
#define ROOM_MIN (UINT64_C(16) << 20) /* room to grow: this much and a quarter of the file */
#define ROOM_UNIT (UINT64_C(1) << 16)

static int not_a_store(struct espt_error *err, const char *path, const char *why)
{
    return espt_fail(err, ESPT_UNUSABLE, "%s: not a store of this format: %s", path, why);
}

/* Reads the format from the first meta page. Page sizes are powers of two. */
static int check_format(int fd, const char *path, uint64_t size, uint32_t *ret_page_size,
                        uint64_t *ret_largest, struct espt_error *err)
{
    _Alignas(8) uint8_t meta[META_END];
    if (size == 0)
        return not_a_store(err, path,
                           "the file is empty; run 'esp-tokenctl init' to create a store");
    ssize_t got = pread(fd, meta, sizeof meta, 0);
    if (got < 0)
        return espt_fail(err, ESPT_UNUSABLE, "%s: %s", path, espt_errno_text(errno));
    if ((size_t)got < sizeof meta)
        return not_a_store(err, path, "the file is too short");
    if (load32(meta + META_AT_MAGIC) == __builtin_bswap32(META_MAGIC))
        return not_a_store(err, path, "it is of a big-endian machine");
    if (load32(meta + META_AT_MAGIC) != META_MAGIC)
        return not_a_store(err, path, "it does not begin as an LMDB file of a 64-bit machine");
    if (load32(meta + META_AT_VERSION) != META_VERSION)
        return not_a_store(err, path, "it is of another version of LMDB than 0.9");
    uint32_t page_size = load32(meta + META_AT_PAGE_SIZE);
    if (page_size < PAGE_SIZE_MIN || page_size > PAGE_SIZE_MAX ||
        (page_size & (page_size - 1)) != 0)
        return not_a_store(err, path, "its page size is not valid");
    if (size < (uint64_t)META_PAGES * page_size)
        return not_a_store(err, path, "the file is cut off; restore a backup");
    *ret_page_size = page_size;
    *ret_largest = load64(meta + META_AT_MAP_SIZE);
    return 0;
}

/* Fails with the name of the process limit that prevented the mapping. */
static int fail_at_limit(struct espt_error *err, const char *path, uint64_t size, int why)
{
    struct rlimit limit;
    if (why == ENOMEM && getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: cannot be mapped: the address space limit (RLIMIT_AS) of %llu bytes "
                         "has no room for the store's %llu; raise the limit",
                         path, (unsigned long long)limit.rlim_cur, (unsigned long long)size);
    if (why == EAGAIN && getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: cannot be mapped: this process locks its memory, and the locked "
                         "memory limit (RLIMIT_MEMLOCK) of %llu bytes has no room for the store's "
                         "%llu; raise the limit",
                         path, (unsigned long long)limit.rlim_cur, (unsigned long long)size);
    return espt_fail(err, ESPT_UNUSABLE, "%s: cannot be mapped: %s", path, espt_errno_text(why));
}

static void *map_bytes(int fd, uint64_t size, size_t *ret_len)
{
    *ret_len = (size_t)((size + ROOM_UNIT - 1) / ROOM_UNIT * ROOM_UNIT);
    return mmap(NULL, *ret_len, PROT_READ, MAP_SHARED, fd, 0);
}

/* Maps the file with room to grow, up to the largest size of the store. If the process may not map
   that much, maps the file alone. */
static int map_file(struct reader *reader, const char *path, uint64_t size, uint64_t largest,
                    struct espt_error *err)
{
    uint64_t room = size + size / 4 + ROOM_MIN;
    if (room > largest)
        room = largest > size ? largest : size;
    size_t len;
    void *map = map_bytes(reader->fd, room, &len);
    if (map == MAP_FAILED)
        map = map_bytes(reader->fd, size, &len);
    if (map == MAP_FAILED)
        return fail_at_limit(err, path, size, errno);
    reader->map = map;
    reader->mapped = len;
    reader->largest = largest;
    reader->cache = cache_open(len, reader->page_size);
    atomic_init(&reader->size, size);
    return 0;
}

static int open_file(struct reader *reader, const char *path, uint64_t map_size,
                     struct espt_error *err)
{
    struct stat st;
    if (fstat(reader->fd, &st) != 0)
        return espt_fail(err, ESPT_UNUSABLE, "%s: %s", path, espt_errno_text(errno));
    if (!S_ISREG(st.st_mode))
        return espt_fail(err, ESPT_UNUSABLE, "%s: not a regular file", path);
    int code = trust_filesystem(reader->fd, path, err);
    if (code != 0)
        return code;
    uint64_t size = (uint64_t)st.st_size, largest = 0;
    code = check_format(reader->fd, path, size, &reader->page_size, &largest, err);
    if (code != 0)
        return code;
    reader->dev = st.st_dev;
    reader->ino = st.st_ino;
    if (largest < map_size || largest > ROOM_MAX)
        largest = map_size;
    return map_file(reader, path, size, largest < ROOM_MAX ? largest : ROOM_MAX, err);
}

int reader_open(struct reader *ret_reader, int fd, const char *path, uint64_t map_size,
                struct espt_error *err)
{
    struct reader reader = {.fd = fd};
    int code = open_file(&reader, path, map_size, err);
    if (code == 0)
        *ret_reader = reader;
    else
        close(fd);
    return code;
}

int reader_widen(struct reader *ret_reader, const struct reader *narrow, const char *path,
                 struct espt_error *err)
{
    struct stat st;
    struct reader reader = {
        .fd = narrow->fd, .page_size = narrow->page_size, .dev = narrow->dev, .ino = narrow->ino};
    if (fstat(narrow->fd, &st) != 0 || st.st_dev != narrow->dev || st.st_ino != narrow->ino)
        return espt_fail(err, ESPT_UNUSABLE, "%s: the host closed the store's descriptor", path);
    int code = map_file(&reader, path, (uint64_t)st.st_size, narrow->largest, err);
    if (code == 0)
        *ret_reader = reader;
    return code;
}

void reader_close(struct reader *reader)
{
    if (reader == NULL || reader->map == NULL)
        return;
    cache_close(reader->cache, reader->mapped, reader->page_size);
    munmap((void *)(uintptr_t)reader->map, reader->mapped);
    close(reader->fd);
    reader->cache = NULL;
    reader->map = NULL;
    reader->mapped = 0;
    reader->fd = -1;
}
