/* SPDX-License-Identifier: ISC */
/* The settings of a journal plugin: lines `KEY = VALUE`; comments begin with ; or #. */
#ifndef ESPT_JOURNAL_SETTINGS_H
#define ESPT_JOURNAL_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#define SETTING_KEY_MAX 63
#define SETTING_VALUE_MAX 4095

struct setting {
    char key[SETTING_KEY_MAX + 1];
    char value[SETTING_VALUE_MAX + 1];
    int line; /* from 1 */
};
/* Reads the next setting at *at and moves *at past it. Set ret->line to 0 before the first call.
   Returns 1 for a setting, 0 at the end, or -1 if line ret->line is no setting: then its key and
   value are empty. */
int setting_next(const char **at, struct setting *ret);

#endif
