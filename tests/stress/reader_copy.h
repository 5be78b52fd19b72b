/* Copies of the reader that wait at each step, where stress_step() says so. */
#ifndef TESTS_READER_COPY_H
#define TESTS_READER_COPY_H

#include "reader/reader.h"

struct reader_copy {
    enum reader_status (*begin)(struct snapshot *ret_snapshot, struct reader *reader);
    struct place (*seek)(struct snapshot *snapshot, enum table table, const struct record_key *key);
    enum reader_status (*take)(struct snapshot *snapshot, enum table table,
                               const struct record_key *key, struct place *place, uint8_t *out,
                               size_t *ret_len);
    void (*remember)(const struct reader *reader, uint64_t nonce, enum table table, uint64_t key,
                     const struct place *place);
    enum reader_status (*end)(const struct snapshot *snapshot);
};

extern const struct reader_copy delayed_reader;
extern const struct reader_copy control_reader; /* T+2 passes for T: this one must fail */

void stress_step(void);

#endif
