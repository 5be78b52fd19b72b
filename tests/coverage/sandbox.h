/* SPDX-License-Identifier: ISC */
/*
 * Included before src/portal/sandbox.c in the coverage variant. The portal's worker may open no
 * file, so it could not write its counters. In this variant alone it may do what libgcov needs for
 * that. The release variant's tests prove the filter (tests/portal/test_sandbox.c).
 */
#ifndef TESTS_COVERAGE_SANDBOX_H
#define TESTS_COVERAGE_SANDBOX_H

#include <seccomp.h>
#include <stddef.h>
#include <sys/resource.h>

static inline void counters_allow(scmp_filter_ctx filter)
{
    static const int calls[] = {SCMP_SYS(openat), SCMP_SYS(newfstatat), SCMP_SYS(lseek),
                                SCMP_SYS(ftruncate)};
    for (size_t i = 0; filter != NULL && i < sizeof calls / sizeof *calls; i++)
        (void)!seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
}

/* A file size limit of 0 would also keep the counters from being written. */
static inline int counters_limit(__rlimit_resource_t which, const struct rlimit *limit)
{
    return which == RLIMIT_FSIZE ? 0 : setrlimit(which, limit);
}

#define seccomp_load(filter) (counters_allow(filter), (seccomp_load)(filter))
#define setrlimit counters_limit

#endif
