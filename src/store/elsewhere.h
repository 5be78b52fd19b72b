/* SPDX-License-Identifier: ISC */
/* Uses that other machines of a fleet have counted (src/fleet). They are added to those of this
   machine wherever a token's uses are shown. */
#ifndef ESPT_STORE_ELSEWHERE_H
#define ESPT_STORE_ELSEWHERE_H

#include <stddef.h>
#include <stdint.h>

struct elsewhere_use {
    uint64_t id;
    uint64_t uses;     /* of all machines together */
    int64_t last_used; /* Unix seconds; the latest */
};

struct elsewhere {
    struct elsewhere_use *items; /* in order of id; owned */
    size_t count;
    char unknown[320]; /* why uses are not known, and what to do; empty: they are */
};

#endif
