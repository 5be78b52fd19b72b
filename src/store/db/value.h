/* SPDX-License-Identifier: ISC */
/* A record's value, in the map or on a page. It is valid until the transaction's next write. */
#ifndef ESPT_STORE_DB_VALUE_H
#define ESPT_STORE_DB_VALUE_H

#include <stddef.h>
#include <stdint.h>

struct record_value {
    const uint8_t *data;
    size_t len;
};

#endif
