/* SPDX-License-Identifier: ISC */
/* The clock that the store uses: the system's real-time clock, even if it is set wrong. */
#ifndef ESPT_STORE_CLOCK_H
#define ESPT_STORE_CLOCK_H

#include <stdint.h>

/* Unix milliseconds, and Unix seconds; never before 1970-01-01T00:00:01Z, because 0 means no
   time. */
int64_t clock_ms(void);
int64_t clock_now(void);

#endif
