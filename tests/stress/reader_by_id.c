/* SPDX-License-Identifier: ISC */
/* A control: a reader that compares transaction ids only at the end of a look-up. */
#define COPY by_id
#define READER_BY_IDENTITY false
#include "stress/reader_copy.inc"
