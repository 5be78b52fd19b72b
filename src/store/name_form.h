/* SPDX-License-Identifier: ISC */
/*
 * Unicode's view of token names (specification §5.5), in the version of Unicode that utf8proc
 * knows. A name is stored in the form NFC, so two names that are canonically equal are the same
 * bytes. Stores of 0.2.0 and earlier may hold names in other forms.
 */
#ifndef ESPT_STORE_NAME_FORM_H
#define ESPT_STORE_NAME_FORM_H

#include "common/name.h"

/* Writes the name in NFC. False: that is longer than TOKEN_NAME_MAX, or `name` is not UTF-8. */
bool name_composed(const char *name, char ret_name[static TOKEN_NAME_MAX + 1]);
/* True if the name, which is UTF-8, is in NFC. */
bool name_is_composed(const char *name);
/* True if a name other than these bytes may have this NFC form. False only for ASCII. */
bool name_has_forms(const char *name);
/* True if the name, which is UTF-8, has a character that can be seen by itself. */
bool name_is_visible(const char *name);

#endif
