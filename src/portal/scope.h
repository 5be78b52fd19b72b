/* SPDX-License-Identifier: ISC */
/* Whose entries of the log are wanted, of those that the store lets who asks see (§5.9): those of
   an entity and, if it is who asks, of its customers. */
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
