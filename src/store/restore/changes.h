/* SPDX-License-Identifier: ISC */
/* What leads from a store back to a backup: as changes, for people and the log, and as records. */
#ifndef ESPT_STORE_RESTORE_CHANGES_H
#define ESPT_STORE_RESTORE_CHANGES_H

#include "store/backup.h"
#include "store/changes.h"

/* More changes than this do not fit into an entry of a fleet's journal. */
#define RESTORE_CHANGES_MAX 50000

/* Appends the changes that the log will show for the restore. A failure fails `live`. */
void restore_changes(struct changes *changes, struct txn *live, struct txn *old,
                     struct restore_counts *ret_counts);
/* Gives the tables of `live`, without the log and what each machine keeps for itself, the records
   of `old`. The sealed text of a token that both have stays: it may be sealed to a newer key. */
void restore_records(struct txn *live, struct txn *old);

#endif
