/* SPDX-License-Identifier: ISC */
/* Which entries of the log a request is about: those of one entity and, if that entity itself asks,
   of its customers. The store shows only those that the entity that asks may see (§5.9). */
#ifndef ESPT_PORTAL_SCOPE_H
#define ESPT_PORTAL_SCOPE_H

#include "portal/broker.h"

#include <jansson.h>

struct scope {
    uint32_t entity; /* number */
    bool customers;  /* entries about the customers of the one who asks, too */
    bool by_token;
    uint64_t token; /* by_token: entries about it alone */
};
/* `customers`: also the entries about its customers. */
ESPT_MUST_USE int scope_begin(struct scope *ret_scope, struct broker *broker, const struct who *who,
                              const char *entity, bool customers, struct espt_error *err);

/* The document of an entry with the changes that are in the scope; a new reference. NULL: there are
   none. */
json_t *scope_entry(const struct scope *scope, const struct log_entry *entry);

#endif
