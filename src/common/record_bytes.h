/* SPDX-License-Identifier: ISC */
/*
 * Writes and reads the fields of a value in order, inside the seal: the version byte at the start,
 * and the CRC-32C over the table's letter, key and value at the end. Only record*.c include this.
 */
#ifndef ESPT_COMMON_RECORD_BYTES_H
#define ESPT_COMMON_RECORD_BYTES_H

#include "common/copy.h"
#include "common/record.h"

#include <endian.h>
#include <string.h>

#define RECORD_VERSION 3
#define RECORD_VERSION_READ 2 /* the oldest version that decoders accept */
#define RECORD_CHECKSUM_LEN 4

/* There are no bounds checks: the encoders' inputs have maximum lengths, which fit into `out`. */
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

/* Appends the checksum. Returns the value's length. */
size_t write_end(struct writer *w, enum table table, const struct record_key *key);

/* The error is sticky: after the first field that does not fit, `good` stays false. */
struct parser {
    const uint8_t *in;
    size_t left;
    uint8_t version;
    bool good;
};

/* Checks the seal and skips the version byte. `good` is false if the seal is wrong. */
struct parser parse_begin(enum table table, const struct record_key *key, const void *value,
                          size_t len);

COPY_INLINE void parse_bytes(struct parser *p, void *out, size_t len)
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

/* Reads `len` bytes of text and checks their form with `ok`. `out` has room for `max` bytes and a
   terminator. */
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
