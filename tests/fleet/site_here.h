/* SPDX-License-Identifier: ISC */
/* Opens a site of a fleet in the test's own process, so that the test can read its state and sign
   forgeries with its key. */
#ifndef TESTS_FLEET_SITE_HERE_H
#define TESTS_FLEET_SITE_HERE_H

#include "fleet/member.h"

struct site_here {
    struct config config;
    struct fleet *fleet; /* its key is loaded */
    struct store *store;
    struct fleet_trust trust;
};
/* `config` is the path of the site's configuration. Its journal is a dir journal. */
void site_here_open(struct site_here *ret, const char *config);
void site_here_close(struct site_here *site);
/* Fails the test unless the code is 0. */
void site_here_must(int code, const struct espt_error *err);

#endif
