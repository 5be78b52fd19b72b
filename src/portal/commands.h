/* SPDX-License-Identifier: ISC */
/*
 * The fixed set of commands that the worker may send to a broker, with the fields that each takes.
 * The worker finds the command of an HTTP request in this table; the broker refuses every message
 * that does not fit it.
 */
#ifndef ESPT_PORTAL_COMMANDS_H
#define ESPT_PORTAL_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The texts of a message, in the order in which they stand in it. */
enum field {
    FIELD_COOKIE, /* the secret of a session */
    FIELD_TICKET, /* proof that the connection's peer is the proxy (PORTAL_PEER) */
    FIELD_PROXY_SECRET,
    FIELD_PROXY_ENTITY,
    FIELD_PROXY_PERSON,
    FIELD_PROXY_ROLE,
    FIELD_ENTITY,
    FIELD_TOKEN,
    FIELD_NAME,
    FIELD_NOTE,
    FIELD_EXPIRES,
    FIELD_STATUS,
    FIELD_TIER,
    FIELD_CONTACT,
    FIELD_OVERLAP,
    FIELD_METRIC,
    FIELD_LINK,
    FIELD_IF_MATCH,
    FIELD_KEY, /* Idempotency-Key */
    FIELD_LAST,
    FIELD_Q,
    FIELD_SHOW,
    FIELD_SORT,
    FIELD_CUSTOMERS,
    FIELD_ABOUT, /* ?token= of the log */
    FIELD_TOUCH,
    FIELD_DOWNLOAD, /* the body is entries with commas between them, and location is the cursor */
    FIELD_CURSOR,
    FIELD_LIMIT,
    FIELD_COUNT
};
#define FIELD_BIT(field) (UINT64_C(1) << (field))
#define FIELDS_IDENTITY                                                                  \
    (FIELD_BIT(FIELD_COOKIE) | FIELD_BIT(FIELD_TICKET) | FIELD_BIT(FIELD_PROXY_SECRET) | \
     FIELD_BIT(FIELD_PROXY_ENTITY) | FIELD_BIT(FIELD_PROXY_PERSON) | FIELD_BIT(FIELD_PROXY_ROLE))

enum portal_command {
    PORTAL_PEER, /* not by HTTP: with a connection's descriptor; the answer is a ticket */
    PORTAL_SESSION,
    PORTAL_SIGN_IN,
    PORTAL_SIGN_OUT,
    PORTAL_TIERS,
    PORTAL_ENTITIES,
    PORTAL_ENTITY_ADD,
    PORTAL_ENTITY,
    PORTAL_ENTITY_EDIT,
    PORTAL_ENTITY_REMOVE,
    PORTAL_TOKENS,
    PORTAL_CREATE,
    PORTAL_LOG,
    PORTAL_TOKEN,
    PORTAL_EDIT,
    PORTAL_REMOVE,
    PORTAL_ROTATE,
    PORTAL_RETIRE,
    PORTAL_REVEAL,
    PORTAL_EXPLAIN,
    PORTAL_COMMANDS
};

struct portal_command_entry {
    const char *method;  /* NULL: not by HTTP */
    const char *path;    /* below /api/v1; {e} and {id} stand for the name of an entity, an id */
    const char *command; /* the word in the audit log, as of esp-tokenctl */
    uint64_t query;      /* fields that may stand in the query string */
    uint64_t body;       /* fields that may stand in the body */
    uint64_t needed;     /* fields that must be there */
    uint64_t headers;    /* FIELD_IF_MATCH, FIELD_KEY */
    bool takes_body;
    bool changes;   /* the writing broker runs it */
    bool by_viewer; /* a viewer may run it */
    bool anyone;    /* it needs no identity */
};
extern const struct portal_command_entry portal_commands[PORTAL_COMMANDS];

/* The member of a body or parameter of a query string; the name of a field in messages. NULL: the
   field is neither. */
const char *field_name(enum field field);
/* The fields that a message of that command may have. */
uint64_t command_fields(enum portal_command command);

/* Finds the command for a path below /api/v1. *ret_path: the path exists, perhaps with another
   method. In `ret_route`, `entity` and `token` point into the path, at what stands for {e} and
   {id}. */
struct route {
    enum portal_command command;
    const char *entity, *token; /* NULL: none */
    size_t entity_len, token_len;
};
bool route_find(const char *method, const char *path, struct route *ret_route, bool *ret_path);

#endif
