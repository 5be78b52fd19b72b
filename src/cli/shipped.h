/* SPDX-License-Identifier: ISC */
/* The files of etc/ as texts, made by the Makefile. */
#ifndef ESPT_CLI_SHIPPED_H
#define ESPT_CLI_SHIPPED_H

extern const char shipped_tiers[];
extern const char shipped_config[];

#endif
