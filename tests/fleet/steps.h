/* SPDX-License-Identifier: ISC */
/* Commands of every kind, for a fleet of two sites that fleet_begin() has begun. */
#ifndef TESTS_FLEET_STEPS_H
#define TESTS_FLEET_STEPS_H

#include <stddef.h>

/* Each runs at site 0 or 1, in this order. Tests compare the stores after each step. */
static const struct {
    int site;
    const char *input;
    const char *args[12];
} steps[] = {
    {0, NULL, {"entity", "add", "bolt", "--kind", "customer", "--reseller", "acme"}},
    {1, NULL, {"entity", "add", "zed", "--kind", "customer", "--contact", "zed@example.com"}},
    {1, NULL, {"create", "acme", "web", "--note", "of the web"}},
    {0, NULL, {"create", "acme", "api", "--expires", "30d"}},
    {0, NULL, {"create", "acme", "brief", "--expires", "3d"}},
    {1, NULL, {"notify"}}, /* each site remembers what it has sent */
    {0, NULL, {"remove", "acme/brief", "--yes"}},
    {1, NULL, {"check"}}, /* and forgets it with the token */
    {0, NULL, {"edit", "acme/web", "--name", "www", "--expires", "never"}},
    {1, NULL, {"edit", "acme/www", "--status", "inactive"}},
    {0, NULL, {"edit", "acme/www", "--status", "active"}},
    {1, NULL, {"rotate", "acme/www"}},
    {0, NULL, {"rotate", "acme/www", "--overlap", "0"}},
    {1, NULL, {"rotate", "acme/api", "--overlap", "2d"}},
    {0, NULL, {"retire", "acme/api"}},
    {1, NULL, {"show", "acme/www", "--reveal"}},
    {0, NULL, {"entity", "edit", "bolt", "--name", "volt", "--reseller", "none"}},
    {1, NULL, {"entity", "edit", "volt", "--reseller", "acme", "--tier", "advanced"}},
    {0, NULL, {"entity", "edit", "acme", "--tier", "lite", "--cascade"}},
    {1, NULL, {"entity", "edit", "acme", "--tier", "advanced"}},
    {0, NULL, {"entity", "edit", "acme", "--status", "inactive"}},
    {1, NULL, {"entity", "edit", "acme", "--status", "active", "--contact", ""}},
    {0, "one\n", {"create", "acme", "--from", "-"}},
    {1, "m1 customer\nm2 customer\n", {"entity", "add", "--from", "-"}},
    {1, NULL, {"entity", "edit", "volt", "--tier", "advanced"}},
    {0, NULL, {"create", "volt", "late", "--as", "acme"}},
    {1, NULL, {"edit", "volt/late", "--status", "inactive", "--as", "acme"}},
    {1, NULL, {"remove", "volt/late", "--yes"}},
    {0, NULL, {"remove", "acme/www", "--yes"}},
    {0, NULL, {"entity", "remove", "zed", "--yes"}},
    {1, NULL, {"usage", "fold"}},
    {0, NULL, {"key", "passphrase", "--remove"}},
};
#define STEPS (sizeof steps / sizeof *steps)

#endif
