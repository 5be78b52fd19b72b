/* SPDX-License-Identifier: ISC */
/* Copying and removing files and folders, without starting a process. */
#ifndef TESTS_SUPPORT_FOLDER_H
#define TESTS_SUPPORT_FOLDER_H

#include <stdbool.h>

/* Copies a file with its owner, mode and times. There must be no file `to`. */
void file_copy(const char *from, const char *to);

/* Copies a folder and all that is in it, in the same way. A folder that is at `to` is removed
   first. */
void folder_copy(const char *from, const char *to);

/* Removes a folder with its contents. False: something could not be removed; errno is set. */
bool folder_remove(const char *folder);

#endif
