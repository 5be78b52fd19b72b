/* SPDX-License-Identifier: ISC */
#ifndef ESPT_CLI_NOTIFY_H
#define ESPT_CLI_NOTIFY_H

#include "common/config.h"

/* Whether the program may be run: it is trusted (specification §4.2) and executable. */
ESPT_MUST_USE int notify_check_program(const struct config *config, const char *path,
                                       struct espt_error *err);

#endif
