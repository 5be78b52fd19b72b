/* SPDX-License-Identifier: ISC */
/* The reader, with a random delay at each step. */
#define COPY delayed
#include "stress/reader_copy.inc"
