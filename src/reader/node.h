/* SPDX-License-Identifier: ISC */
/*
 * The nodes of a page whose header page_open() has checked, for those files of the reader that walk
 * pages.
 */
#ifndef ESPT_READER_NODE_H
#define ESPT_READER_NODE_H

#include "reader/load.h"
#include "reader/page.h"

#include <string.h>

#define PAGE_HEADER 16
#define NODE_HEADER 8
/* Offsets into a node. */
enum { NODE_AT_LOW = 0, NODE_AT_HIGH = 2, NODE_AT_FLAGS = 4, NODE_AT_KEY_LEN = 6 };

/* A node whose header and key are within its page. */
struct node {
    const uint8_t *bytes;
    uint32_t key_len;
    uint32_t room; /* bytes between the end of the key and the end of the page */
};

/* Reads the node that begins at offset `at`. False: it is not within the page. */
static inline bool node_begins(const struct page *page, uint32_t at, struct node *ret_node)
{
    if (at < page->upper || at % 2 != 0 || at + NODE_HEADER > page->size)
        return false;
    ret_node->bytes = page->bytes + at;
    ret_node->key_len = load16(ret_node->bytes + NODE_AT_KEY_LEN);
    READER_STEP();
    uint32_t room = page->size - at - NODE_HEADER;
    ret_node->room = room - ret_node->key_len;
    return ret_node->key_len <= room;
}

/* Reads the node at `index`, which must be below the page's count. False: its offset is odd, or it
   is not within the page. */
static inline bool node_at(const struct page *page, uint32_t index, struct node *ret_node)
{
    return node_begins(page, load16(page->bytes + PAGE_HEADER + 2 * (size_t)index), ret_node);
}

static inline const uint8_t *node_key(const struct node *node)
{
    return node->bytes + NODE_HEADER;
}

static inline unsigned node_flags(const struct node *node)
{
    return load16(node->bytes + NODE_AT_FLAGS);
}

/* On a branch: the number of the child page. */
static inline uint64_t node_child(const struct node *node)
{
    return load16(node->bytes + NODE_AT_LOW) | (uint64_t)load16(node->bytes + NODE_AT_HIGH) << 16 |
           (uint64_t)node_flags(node) << 32;
}

/* On a leaf: the length of the value. */
static inline uint32_t node_data_len(const struct node *node)
{
    return load16(node->bytes + NODE_AT_LOW) | (uint32_t)load16(node->bytes + NODE_AT_HIGH) << 16;
}

static inline enum reader_status node_leaf(const struct node *node, struct leaf *ret_leaf)
{
    uint32_t len = node_data_len(node);
    unsigned flags = node_flags(node);
    READER_STEP();
    /* No record that a look-up reads is on overflow pages or has several values for one key, so
       both are damage here. */
    if ((flags != LEAF_PLAIN && flags != LEAF_TABLE) || len > node->room)
        return READER_CORRUPT;
    ret_leaf->flags = flags;
    ret_leaf->len = len;
    ret_leaf->node = node->bytes;
    ret_leaf->data = node->bytes + NODE_HEADER + node->key_len;
    return READER_OK;
}

/* Loads an integer key. False: the key has another length and may reach the end of the page. */
static inline bool node_integer(const struct node *node, uint64_t *ret_key)
{
    if (node->key_len != sizeof *ret_key)
        return false;
    *ret_key = load64_anywhere(node_key(node));
    return true;
}

#endif
