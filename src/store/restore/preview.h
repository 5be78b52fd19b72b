/* SPDX-License-Identifier: ISC */
/*
 * What a restore would undo. Tokens that were removed, switched off or ended since the backup, and
 * entities that were suspended, would work again, unless restore_keep_removed() prevents that.
 */
#ifndef ESPT_STORE_RESTORE_PREVIEW_H
#define ESPT_STORE_RESTORE_PREVIEW_H

#include "store/texts.h"

struct restore_preview {
    bool is_compared;            /* backup and store were read; else the fields below are unknown */
    int64_t last_change;         /* in the backup, Unix seconds; 0: it has no log */
    struct name_list removed;    /* tokens that the store no longer holds */
    struct name_list off, ended; /* tokens that are switched off now, or have expired */
    struct name_list suspended, gone; /* entities that are inactive now, and that no longer exist */
    bool has_keys;                    /* the secret reveal key was read, and `texts` is filled */
    struct texts texts;               /* texts of the backup */
};

/* Compares the backup at `path` with the store; neither is changed. */
void restore_preview(const struct config *config, const char *path,
                     struct restore_preview *ret_preview);

#endif
