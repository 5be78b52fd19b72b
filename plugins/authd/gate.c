/* SPDX-License-Identifier: ISC */
#include "gate.h"

#include "log.h"

#include <pthread.h>
#include <stdlib.h>

/* A reload must get its turn although requests follow one another without a gap. */
static pthread_rwlock_t lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static struct gate *in_force;

struct gate *gate_new(int argc, char **argv, char *err, size_t err_len)
{
    struct gate *gate = calloc(1, sizeof *gate);
    if (gate == NULL) {
        snprintf(err, err_len, "out of memory");
        return NULL;
    }
    if (options_read(&gate->options, argc, argv, err, err_len) &&
        (gate->options.help || gate->options.version ||
         (espt_load(&gate->validator, gate->options.validator, err, err_len) &&
          gate->validator.v->open(&gate->ctx, gate->options.config, log_validator, NULL, err,
                                  err_len))))
        return gate;
    gate_free(gate);
    return NULL;
}

void gate_free(struct gate *gate)
{
    if (gate == NULL)
        return;
    if (gate->validator.v != NULL && gate->ctx != NULL)
        gate->validator.v->close(gate->ctx);
    espt_unload(&gate->validator);
    options_clear(&gate->options);
    free(gate);
}

void gate_install(struct gate *gate)
{
    pthread_rwlock_wrlock(&lock);
    struct gate *old = in_force;
    in_force = gate;
    pthread_rwlock_unlock(&lock);
    gate_free(old);
}

const struct gate *gate_enter(void)
{
    pthread_rwlock_rdlock(&lock);
    return in_force;
}

void gate_leave(void)
{
    pthread_rwlock_unlock(&lock);
}

void gate_remove(void)
{
    gate_install(NULL);
}
