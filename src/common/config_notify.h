/* SPDX-License-Identifier: ISC */
/* The section [notify] of the configuration: the program that tells people of an expiration, and
   when it runs (specification §4.1). */
#ifndef ESPT_COMMON_CONFIG_NOTIFY_H
#define ESPT_COMMON_CONFIG_NOTIFY_H

#include <stddef.h>
#include <stdint.h>

#define NOTIFY_COMMAND_MAX 200 /* bytes; a line of the file is not longer */
#define NOTIFY_ARGS_MAX 32     /* words of the command */
#define NOTIFY_STAGES_MAX 16
#define NOTIFY_TIMEOUT_DEFAULT 60 /* seconds */
#define NOTIFY_TIMEOUT_MAX 3600
#define NOTIFY_EXPIRED "expired"

struct notify_stage {
    uint32_t seconds; /* before the expiration; 0: the token has expired */
    char word[16];    /* as in the file: 7d, expired */
};

struct config_notify {
    char command[NOTIFY_COMMAND_MAX + 1]; /* words separated by blanks; empty: none */
    unsigned timeout;                     /* seconds */
    size_t count;
    struct notify_stage stage[NOTIFY_STAGES_MAX]; /* in no order, without duplicates */
};

void notify_default(struct config_notify *ret_notify);

#endif
