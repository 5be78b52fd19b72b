/* SPDX-License-Identifier: ISC */
/* A control: a reader whose snapshot still counts as valid after two commits, not only one, and
   that compares only transaction ids at the end of a look-up. With a comparison of identities, the
   wrong bound alone does no harm: transaction T + 2 has overwritten T's meta page, so the
   comparison fails. */
#define COPY control
#define READER_BOUND 2
#define READER_BY_IDENTITY false
#include "stress/reader_copy.inc"
