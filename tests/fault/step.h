/* SPDX-License-Identifier: ISC */
/* A test tries every n-th system call (or other step); these functions return n. */
#ifndef TESTS_FAULT_STEP_H
#define TESTS_FAULT_STEP_H

#include <stdlib.h>

/* $FAULT_STEP, or `usual` if that is not set; at least 1. */
static inline unsigned long fault_step_or(unsigned long usual)
{
    const char *text = getenv("FAULT_STEP");
    const unsigned long n = text != NULL ? strtoul(text, NULL, 10) : usual;
    return n > 0 ? n : 1;
}

static inline unsigned long fault_step(void)
{
    return fault_step_or(FAULT_STEP_DEFAULT);
}

/* The time limit of a test, in seconds; 0, none, if every call is tried. */
static inline double fault_step_limit(double usual)
{
    return fault_step() == 1 ? 0 : usual;
}

#endif
