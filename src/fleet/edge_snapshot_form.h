/* SPDX-License-Identifier: ISC */
/* The bytes of a snapshot for edges; docs/journal-format.md lists them. */
#ifndef ESPT_FLEET_EDGE_SNAPSHOT_FORM_H
#define ESPT_FLEET_EDGE_SNAPSHOT_FORM_H

#include "fleet/edge_snapshot.h"

static const uint8_t edge_magic[4] = {'E', 'S', 'P', 'X'};
static const char edge_label[] = "esp-token journal edge snapshot"; /* of the index's signature */

#define EDGE_PIECE (4UL << 20) /* a piece ends when it is as long as this */
#define EDGE_FIXED_MAX 512     /* bytes of an index without changes, pieces and signature */
#define EDGE_PIECE_ENTRY (4UL + FLEET_HASH_LEN)

#endif
