/* The clock of the store: what it is set to, however wrong. */
#ifndef ESPT_STORE_CLOCK_H
#define ESPT_STORE_CLOCK_H

#include <stdint.h>

/* Unix milliseconds, and seconds; never before 1970-01-01T00:00:01Z, since 0 is no time. */
int64_t clock_ms(void);
int64_t clock_now(void);

#endif
