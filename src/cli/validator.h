/* SPDX-License-Identifier: ISC */
/* The validator plugin that belongs to this esp-tokenctl. */
#ifndef ESPT_CLI_VALIDATOR_H
#define ESPT_CLI_VALIDATOR_H

#include "common/error.h"
#include "espt/validator.h"

#include <limits.h>
#include <stdbool.h>

#define VALIDATOR_FILE "esp_validator.so"
#define VALIDATOR_PATH_MAX (PATH_MAX + 64)

/* Finds the plugin in the folder of this program, or in ../lib/esp-token relative to it, or at the
   installed path. */
ESPT_MUST_USE int validator_find(char ret_path[static VALIDATOR_PATH_MAX], struct espt_error *err);
ESPT_MUST_USE int validator_load(const espt_validator **ret_validator, struct espt_error *err);

#endif
