/* SPDX-License-Identifier: ISC */
#include "store/db/pages.h"

#include "common/trust.h"
#include "reader/meta.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(sizeof(struct tree_record) == 48, "LMDB's layout has no gaps");

#define WORDS (META_END / sizeof(uint64_t))
#define OVERFLOW_AT_PAGES 12 /* offset into the first page of a long value */

const char *tree_name(unsigned tree)
{
    static const char *const names[TREE_COUNT] = {
        [TABLE_STATE] = "the main database",
        [TABLE_AUTH] = "table auth",
        [TABLE_ENTITIES] = "table entities",
        [TABLE_RESELLERS] = "table resellers",
        [TABLE_NAMES] = "table names",
        [TABLE_TOKENS] = "table tokens",
        [TABLE_BY_ENTITY] = "table by_entity",
        [TABLE_CUSTOMERS] = "table customers",
        [TABLE_FOREIGN] = "table foreign",
        [TABLE_USAGE] = "table usage",
        [TABLE_FOLDED] = "table folded",
        [TABLE_NOTICES] = "table notices",
        [TABLE_LOG] = "table log",
        [TREE_FREE] = "the list of free pages",
    };
    return names[tree];
}

/* --- the file --- */

int pages_open(struct pages *ret_pages, MDB_env *env, const struct config *config,
               struct espt_error *err)
{
    int fd = -1;
    struct stat st;
    *ret_pages = (struct pages){0};
    int rc = mdb_env_get_fd(env, &fd);
    if (rc != 0)
        return db_fail(err, rc, config);
    fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0 || fstat(fd, &st) != 0)
        return espt_fail_file(err, config->store, errno, "run the command again");
    return reader_open(&ret_pages->reader, fd, config->store, (uint64_t)st.st_size, err);
}

int pages_open_file(struct pages *ret_pages, const struct config *config, struct espt_error *err)
{
    int fd;
    struct stat st;
    *ret_pages = (struct pages){0};
    int code = trust_open(config->store, geteuid(), TRUST_PUBLIC, &fd, err);
    if (code != 0)
        return code;
    return reader_open(&ret_pages->reader, fd, config->store,
                       fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0, err);
}

void pages_close(struct pages *pages)
{
    if (pages->reader.map != NULL)
        reader_close(&pages->reader);
    *pages = (struct pages){0};
}

/* --- the state --- */

static void copy_meta(const struct pages *pages, uint64_t transaction, uint64_t ret_meta[WORDS])
{
    const uint8_t *page =
        pages->reader.map + (transaction % META_PAGES) * (size_t)pages->reader.page_size;
    for (size_t i = 0; i < WORDS; i++)
        ret_meta[i] = load64(page + i * sizeof *ret_meta);
    load_fence();
}

static bool read_table(struct pages *pages, const struct page *main, enum table table)
{
    const char *name = table_name(table);
    struct leaf leaf;
    if (table == TABLE_NOTICES && pages->lacks_notices) {
        pages->tree[table] = (struct tree_record){.flags = INTEGER_KEYS, .root = ROOT_EMPTY};
        return true;
    }
    if (page_find_name(&pages->reader, main, name, strlen(name), UINT32_MAX, &leaf) != READER_OK ||
        leaf.flags != LEAF_TABLE || leaf.len != sizeof pages->tree[table])
        return false;
    memcpy(&pages->tree[table], leaf.data, leaf.len);
    return true;
}

enum pages_status pages_read_state(struct pages *pages, uint64_t transaction, uint64_t *ret_page)
{
    uint64_t meta[WORDS];
    const uint8_t *bytes = (const uint8_t *)meta;
    struct metas metas;
    struct page main;
    *ret_page = transaction % META_PAGES;
    copy_meta(pages, transaction, meta);
    /* The next transaction but one overwrites that meta page. It begins once the next one is
       committed. */
    if (meta_newest(&pages->reader) > transaction)
        return PAGES_AGAIN;
    if (!meta_read(&pages->reader, &metas) || metas.transaction != transaction)
        return PAGES_DAMAGED;
    pages->transaction = transaction;
    memcpy(&pages->last_page, bytes + META_AT_LAST_PAGE, sizeof pages->last_page);
    memcpy(&pages->tree[TREE_FREE], bytes + META_AT_PAGE_SIZE, sizeof *pages->tree);
    memcpy(&pages->tree[TABLE_STATE], bytes + META_AT_PAGE_SIZE + sizeof *pages->tree,
           sizeof *pages->tree);
    pages->lacks_notices = pages->tree[TABLE_STATE].entries == TABLE_COUNT - 1;
    *ret_page = pages->tree[TABLE_STATE].root;
    if (page_open(&pages->reader, *ret_page, &main) != READER_OK)
        return PAGES_DAMAGED;
    for (enum table t = TABLE_STATE + 1; t < TABLE_COUNT; t++) {
        if (!read_table(pages, &main, t))
            return PAGES_DAMAGED;
    }
    return PAGES_READ;
}

const char *pages_damage(uint64_t page)
{
    return page < META_PAGES ? "the two meta pages are damaged, or do not follow one another"
                             : "it does not lead to all tables";
}

/* --- one page --- */

static bool has_integer_keys(unsigned tree)
{
    return tree == TREE_FREE || table_has_integer_key((enum table)tree);
}

struct bound pages_key(const struct node *node)
{
    return (struct bound){node_key(node), node->key_len};
}

int pages_order(unsigned tree, struct bound a, struct bound b)
{
    if (has_integer_keys(tree)) {
        const uint64_t left = load64_anywhere(a.bytes), right = load64_anywhere(b.bytes);
        return (left > right) - (left < right);
    }
    const int order = memcmp(a.bytes, b.bytes, a.len < b.len ? a.len : b.len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Checks the flags of a node on a leaf of that tree. */
static bool has_flags(unsigned tree, unsigned flags)
{
    if (flags == LEAF_PLAIN)
        return true;
    return tree == TABLE_STATE ? flags == LEAF_TABLE
                               : flags == LEAF_BIG && (tree == TREE_FREE || tree == TABLE_LOG);
}

/* The length of the part of a value that is on the node's own page. */
static uint32_t value_room(const struct node *node)
{
    return node_flags(node) == LEAF_BIG ? (uint32_t)sizeof(uint64_t) : node_data_len(node);
}

static bool integer_key_ok(unsigned tree, const struct node *node)
{
    return !has_integer_keys(tree) || node->key_len == sizeof(uint64_t);
}

static const char *check_nodes(unsigned tree, const struct page *page, const struct span *span)
{
    static const char disordered[] = "its keys are out of order";
    const uint32_t first = page->leaf ? 0 : 1; /* the first node of a branch has no key */
    struct bound before = span->low;
    uint64_t filled = 0;
    for (uint32_t i = 0; i < page->count; i++) {
        struct node node;
        if (!node_at(page, i, &node))
            return "a node does not lie within it";
        uint64_t len = NODE_HEADER + node.key_len;
        if (page->leaf) {
            if (!has_flags(tree, node_flags(&node)))
                return "the flags of a node are wrong";
            if (value_room(&node) > node.room)
                return "a value does not lie within it";
            len += value_room(&node);
        }
        filled += len + len % 2;
        if (i < first)
            continue;
        if (!integer_key_ok(tree, &node) || node.key_len > RECORD_KEY_MAX || node.key_len == 0)
            return "the length of a key is wrong";
        const struct bound key = pages_key(&node);
        if (before.bytes != NULL) {
            const int order = pages_order(tree, before, key);
            if (order > 0 || (order == 0 && i > 0))
                return disordered;
        }
        before = key;
    }
    if (page->count > first && before.bytes != NULL && span->high.bytes != NULL &&
        pages_order(tree, before, span->high) >= 0)
        return disordered;
    return filled == page->size - page->upper ? NULL : "its nodes do not fill it";
}

const char *pages_check(struct pages *pages, unsigned tree, uint64_t number, bool leaf,
                        const struct span *span, struct page *ret_page)
{
    enum reader_status status = page_open(&pages->reader, number, ret_page);
    if (status == READER_BEYOND)
        return "it is beyond the end of the file";
    if (status != READER_OK)
        return "its header is damaged";
    if (ret_page->leaf != leaf)
        return leaf ? "it should be a leaf of its tree" : "it should be a branch of its tree";
    return check_nodes(tree, ret_page, span);
}

struct span pages_child_span(const struct page *page, uint32_t index, const struct span *span)
{
    struct span child = *span;
    struct node node;
    if (index > 0 && node_at(page, index, &node))
        child.low = pages_key(&node);
    if (index + 1 < page->count && node_at(page, index + 1, &node))
        child.high = pages_key(&node);
    return child;
}

bool pages_value(struct pages *pages, const struct node *node, struct record_value *ret_value,
                 struct page_run *ret_overflow)
{
    const uint8_t *data = node_key(node) + node->key_len;
    const uint32_t len = node_data_len(node), size = pages->reader.page_size;
    *ret_overflow = (struct page_run){0};
    if (node_flags(node) == LEAF_BIG) {
        const uint64_t first = load64_anywhere(data);
        /* Leaves room for the sum in the 32 bits with which page_open_big() counts. */
        if (len > UINT32_MAX - size ||
            page_open_big(&pages->reader, first, len, &data) != READER_OK)
            return false;
        *ret_overflow = (struct page_run){first, load32(data - PAGE_HEADER + OVERFLOW_AT_PAGES)};
    }
    *ret_value = (struct record_value){.len = len, .data = data};
    return true;
}
