/* SPDX-License-Identifier: ISC */
#include "store/db/writer_note.h"

#include "common/crc32c.h"
#include "reader/meta.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOTE_MAGIC UINT64_C(0x31656e6f54505345) /* "ESPTone1" */

/* The note, as stored in the file. */
struct note_bytes {
    uint64_t magic;
    struct note note;
    uint64_t checksum; /* of the words before it */
};
_Static_assert(sizeof(struct note_bytes) == 56, "no gaps");

static uint64_t checksum_of(const struct note_bytes *bytes)
{
    return crc32c(0, bytes, offsetof(struct note_bytes, checksum));
}

bool note_read(int fd, struct note *ret_note)
{
    struct note_bytes bytes;
    if (pread(fd, &bytes, sizeof bytes, 0) != sizeof bytes || bytes.magic != NOTE_MAGIC ||
        bytes.checksum != checksum_of(&bytes))
        return false;
    *ret_note = bytes.note;
    return true;
}

bool note_is_later(const struct note *note, const struct state_id *now)
{
    return note->state.dev == now->dev && note->state.ino == now->ino &&
           !state_may_follow(&note->state, now);
}

void note_write(int fd, const struct note *note)
{
    struct note_bytes bytes = {.magic = NOTE_MAGIC, .note = *note};
    bytes.checksum = checksum_of(&bytes);
    if (pwrite(fd, &bytes, sizeof bytes, 0) != sizeof bytes)
        return; /* a partial note has a wrong checksum */
}

struct state_id note_state(const struct pages *pages, const struct state_record *state)
{
    struct stat st;
    struct state_id id = {.nonce = state->nonce, .revision = state->revision};
    if (fstat(pages->reader.fd, &st) == 0) {
        id.dev = st.st_dev;
        id.ino = st.st_ino;
    }
    return id;
}

/* --- the sum --- */

struct summing {
    struct pages *pages;
    note_list_fn fn;
    void *arg;
    uint32_t crc;
    uint64_t count, left; /* pages that were added; pages that the tree may still have */
};

static bool add_page(struct summing *summing, uint64_t number, struct page *ret_page)
{
    if (summing->left == 0 || page_open(&summing->pages->reader, number, ret_page) != READER_OK)
        return false;
    summing->left--;
    summing->count++;
    summing->crc = crc32c(summing->crc, ret_page->bytes, ret_page->size);
    return true;
}

static bool add_list(struct summing *summing, const struct record_value *value)
{
    const uint8_t *numbers = value->data;
    uint64_t count;
    if (value->len < sizeof count)
        return false;
    count = load64_anywhere(numbers);
    if (count > value->len / sizeof count - 1)
        return false;
    if (summing->fn != NULL)
        summing->fn(summing->arg, numbers + sizeof count, count);
    return true;
}

static bool add_leaf(struct summing *summing, unsigned tree, const struct page *page)
{
    for (uint32_t i = 0; tree == TREE_FREE && i < page->count; i++) {
        struct node node;
        struct page_run run;
        struct record_value value;
        if (!node_at(page, i, &node) ||
            (node_flags(&node) == LEAF_BIG ? node.room < sizeof(uint64_t)
                                           : node_data_len(&node) > node.room) ||
            !pages_value(summing->pages, &node, &value, &run) || !add_list(summing, &value))
            return false;
        if (run.count > 0)
            summing->crc = crc32c(summing->crc, value.data - PAGE_HEADER, PAGE_HEADER + value.len);
    }
    return true;
}

static bool add_tree(struct summing *summing, unsigned tree)
{
    const struct tree_record *record = &summing->pages->tree[tree];
    struct {
        struct page page;
        uint32_t next;
    } level[DEPTH_MAX];
    unsigned depth = 0;
    uint64_t number = record->root;
    summing->left = record->branch_pages + record->leaf_pages;
    if (number == ROOT_EMPTY)
        return true;
    for (;;) {
        if (depth == DEPTH_MAX || !add_page(summing, number, &level[depth].page))
            return false;
        if (level[depth].page.leaf) {
            if (!add_leaf(summing, tree, &level[depth].page))
                return false;
        } else {
            level[depth++].next = 0;
        }
        while (depth > 0 && level[depth - 1].next == level[depth - 1].page.count)
            depth--;
        if (depth == 0)
            return true;
        struct node node;
        if (!node_at(&level[depth - 1].page, level[depth - 1].next++, &node))
            return false;
        number = node_child(&node);
    }
}

bool note_sum(struct pages *pages, note_list_fn fn, void *arg, uint64_t *ret_sum)
{
    struct summing summing = {.pages = pages, .fn = fn, .arg = arg};
    const uint8_t *meta =
        pages->reader.map + (pages->transaction % META_PAGES) * (size_t)pages->reader.page_size;
    summing.crc = crc32c(0, meta, META_END);
    const bool whole = add_tree(&summing, TABLE_STATE) && add_tree(&summing, TREE_FREE);
    *ret_sum = (uint64_t)summing.crc | summing.count << 32;
    return whole;
}
