/* SPDX-License-Identifier: ISC */
/* The reader, with pages that change at each step, and with checks of each load. */
#define COPY moved
#define READER_STEP() moved_step()
#define READER_LOAD(at, len) moved_load((at), (len))

#include <stddef.h>

void moved_step(void);
void moved_load(const void *at, size_t len);

#include "stress/reader_copy.inc"
