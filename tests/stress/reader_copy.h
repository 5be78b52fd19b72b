/* SPDX-License-Identifier: ISC */
/* Copies of the reader that call stress_step() at each step, which may wait. */
#ifndef TESTS_READER_COPY_H
#define TESTS_READER_COPY_H

#include "reader/reader.h"

struct reader_copy {
    enum reader_status (*begin)(struct snapshot *ret_snapshot, struct reader *reader);
    struct place (*seek)(struct snapshot *snapshot, enum table table, const struct record_key *key);
    enum reader_status (*fetch)(struct snapshot *snapshot, enum table table,
                                const struct record_key *key, struct place *place, uint8_t *out,
                                size_t *ret_len);
    void (*remember)(const struct reader *reader, uint64_t nonce, enum table table, uint64_t key,
                     const struct place *place);
    enum reader_status (*end)(const struct snapshot *snapshot);
};

extern const struct reader_copy delayed_reader;
/* Controls, which must fail. */
extern const struct reader_copy control_reader; /* accepts state T + 2 as T */
extern const struct reader_copy by_id_reader;   /* accepts another state with the same id */

/* Pages change at each step, and each load is checked (test_moving_pages.c). */
extern const struct reader_copy moved_reader;

void stress_step(void);
void moved_step(void);
void moved_load(const void *at, size_t len);

#endif
