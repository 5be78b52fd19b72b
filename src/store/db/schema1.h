/* SPDX-License-Identifier: ISC */
/* Values in schema 1 (0.1.0): version byte 1, CRC-32 (IEEE) over table, key and value. */
#ifndef ESPT_STORE_DB_SCHEMA1_H
#define ESPT_STORE_DB_SCHEMA1_H

#include "common/record.h"

/* Converts a record to this schema; `out` has RECORD_MAX bytes. False: it is damaged. */
bool schema1_convert(enum table table, const struct record_key *key, const void *value, size_t len,
                     uint8_t *out, size_t *ret_len);
/* False: the state record is damaged. */
bool schema1_state(const void *value, size_t len, struct state_record *ret_state);

#endif
