/* SPDX-License-Identifier: ISC */
/*
 * What decides about requests: the options and an open validator. A reload opens a new gate beside
 * the old one and exchanges them between two requests; if it cannot be opened, the old one stays.
 */
#ifndef ESPT_AUTHD_GATE_H
#define ESPT_AUTHD_GATE_H

#include "load.h"
#include "options.h"

struct gate {
    struct options options;
    struct espt_loaded validator;
    espt_ctx *ctx;
};

/* Returns NULL with one line in `err`. */
struct gate *gate_new(int argc, char **argv, char *err, size_t err_len);
void gate_free(struct gate *gate);

/* The gate in force. Between gate_enter() and gate_leave() it is not freed. */
void gate_install(struct gate *gate);
const struct gate *gate_enter(void);
void gate_leave(void);

/* Frees the gate in force, after all threads have ended. */
void gate_remove(void);

#endif
