/* SPDX-License-Identifier: ISC */
/* A bounded random sample of the names in the folder of the usage files, drawn separately for each
   user. A hash, which differs from run to run, assigns users to shares. */
#ifndef ESPT_STORE_USAGE_SAMPLE_H
#define ESPT_STORE_USAGE_SAMPLE_H

#include "common/usage.h"

#define USAGE_SHARES 32
#define USAGE_SHARE_NAMES 256 /* equals the number of files of one user that a command opens */

struct usage_sample {
    uint32_t salt;
    uint64_t random; /* state of splitmix64: a system call for each name would be slow */
    uint32_t seen[USAGE_SHARES];
    char name[USAGE_SHARES][USAGE_SHARE_NAMES][USAGE_NAME_SIZE];
};

enum usage_sample_status { USAGE_SAMPLE_ALL, USAGE_SAMPLE_TOO_MANY, USAGE_SAMPLE_UNREAD };
/* Reads the names in the folder `dir` into an empty sample. TOO_MANY: not all names were read.
   UNREAD: the folder could not be read to its end. */
ESPT_MUST_USE enum usage_sample_status usage_sample_read(struct usage_sample *sample, int dir);

#endif
