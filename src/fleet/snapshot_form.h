/* SPDX-License-Identifier: ISC */
/* The bytes of a snapshot; docs/journal-format.md lists them. */
#ifndef ESPT_FLEET_SNAPSHOT_FORM_H
#define ESPT_FLEET_SNAPSHOT_FORM_H

#include "fleet/snapshot.h"

#define SNAPSHOT_PIECE (4UL << 20) /* pieces end when the next record would make them longer */
#define SNAPSHOT_PIECES_MAX 1000000
#define SNAPSHOT_LABEL "esp-token journal snapshot" /* of the head's signature */
#define SNAPSHOT_HEAD_MAX 512                       /* without the hashes */

/* The name of a piece in the journal; `piece` -1: of the head. Names that begin with `edge-` are
   those of edges, so that a journal that has roles can tell them apart. */
void snapshot_name(const uint8_t id[static FLEET_ID_LEN], bool edge, int64_t piece,
                   char ret_name[static ESPT_JOURNAL_NAME_MAX + 1]);
size_t snapshot_encode_head(const struct fleet_snapshot *snapshot, uint8_t *out);

#endif
