/* SPDX-License-Identifier: ISC */
#include "portal/commands.h"

#include <string.h>

#define B(name) FIELD_BIT(FIELD_##name)
#define PAGE (B(CURSOR) | B(LIMIT))

const struct portal_command_entry portal_commands[PORTAL_COMMANDS] = {
    [PORTAL_PEER] = {.anyone = true},
    [PORTAL_SESSION] = {"GET", "/session", .query = B(TOUCH), .by_viewer = true},
    [PORTAL_SIGN_IN] = {"POST", "/session", "sign in", .body = B(LINK), .needed = B(LINK),
                        .takes_body = true, .changes = true, .by_viewer = true, .anyone = true},
    [PORTAL_SIGN_OUT] = {"DELETE", "/session", "sign out", .changes = true, .by_viewer = true},
    [PORTAL_TIERS] = {"GET", "/tiers", .by_viewer = true},
    [PORTAL_ENTITIES] = {"GET", "/entities", .query = B(Q) | B(SHOW) | B(SORT) | PAGE,
                         .by_viewer = true},
    [PORTAL_ENTITY_ADD] = {"POST", "/entities", "entity add",
                           .body = B(NAME) | B(TIER) | B(CONTACT), .needed = B(NAME),
                           .headers = B(KEY), .takes_body = true, .changes = true},
    [PORTAL_ENTITY] = {"GET", "/entities/{e}", .by_viewer = true},
    [PORTAL_ENTITY_EDIT] = {"PATCH", "/entities/{e}", "entity edit",
                            .body = B(NAME) | B(TIER) | B(STATUS) | B(CONTACT),
                            .headers = B(IF_MATCH), .takes_body = true, .changes = true},
    [PORTAL_ENTITY_REMOVE] = {"DELETE", "/entities/{e}", "entity remove", .headers = B(IF_MATCH),
                              .changes = true},
    [PORTAL_TOKENS] = {"GET", "/entities/{e}/tokens", .query = B(Q) | B(SORT) | PAGE,
                       .by_viewer = true},
    [PORTAL_CREATE] = {"POST", "/entities/{e}/tokens", "create",
                       .body = B(NAME) | B(EXPIRES) | B(NOTE), .needed = B(NAME), .headers = B(KEY),
                       .takes_body = true, .changes = true},
    [PORTAL_LOG] = {"GET", "/entities/{e}/log",
                    .query = B(CUSTOMERS) | B(ABOUT) | B(DOWNLOAD) | PAGE, .by_viewer = true},
    [PORTAL_TOKEN] = {"GET", "/tokens/{id}", .by_viewer = true},
    [PORTAL_EDIT] = {"PATCH", "/tokens/{id}", "edit",
                     .body = B(NAME) | B(NOTE) | B(EXPIRES) | B(STATUS), .headers = B(IF_MATCH),
                     .takes_body = true, .changes = true},
    [PORTAL_REMOVE] = {"DELETE", "/tokens/{id}", "remove", .query = B(LAST), .headers = B(IF_MATCH),
                       .changes = true},
    [PORTAL_ROTATE] = {"POST", "/tokens/{id}/rotate", "rotate", .body = B(OVERLAP) | B(EXPIRES),
                       .headers = B(KEY), .takes_body = true, .changes = true},
    [PORTAL_RETIRE] = {"POST", "/tokens/{id}/retire", "retire", .headers = B(KEY),
                       .takes_body = true, .changes = true},
    [PORTAL_REVEAL] = {"POST", "/tokens/{id}/reveal", "show", .takes_body = true, .changes = true},
    [PORTAL_EXPLAIN] = {"POST", "/tokens/{id}/explain", .body = B(METRIC), .needed = B(METRIC),
                        .takes_body = true, .by_viewer = true},
};

static const char *const names[FIELD_COUNT] = {
    [FIELD_NAME] = "name",
    [FIELD_NOTE] = "note",
    [FIELD_EXPIRES] = "expires",
    [FIELD_STATUS] = "status",
    [FIELD_TIER] = "tier",
    [FIELD_CONTACT] = "contact",
    [FIELD_OVERLAP] = "overlap",
    [FIELD_METRIC] = "metric",
    [FIELD_LINK] = "link",
    [FIELD_LAST] = "last",
    [FIELD_Q] = "q",
    [FIELD_SHOW] = "show",
    [FIELD_SORT] = "sort",
    [FIELD_CURSOR] = "cursor",
    [FIELD_LIMIT] = "limit",
    [FIELD_ABOUT] = "token",
    [FIELD_CUSTOMERS] = "customers",
    [FIELD_TOUCH] = "touch",
    [FIELD_DOWNLOAD] = "download",
};

const char *field_name(enum field field)
{
    return names[field];
}

uint64_t command_fields(enum portal_command command)
{
    const struct portal_command_entry *entry = &portal_commands[command];
    uint64_t fields = entry->query | entry->body | entry->headers;
    if (entry->path != NULL && strstr(entry->path, "{e}") != NULL)
        fields |= FIELD_BIT(FIELD_ENTITY);
    if (entry->path != NULL && strstr(entry->path, "{id}") != NULL)
        fields |= FIELD_BIT(FIELD_TOKEN);
    return entry->anyone ? fields : fields | FIELDS_IDENTITY;
}

/* Matches one path. A part in braces matches everything up to the next slash. */
static bool path_matches(const char *pattern, const char *path, struct route *route)
{
    while (*pattern != '\0') {
        if (*pattern != '{') {
            if (*pattern++ != *path++)
                return false;
            continue;
        }
        const size_t len = strcspn(path, "/");
        if (pattern[1] == 'e') {
            route->entity = path;
            route->entity_len = len;
        } else {
            route->token = path;
            route->token_len = len;
        }
        if (len == 0)
            return false;
        path += len;
        pattern = strchr(pattern, '}') + 1;
    }
    return *path == '\0';
}

bool route_find(const char *method, const char *path, struct route *ret_route, bool *ret_path)
{
    *ret_path = false;
    if (strcmp(method, "HEAD") == 0)
        method = "GET";
    for (int i = 0; i < PORTAL_COMMANDS; i++) {
        const struct portal_command_entry *entry = &portal_commands[i];
        struct route route = {.command = (enum portal_command)i};
        if (entry->path == NULL || !path_matches(entry->path, path, &route))
            continue;
        *ret_path = true;
        if (strcmp(entry->method, method) != 0)
            continue;
        *ret_route = route;
        return true;
    }
    return false;
}
