/* SPDX-License-Identifier: ISC */
/* Checking a whole store. */
#ifndef ESPT_STORE_STORE_CHECK_H
#define ESPT_STORE_STORE_CHECK_H

#include "common/tier.h"
#include "store/store_types.h"

struct finding {
    const char *kind;  /* damaged, index, count, rule, log, page, over-limit, above-reseller,
                          no-token, unknown-tier; text, group: by the command only */
    char subject[192]; /* an entity's name, ENTITY/NAME, a token id or a table */
    char message[512];
};
typedef void (*finding_fn)(void *arg, const struct finding *finding);
/* Proves specification §5 over the whole store. *ret_findings is the number of calls of `fn`.
   `progress` (may be NULL) counts records. */
ESPT_MUST_USE int store_check(struct store *store, const struct tier_table *tiers, finding_fn fn,
                              void *arg, progress_fn progress, void *progress_arg,
                              size_t *ret_findings, struct espt_error *err);
/* Reports what `tiers` would do to the entities: those findings of store_check() that depend on the
   table. */
ESPT_MUST_USE int store_check_tiers(struct store *store, const struct tier_table *tiers,
                                    finding_fn fn, void *arg, size_t *ret_findings,
                                    struct espt_error *err);

#endif
