/* SPDX-License-Identifier: ISC */
/* Reads a file of `NAME = VALUE` lines, strictly. Lines that begin with # or ;, after blanks or
   not, are comments, and so is the rest of a line from " ;" on. */
#ifndef ESPT_AUTHD_SETTINGS_H
#define ESPT_AUTHD_SETTINGS_H

#include <stddef.h>

/* Returns NULL, or what is wrong with the setting. */
typedef const char *(*settings_fn)(void *arg, const char *name, const char *value);

/* The file must be a regular one that only root and this user can write, of at most 64 KiB. Returns
   1; or 0 with "FILE:LINE: …" in `err`. */
int settings_read(const char *path, settings_fn fn, void *arg, char *err, size_t err_len);

#endif
