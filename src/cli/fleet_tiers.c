/* SPDX-License-Identifier: ISC */
/* tier publish and tier pull: one tier table for every site of a fleet. */
#include "cli/fleet.h"
#include "cli/output.h"

#include "common/ini.h"
#include "common/trust.h"
#include "store/db/publish.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void on_finding(void *arg, const struct finding *finding)
{
    (void)arg;
    fprintf(stderr, "%s: %s: %s\n", finding->kind, finding->subject, finding->message);
}

/* Checks the table, prints what it would do to the entities, and asks. */
static int show_and_ask(struct cli *cli, const char *name, const char *text, size_t len,
                        const char *question, struct espt_error *err)
{
    size_t findings;
    int code = tier_table_parse(&cli->tiers, name, text, len, err);
    if (code == 0)
        code = store_check_tiers(cli->store, cli->tiers, on_finding, NULL, &findings, err);
    if (code == 0 && !given(cli, OPTION_YES))
        code = prompt(question, err);
    return code;
}

static int print_hash(const struct cli *cli, const char *what, const char *text, size_t len,
                      struct espt_error *err)
{
    uint8_t hash[FLEET_HASH_LEN];
    char hex[2 * FLEET_HASH_LEN + 1];
    crypto_generichash(hash, sizeof hash, (const uint8_t *)text, len, NULL, 0);
    sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
    if (cli->json)
        return json_print(json_pack("{s:{s:s}}", what, "tiers", hex), err);
    printf("%s tier table %.16s\n", what, hex);
    return 0;
}

/* Puts the table in the place of the one in use, unless it is the same. */
static int put_here(const struct cli *cli, const char *text, size_t len, struct espt_error *err)
{
    char *here;
    size_t here_len;
    struct espt_error ignored;
    const char *path = cli->config.tiers;
    bool same = false;
    if (trust_read(path, geteuid(), TRUST_PUBLIC, INI_FILE_MAX, &here, &here_len, &ignored) == 0) {
        same = here_len == len && memcmp(here, text, len) == 0;
        free(here);
    }
    return same ? 0 : publish_over(path, text, len, 0644, err);
}

int run_tier_publish(struct cli *cli, struct espt_error *err)
{
    char *text = NULL;
    size_t len = 0;
    struct fleet_place place;
    int code = prompt_possible(cli, err);
    if (code == 0)
        code = cli_fleet_member(cli, &place, err);
    const char *path = cli->options.operands > 0 ? cli->options.operand[0] : cli->config.tiers;
    if (code == 0)
        code = trust_read(path, geteuid(), TRUST_PUBLIC, INI_FILE_MAX, &text, &len, err);
    if (code == 0)
        code = show_and_ask(cli, path, text, len, "give the fleet this tier table?", err);
    if (code == 0)
        code = fleet_tiers_publish(cli->fleet, cli->store, text, len, err);
    if (code == 0 && (code = put_here(cli, text, len, err)) != 0)
        espt_add(err, "; the fleet has the table: run 'esp-tokenctl tier pull'");
    if (code == 0)
        code = print_hash(cli, "published", text, len, err);
    free(text);
    return code;
}

int run_tier_pull(struct cli *cli, struct espt_error *err)
{
    char *text = NULL;
    size_t len = 0;
    struct fleet_place place;
    int code = prompt_possible(cli, err);
    if (code == 0)
        code = cli_fleet_member(cli, &place, err);
    if (code == 0)
        code = fleet_catch_up(cli->fleet, cli->store, err);
    if (code == 0)
        code = fleet_tiers_get(cli->fleet, cli->store, &text, &len, err);
    if (code == 0)
        code = show_and_ask(cli, "the fleet's tier table", text, len,
                            "replace the tier table of this machine by that of the fleet?", err);
    if (code == 0)
        code = put_here(cli, text, len, err);
    if (code == 0)
        code = print_hash(cli, "pulled", text, len, err);
    free(text);
    return code;
}
