/* SPDX-License-Identifier: ISC */
/* fleet key, init, site, edge and join. */
#include "cli/fleet.h"

#include "cli/output.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static void key_text(const uint8_t key[static SITE_KEY_LEN], char out[static SITE_KEY_TEXT])
{
    sodium_bin2hex(out, SITE_KEY_TEXT, key, SITE_KEY_LEN);
}

int run_fleet_key(struct cli *cli, struct espt_error *err)
{
    bool made;
    uint8_t public[SITE_KEY_LEN];
    char text[SITE_KEY_TEXT];
    int code = cli_config(cli, err);
    if (code == 0)
        code = cli_fleet_section(cli, err);
    if (code == 0)
        code = fleet_key(&cli->config, &made, public, err);
    if (code != 0)
        return code;
    key_text(public, text);
    if (cli->json)
        return json_print(
            json_pack("{s:{s:s, s:s}}", "site", "name", cli->config.fleet_name, "key", text), err);
    printf("%s %s\n", cli->config.fleet_name, text);
    return 0;
}

static int print_place(struct cli *cli, const char *what, struct espt_error *err)
{
    struct fleet_place place;
    char id[2 * FLEET_ID_LEN + 1];
    int code = fleet_place(cli->store, &place, err);
    if (code != 0)
        return code;
    sodium_bin2hex(id, sizeof id, place.position.id, FLEET_ID_LEN);
    if (cli->json)
        return json_print(json_pack("{s:{s:s, s:s, s:I}}", what, "fleet", id, "site",
                                    cli->config.fleet_name, "entry",
                                    (json_int_t)place.position.number),
                          err);
    printf("%s: fleet %s, %s %s, entry %llu\n", what, id, place.edge ? "edge" : "site",
           cli->config.fleet_name, (unsigned long long)place.position.number);
    return 0;
}

int run_fleet_init(struct cli *cli, struct espt_error *err)
{
    char seen[PATH_MAX];
    int code = cli_fleet_open(cli, err);
    if (code == 0)
        code = fleet_init(cli->fleet, cli->store, err);
    if (code == 0)
        code = print_place(cli, "begun", err);
    if (code == 0 && !cli->json)
        printf("Copy %s to every machine that joins.\n", path_seen(cli->config.fleet_trust, seen));
    return code;
}

/* --- sites and edges --- */

static json_t *json_of_site(const char *name, const uint8_t *key)
{
    char text[SITE_KEY_TEXT] = "";
    if (key != NULL)
        key_text(key, text);
    return json_pack("{s:s, s:o}", "name", name, "key", json_text_or_null(text));
}

static int list_members(struct cli *cli, bool edge, struct espt_error *err)
{
    struct sites sites;
    struct fleet_place place;
    char text[SITE_KEY_TEXT];
    int code = fleet_place(cli->store, &place, err);
    if (code == 0)
        code = fleet_catch_up(cli->fleet, cli->store, err);
    if (code == 0)
        code = fleet_sites(cli->store, &sites, err);
    if (code != 0)
        return code;
    json_t *list = cli->json ? json_array() : NULL;
    for (size_t i = 0; i < sites.count; i++) {
        const struct site *site = &sites.items[i];
        if (site->edge != edge)
            continue;
        key_text(site->key, text);
        if (cli->json)
            json_array_append_new(list, json_of_site(site->name, site->key));
        else
            printf("%s %s\n", site->name, text);
    }
    sites_clear(&sites);
    return cli->json ? json_print(json_pack("{s:o}", edge ? "edges" : "sites", list), err) : 0;
}

static int parse_site_key(const char *text, uint8_t ret_key[static SITE_KEY_LEN],
                          struct espt_error *err)
{
    size_t len = 0;
    if (strlen(text) == SITE_KEY_TEXT - 1 && strspn(text, "0123456789abcdef") == strlen(text) &&
        sodium_hex2bin(ret_key, SITE_KEY_LEN, text, strlen(text), NULL, &len, NULL) == 0 &&
        len == SITE_KEY_LEN)
        return 0;
    return espt_fail(err, ESPT_USAGE,
                     "KEY is not %d digits of 0-9 a-f, as 'esp-tokenctl fleet key' prints them",
                     SITE_KEY_TEXT - 1);
}

static int change_member(struct cli *cli, bool adds, bool edge, struct espt_error *err)
{
    const char *name = cli->options.operand[1], *what = edge ? "edge" : "site";
    uint8_t key[SITE_KEY_LEN];
    int code = adds ? parse_site_key(cli->options.operand[2], key, err) : 0;
    if (code == 0 && !entity_name_ok(name, strlen(name)))
        code =
            espt_fail(err, ESPT_USAGE, "NAME is not the name of %s", edge ? "an edge" : "a site");
    if (code == 0)
        code = cli_fleet_open(cli, err);
    if (code == 0)
        code = store_not_edge(cli->store, err);
    if (code == 0)
        code = fleet_site_change(cli->fleet, cli->store, name, adds ? key : NULL, edge, err);
    if (code != 0)
        return code;
    if (cli->json)
        return json_print(
            json_pack("{s:o}", adds ? "added" : "removed", json_of_site(name, adds ? key : NULL)),
            err);
    printf("%s %s %s\n", adds ? "added" : "removed", what, name);
    return 0;
}

static int run_members(struct cli *cli, bool edge, struct espt_error *err)
{
    const char *what = cli->options.operand[0];
    const int operands = cli->options.operands;
    if (strcmp(what, "list") == 0 && operands == 1) {
        int code = cli_fleet_open(cli, err);
        return code == 0 ? list_members(cli, edge, err) : code;
    }
    if (strcmp(what, "add") == 0 && operands == 3)
        return change_member(cli, true, edge, err);
    if (strcmp(what, "remove") == 0 && operands == 2)
        return change_member(cli, false, edge, err);
    return espt_fail(err, ESPT_USAGE, "write add NAME KEY, remove NAME, or list");
}

int run_fleet_site(struct cli *cli, struct espt_error *err)
{
    return run_members(cli, false, err);
}

int run_fleet_edge(struct cli *cli, struct espt_error *err)
{
    return run_members(cli, true, err);
}

/* --- join --- */

static int ask(const struct fleet_lost *lost, struct espt_error *err)
{
    fprintf(stderr,
            "The fleet lacks this part of the store, and joining discards it:\n"
            "  %llu entities%s%s%s\n  %llu tokens\n  a log of %llu entries\n",
            (unsigned long long)lost->entities, lost->entities > 0 ? " (" : "", lost->names,
            lost->entities > 0 ? ")" : "", (unsigned long long)lost->tokens,
            (unsigned long long)lost->entries);
    return prompt("join the fleet and discard it?", err);
}

int run_fleet_join(struct cli *cli, struct espt_error *err)
{
    struct fleet_lost lost = {0}, shown;
    bool made;
    uint8_t public[SITE_KEY_LEN];
    const bool anything = given(cli, OPTION_YES), edge = given(cli, OPTION_EDGE);
    int code = cli_fleet_open(cli, err);
    if (code == 0 && edge)
        code = fleet_key(&cli->config, &made, public, err); /* signs its reports */
    if (code == 0)
        code = fleet_join(cli->fleet, cli->store, edge, anything, NULL, &lost, err);
    if (code == ESPT_REFUSED && lost.entities + lost.tokens + lost.entries > 0) {
        code = prompt_possible(cli, err);
        if (code == 0)
            code = ask(&lost, err);
        shown = lost;
        if (code == 0)
            code = fleet_join(cli->fleet, cli->store, edge, false, &shown, &lost, err);
    }
    return code == 0 ? print_place(cli, "joined", err) : code;
}
