/* SPDX-License-Identifier: ISC */
/* Which special instructions this processor has. They are detected once, at the first use, because
   cpuid is slow in a virtual machine. There is no constructor, because it would run in every host.
 */
#ifndef ESPT_COMMON_CPU_H
#define ESPT_COMMON_CPU_H

#include <stdbool.h>

enum cpu_feature {
    CPU_CRC32C = 1, /* SSE4.2 */
    CPU_CLMUL = 2,  /* carry-less multiplication, with SSE4.1 */
};
bool cpu_has(enum cpu_feature feature);

#endif
