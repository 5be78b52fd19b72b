/*
 * How values are written and read, one field after another, within the seal that every value
 * carries: version byte first, CRC-32C over the table's letter, key and value last. For the record
 * files alone.
 */
#ifndef ESPT_COMMON_RECORD_BYTES_H
#define ESPT_COMMON_RECORD_BYTES_H

#include "common/copy.h"
#include "common/record.h"

#include <endian.h>
#include <string.h>

#define RECORD_VERSION 2
#define RECORD_CHECKSUM_LEN 4

/* The encoders' inputs are bounded, so that `out` cannot be full. */
struct writer {
    uint8_t *out;
    size_t len;
};

static inline struct writer write_begin(uint8_t *out)
{
    out[0] = RECORD_VERSION;
    return (struct writer){.out = out, .len = 1};
}

static inline void write_bytes(struct writer *w, const void *bytes, size_t len)
{
    memcpy(w->out + w->len, bytes, len);
    w->len += len;
}

static inline void write_u8(struct writer *w, uint8_t value)
{
    write_bytes(w, &value, sizeof value);
}

static inline void write_u32(struct writer *w, uint32_t value)
{
    uint32_t le = htole32(value);
    write_bytes(w, &le, sizeof le);
}

static inline void write_u64(struct writer *w, uint64_t value)
{
    uint64_t le = htole64(value);
    write_bytes(w, &le, sizeof le);
}

/* A length byte, then the text without its terminator. */
static inline void write_text(struct writer *w, const char *text)
{
    size_t len = strlen(text);
    write_u8(w, (uint8_t)len);
    write_bytes(w, text, len);
}

/* Seals; returns the value's length. */
size_t write_end(struct writer *w, enum table table, const struct record_key *key);

/* The first field that does not fit spoils the rest. */
struct parser {
    const uint8_t *in;
    size_t left;
    bool good;
};

/* Opens the seal: `good` is false if it is not whole. */
struct parser parse_begin(enum table table, const struct record_key *key, const void *value,
                          size_t len);

static inline void parse_bytes(struct parser *p, void *out, size_t len)
{
    if (!p->good || p->left < len) {
        p->good = false;
        memset(out, 0, len);
        return;
    }
    copy_small(out, p->in, len);
    p->in += len;
    p->left -= len;
}

static inline uint8_t parse_u8(struct parser *p)
{
    uint8_t value;
    parse_bytes(p, &value, sizeof value);
    return value;
}

static inline uint32_t parse_u32(struct parser *p)
{
    uint32_t le;
    parse_bytes(p, &le, sizeof le);
    return le32toh(le);
}

static inline uint64_t parse_u64(struct parser *p)
{
    uint64_t le;
    parse_bytes(p, &le, sizeof le);
    return le64toh(le);
}

/* `len` bytes of text whose form `ok` judges; `out` has room for `max` bytes and a terminator. */
static inline void parse_chars(struct parser *p, char *out, size_t len, size_t max,
                               bool (*ok)(const char *text, size_t len))
{
    if (len > max) {
        p->good = false;
        len = 0;
    }
    parse_bytes(p, out, len);
    out[len] = '\0';
    if (!ok(out, len))
        p->good = false;
}

static inline void parse_text(struct parser *p, char *out, size_t max,
                              bool (*ok)(const char *text, size_t len))
{
    size_t len = parse_u8(p);
    parse_chars(p, out, len, max, ok);
}

static inline bool parse_end(const struct parser *p)
{
    return p->good && p->left == 0;
}

#endif
