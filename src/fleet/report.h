/* SPDX-License-Identifier: ISC */
/*
 * A report of uses: how often each token was allowed by the hosts of one machine, and when last, as
 * totals that only rise. A machine replaces its report in the journal; sites add the reports up.
 * docs/journal-format.md lists the bytes.
 *
 * MUST 1: the decoder accepts any bytes, and takes nothing on trust.
 * MUST 2: a report counts only if the key that the fleet knows for its machine has signed it. So
 *         whoever has the journal can withhold a report or repeat an old one, which its time shows,
 *         but cannot make one.
 */
#ifndef ESPT_FLEET_REPORT_H
#define ESPT_FLEET_REPORT_H

#include "fleet/entry.h"

#define REPORT_FORM 1
/* Tokens in one report. More do not fit into the journal's record. */
#define REPORT_USES_MAX 40000
/* How far the clock of a machine may be ahead of another's, in seconds. */
#define REPORT_AHEAD_MAX 60

struct report_use {
    uint64_t id, uses;
    int64_t last_used; /* Unix seconds */
};

struct report {
    uint8_t fleet[FLEET_ID_LEN];
    char name[SITE_NAME_MAX + 1]; /* of the machine */
    uint64_t number;              /* of the last entry that it has */
    int64_t time;                 /* Unix seconds, by its clock */
    bool whole;                   /* false: more tokens were used than fit */
    size_t count;
    const uint8_t *uses; /* `count` of them, in order of id: report_use_at() */
};

struct report_use report_use_at(const struct report *report, size_t index);

/* Encodes and signs; `uses` are in order of id, at most REPORT_USES_MAX (report->count), and
   report->uses is ignored. *ret_bytes is allocated. */
ESPT_MUST_USE int report_encode(const struct report *report, const struct report_use *uses,
                                const uint8_t secret[static crypto_sign_SECRETKEYBYTES],
                                uint8_t **ret_bytes, size_t *ret_len, struct espt_error *err);
/* Decodes without the signature, which needs the name. `ret` refers to `bytes`. NEWER: as in
   entry.h; `ret_needs` has ENTRY_NEEDS_MAX + 1 bytes. */
enum entry_verdict report_decode(const uint8_t *bytes, size_t len, struct report *ret,
                                 char *ret_needs);
/* Whether that key signed the report, which report_decode() found good. */
bool report_signed_by(const uint8_t *bytes, size_t len, const uint8_t key[static SITE_KEY_LEN]);
/* Both, and the report is that of this machine in this fleet (MUST 2). */
bool report_good(const uint8_t *bytes, size_t len, const char *name,
                 const uint8_t fleet[static FLEET_ID_LEN], const uint8_t key[static SITE_KEY_LEN],
                 struct report *ret);

#endif
