/* The clock of the store: what it is set to, however wrong. */
#ifndef ESPT_STORE_CLOCK_H
#define ESPT_STORE_CLOCK_H

#include <stdint.h>

/* Unix milliseconds, and seconds; 0 before 1970. */
int64_t clock_ms(void);
int64_t clock_now(void);

#endif
