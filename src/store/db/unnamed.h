/* SPDX-License-Identifier: ISC */
/* Unnamed temporary files, for data that is too large for memory: no other process can open one,
   and closing the descriptor removes it. */
#ifndef ESPT_STORE_DB_UNNAMED_H
#define ESPT_STORE_DB_UNNAMED_H

/* Opens an unnamed file, with mode 0600, in $TMPDIR, /var/tmp or /tmp. -1: none could be opened;
   errno says why, and ret_folder names the folder that was tried last. */
int unnamed_open(const char **ret_folder);

#endif
