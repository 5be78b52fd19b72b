/*
 * A file is judged before it is mapped: by its length, and by its first page read as plain bytes.
 */
#include "common/trust.h"
#include "reader/known.h"
#include "reader/load.h"
#include "reader/meta.h"
#include "reader/reader.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_SIZE_MIN 512u
#define PAGE_SIZE_MAX 32768u
#define ROOM_MAX                                                                     \
    (UINT64_C(1) << 40) /* a file that asks for more room than 1 TiB is not believed \
                         */
#define ROOM_UNIT (UINT64_C(1) << 16)

static int not_a_store(struct espt_error *err, const char *path, const char *why)
{
    return espt_fail(err, ESPT_UNUSABLE, "%s: not a store of this format: %s", path, why);
}

/* Reads what the first meta page says of the format; page sizes are powers of two. */
static int judge_format(int fd, const char *path, uint64_t size, uint32_t *ret_page_size,
                        uint64_t *ret_room, struct espt_error *err)
{
    _Alignas(8) uint8_t meta[META_END];
    if (size == 0)
        return not_a_store(err, path, "the file is empty; make a store by esp-tokenctl init");
    ssize_t got = pread(fd, meta, sizeof meta, 0);
    if (got < 0)
        return espt_fail(err, ESPT_UNUSABLE, "%s: %s", path, strerror(errno));
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
        return not_a_store(err, path, "its page size makes no sense");
    if (size < (uint64_t)META_PAGES * page_size)
        return not_a_store(err, path, "the file is cut off; restore a backup");
    *ret_page_size = page_size;
    *ret_room = load64(meta + META_AT_MAP_SIZE);
    return 0;
}

/* Takes as much of `room` as the process may have, and no less than `size` bytes. */
static int map_file(struct reader *reader, const char *path, uint64_t size, uint64_t room,
                    struct espt_error *err)
{
    for (;; room /= 2) {
        if (room < size)
            room = size;
        size_t len = (size_t)((room + ROOM_UNIT - 1) / ROOM_UNIT * ROOM_UNIT);
        void *map = mmap(NULL, len, PROT_READ, MAP_SHARED, reader->fd, 0);
        if (map != MAP_FAILED) {
            reader->map = map;
            reader->mapped = len;
            return 0;
        }
        if (errno != ENOMEM || room == size)
            return espt_fail(err, ESPT_UNUSABLE, "%s: cannot be mapped: %s", path, strerror(errno));
    }
}

static int open_file(struct reader *reader, const char *path, uint64_t map_size,
                     struct espt_error *err)
{
    struct stat st;
    if (fstat(reader->fd, &st) != 0)
        return espt_fail(err, ESPT_UNUSABLE, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return espt_fail(err, ESPT_UNUSABLE, "%s: not a regular file", path);
    int code = trust_filesystem(reader->fd, path, err);
    if (code != 0)
        return code;
    uint64_t size = (uint64_t)st.st_size, room = 0;
    code = judge_format(reader->fd, path, size, &reader->page_size, &room, err);
    if (code != 0)
        return code;
    atomic_init(&reader->size, size);
    if (room < map_size || room > ROOM_MAX)
        room = map_size;
    return map_file(reader, path, size, room < ROOM_MAX ? room : ROOM_MAX, err);
}

int reader_open(struct reader *ret_reader, int fd, const char *path, uint64_t map_size,
                struct espt_error *err)
{
    struct reader reader = {.fd = fd};
    int code = open_file(&reader, path, map_size, err);
    if (code != 0) {
        close(fd);
        return code;
    }
    ret_reader->map = reader.map;
    ret_reader->mapped = reader.mapped;
    ret_reader->page_size = reader.page_size;
    ret_reader->fd = fd;
    ret_reader->known = known_open(reader.mapped, reader.page_size);
    atomic_init(&ret_reader->size, atomic_load_explicit(&reader.size, memory_order_relaxed));
    return 0;
}

void reader_close(struct reader *reader)
{
    if (reader == NULL || reader->map == NULL)
        return;
    known_close(reader->known, reader->mapped, reader->page_size);
    munmap((void *)(uintptr_t)reader->map, reader->mapped);
    close(reader->fd);
    reader->known = NULL;
    reader->map = NULL;
    reader->mapped = 0;
    reader->fd = -1;
}
