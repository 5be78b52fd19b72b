/* SPDX-License-Identifier: ISC */
/* The figures of a fleet for Prometheus. */
#ifndef ESPT_CLI_FLEET_FIGURES_H
#define ESPT_CLI_FLEET_FIGURES_H

#include "cli/cli.h"
#include "fleet/uses.h"

struct fleet_figures {
    struct fleet_place place;
    bool reached; /* the journal; else `range` and `stopped` are not known */
    struct fleet_range range;
    bool stopped; /* the entries after this store's cannot be applied */
    size_t sites;
    const struct fleet_uses *uses;
};

ESPT_MUST_USE int fleet_figures_give(const struct cli *cli, const struct fleet_figures *figures,
                                     struct espt_error *err);

#endif
