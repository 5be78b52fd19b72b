/* SPDX-License-Identifier: ISC */
/* Runs a command of which one allocation or C library call fails (shim.c). */
#ifndef TESTS_FAULT_FAILING_H
#define TESTS_FAULT_FAILING_H

#include "support/support.h"

/* Runs the command with call number `at` failing; *ret_failed is what failed, and is empty if there
   were fewer calls. Asserts that no descriptor stays open. */
struct run run_failing(const char *const *argv, const char *input, unsigned long at,
                       const char **ret_failed);

#endif
