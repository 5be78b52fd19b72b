/* SPDX-License-Identifier: ISC */
#include "fleet/kept.h"

#include "common/io.h"
#include "common/record_bytes.h"
#include "common/trust.h"
#include "store/db/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* An entry in a file: the magic, the lengths of its four pieces as u32, the pieces, and a hash over
   all that. A write that was cut short leaves bytes that are skipped up to the next magic. */
static const uint8_t magic[4] = {'E', 'S', 'P', 'K'};
#define FRAME (sizeof magic + 4UL * 4)
#define CHECK 16
#define PIECES 4
#define FILE_LIMIT ((size_t)KEPT_FILE_MAX + ESPT_JOURNAL_ENTRY_MAX + 4096)

static void check_of(const uint8_t *bytes, size_t len, uint8_t ret[static CHECK])
{
    crypto_generichash(ret, CHECK, bytes, len, NULL, 0);
}

void kept_add(struct kept *kept, const espt_journal_entry *entry)
{
    const uint8_t *const at[PIECES] = {entry->head, entry->log, entry->edge, entry->vault};
    const size_t len[PIECES] = {entry->head_len, entry->log_len, entry->edge_len, entry->vault_len};
    const size_t needed = FRAME + len[0] + len[1] + len[2] + len[3] + CHECK;
    if (needed > kept->room - kept->len) {
        uint8_t *more = realloc(kept->bytes, 2 * (kept->len + needed));
        if (more == NULL)
            return;
        kept->bytes = more;
        kept->room = 2 * (kept->len + needed);
    }
    struct writer w = {.out = kept->bytes + kept->len};
    write_bytes(&w, magic, sizeof magic);
    for (int i = 0; i < PIECES; i++)
        write_u32(&w, (uint32_t)len[i]);
    for (int i = 0; i < PIECES; i++) {
        if (len[i] > 0)
            write_bytes(&w, at[i], len[i]);
    }
    check_of(w.out, w.len, w.out + w.len);
    kept->len += w.len + CHECK;
}

void kept_clear(struct kept *kept)
{
    if (kept->bytes != NULL)
        sodium_memzero(kept->bytes, kept->len); /* sealed texts, and names */
    free(kept->bytes);
    *kept = (struct kept){0};
}

/* --- the files --- */

static int name_of(const char *store, bool old, char ret[static PATH_MAX], struct espt_error *err)
{
    const int len = snprintf(ret, PATH_MAX, "%s.kept%s", store, old ? ".old" : "");
    return len < PATH_MAX ? 0 : espt_fail(err, ESPT_UNUSABLE, "%s: the name is too long", store);
}

/* A file that has grown enough becomes the old one. */
static int turn_over(int fd, const char *path, const char *aside, struct espt_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return espt_fail_file(err, path, errno, "check the kernel log (dmesg)");
    if (st.st_size < KEPT_FILE_MAX)
        return 0;
    if (rename(path, aside) != 0)
        return espt_fail_file(err, path, errno, "check the owner and mode of its folder");
    return 1;
}

static int open_to_append(const char *store, int *ret_fd, struct espt_error *err)
{
    char path[PATH_MAX], old[PATH_MAX], real[PATH_MAX];
    int dir, fd = -1;
    int code = name_of(store, false, path, err);
    if (code == 0)
        code = name_of(store, true, old, err);
    if (code == 0)
        code = trust_place(path, geteuid(), real, &dir, err);
    if (code != 0)
        return code;
    for (bool turned = false; code == 0; turned = true) {
        code = trust_open_at(dir, path, O_WRONLY | O_APPEND | O_CREAT, geteuid(), TRUST_SECRET, &fd,
                             err);
        if (code != 0)
            break;
        const int over = turned ? 0 : turn_over(fd, path, old, err);
        if (over == 0)
            break;
        close(fd);
        code = over < 0 ? over : 0;
    }
    close(dir);
    *ret_fd = fd;
    return code;
}

int kept_write(struct kept *kept, const char *store, struct espt_error *err)
{
    struct stat st;
    int fd;
    if (kept->len == 0)
        return 0;
    int code = open_to_append(store, &fd, err);
    if (code == 0) {
        const bool is_new = fstat(fd, &st) == 0 && st.st_size == 0;
        if (write_all(fd, kept->bytes, kept->len) != 0 || fdatasync(fd) != 0) {
            code = espt_fail_file(err, store, errno, "make room on the disk");
            if (ftruncate(fd, st.st_size) != 0)
                espt_add(err, "; the rest of an entry is left");
        }
        close(fd);
        if (code == 0 && is_new)
            code = publish_sync(store, err);
    }
    kept_clear(kept);
    return code;
}

/* --- reading --- */

static bool add(struct kept_list *list, const espt_journal_entry *pieces)
{
    struct entry entry;
    char needs[ENTRY_NEEDS_MAX + 1];
    if (entry_decode(pieces, ESPT_JOURNAL_WHOLE, &entry, needs) != ENTRY_GOOD)
        return true;
    if (list->count == list->room) {
        const size_t room = 2 * list->room + 64;
        void *more = reallocarray(list->items, room, sizeof *list->items);
        if (more == NULL)
            return false;
        list->items = more;
        list->room = room;
    }
    struct kept_entry *item = &list->items[list->count++];
    *item = (struct kept_entry){.pieces = *pieces, .number = entry.number};
    memcpy(item->hash, entry.hash, sizeof item->hash);
    memcpy(item->before, entry.before, sizeof item->before);
    return true;
}

/* The whole entry at the beginning of the bytes. Returns its length; 0: there is none. */
static size_t parse(const uint8_t *bytes, size_t left, espt_journal_entry *ret)
{
    struct parser p = {.in = bytes, .left = left, .good = true};
    uint8_t begin[sizeof magic], check[CHECK];
    size_t len[PIECES], all = FRAME;
    parse_bytes(&p, begin, sizeof begin);
    for (int i = 0; i < PIECES; i++) {
        len[i] = parse_u32(&p);
        all += len[i];
    }
    if (!p.good || memcmp(begin, magic, sizeof magic) != 0 || all > left || left - all < CHECK)
        return 0;
    check_of(bytes, all, check);
    if (memcmp(check, bytes + all, CHECK) != 0)
        return 0;
    const uint8_t *at = bytes + FRAME;
    *ret = (espt_journal_entry){.head = at,
                                .head_len = len[0],
                                .log = at + len[0],
                                .log_len = len[1],
                                .edge = at + len[0] + len[1],
                                .edge_len = len[2],
                                .vault = at + len[0] + len[1] + len[2],
                                .vault_len = len[3]};
    return all + CHECK;
}

static bool read_all(struct kept_list *list, const char *file, size_t len)
{
    const uint8_t *bytes = (const uint8_t *)file, *end = bytes + len;
    while (bytes < end) {
        espt_journal_entry pieces;
        const size_t whole = parse(bytes, (size_t)(end - bytes), &pieces);
        if (whole > 0 && !add(list, &pieces))
            return false;
        bytes += whole;
        if (whole == 0) {
            bytes = memmem(bytes + 1, (size_t)(end - bytes) - 1, magic, sizeof magic);
            if (bytes == NULL)
                return true;
        }
    }
    return true;
}

int kept_read(struct kept_list *ret, const char *store, struct espt_error *err)
{
    *ret = (struct kept_list){0};
    for (int i = 0; i < 2; i++) {
        char path[PATH_MAX];
        size_t len;
        int code = name_of(store, i == 0, path, err);
        if (code == 0 && access(path, F_OK) != 0 && errno == ENOENT)
            continue;
        if (code == 0)
            code = trust_read(path, geteuid(), TRUST_SECRET, FILE_LIMIT, &ret->files[i], &len, err);
        if (code == 0 && !read_all(ret, ret->files[i], len))
            code = espt_fail(err, ESPT_UNUSABLE, "out of memory");
        if (code != 0)
            return code;
    }
    return 0;
}

void kept_list_clear(struct kept_list *list)
{
    free(list->items);
    free(list->files[0]);
    free(list->files[1]);
    *list = (struct kept_list){0};
}
