/* SPDX-License-Identifier: ISC */
/* portal link, sessions and end: over the file of links and sessions that the portal uses. */
#include "cli/operand.h"
#include "cli/output.h"

#include "common/when.h"
#include "portal/passes.h"
#include "portal/watch.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINK_SECONDS INT64_C(900)
#define LINK_MAX (INT64_C(7) * 86400)
#define URL_SIZE (PORTAL_URL_SIZE + sizeof LINK_PREFIX + PASS_SECRET_SIZE + 16)

/* Opens the store and the passes, and ends the passes of entities that were switched off. */
static int open_passes(struct cli *cli, struct passes **ret_passes, struct espt_error *err)
{
    int code = cli_store(cli, err);
    if (code == 0)
        code = passes_open(ret_passes, &cli->config, err);
    if (code == 0)
        code = watch(cli->store, *ret_passes, err);
    return code;
}

/* --- link --- */

static int parse_for(const struct cli *cli, int64_t *ret_seconds, struct espt_error *err)
{
    const char *text = cli->options.for_span;
    *ret_seconds = LINK_SECONDS;
    if (text == NULL || (span_parse(text, ret_seconds) && *ret_seconds <= LINK_MAX))
        return 0;
    espt_fail(err, ESPT_USAGE, "--for takes a span from 1m to 7d, as in 15m or 2h");
    return fail_naming(err, text);
}

static int log_link(struct cli *cli, const struct pass *link, int64_t seconds,
                    struct espt_error *err)
{
    char detail[160];
    snprintf(detail, sizeof detail, "link %s for %s, as %s, for %lld seconds", link->id,
             link->entity, link->manager ? "manager" : "viewer", (long long)seconds);
    return store_log_note(cli->store, "portal", detail, err);
}

static int make_link(struct cli *cli, struct passes *passes, const struct config_portal *settings,
                     int64_t seconds, struct pass *ret_link, char ret_secret[PASS_SECRET_SIZE],
                     struct espt_error *err)
{
    struct entity entity;
    struct log_head head;
    struct pass link = {.kind = PASS_LINK, .manager = !given(cli, OPTION_VIEWER)};
    int code = store_entity_get(cli->store, cli->options.operand[0], &entity, err);
    if (code == 0 && entity_suspends(&entity))
        code = espt_fail(err, ESPT_REFUSED,
                         "%s, or its reseller, is inactive and cannot sign in; run 'esp-tokenctl "
                         "entity edit --status active' first",
                         entity.name);
    if (code != 0)
        return code;
    pass_draw(&link, ret_secret);
    link.number = entity.number;
    link.entity_created = entity.created;
    link.created = link.used = cli->now;
    link.ends = cli->now + seconds;
    memcpy(link.entity, entity.name, sizeof link.entity);
    code = log_link(cli, &link, seconds, err);
    if (code == 0)
        code = store_log_head(cli->store, &head, err);
    if (code == 0) {
        link.sequence = head.sequence;
        code = passes_add(passes, &link, settings->idle, cli->now, err);
    }
    if (code == 0)
        *ret_link = link;
    return code;
}

static int print_link(const struct cli *cli, const struct pass *link, const char *url,
                      struct espt_error *err)
{
    char ends[WHEN_TEXT_SIZE];
    when_format(link->ends, ends);
    warn_of_readers(cli);
    if (cli->json)
        return json_print(json_pack("{s:s, s:s, s:s, s:s, s:s}", "url", url, "id", link->id,
                                    "entity", link->entity, "role",
                                    link->manager ? "manager" : "viewer", "ends", ends),
                          err);
    puts(url);
    if (!given(cli, OPTION_QUIET))
        printf("It signs in as %s (%s), once, until %s; to end it, run: esp-tokenctl portal end "
               "%s\n",
               link->entity, link->manager ? "manager" : "viewer", ends, link->id);
    return 0;
}

int run_portal_link(struct cli *cli, struct espt_error *err)
{
    struct config config;
    struct config_portal settings = {0};
    struct passes *passes = NULL;
    struct pass link = {0};
    char secret[PASS_SECRET_SIZE] = "", url[URL_SIZE] = "";
    int64_t seconds;
    int code = parse_for(cli, &seconds, err);
    if (code == 0)
        code = config_load_portal(&config, &settings, cli_config_path(cli), geteuid(), err);
    if (code == 0 && !settings.link)
        code = espt_fail(err, ESPT_REFUSED,
                         "[portal] identity does not allow sign-in links; set it to link or both");
    if (code == 0)
        code = open_passes(cli, &passes, err);
    if (code == 0)
        code = make_link(cli, passes, &settings, seconds, &link, secret, err);
    if (code == 0) {
        snprintf(url, sizeof url, "%s/#/link/" LINK_PREFIX "%s", settings.public_url, secret);
        code = print_link(cli, &link, url, err);
    }
    passes_close(passes);
    sodium_memzero(secret, sizeof secret);
    sodium_memzero(url, sizeof url);
    return code;
}

/* --- sessions --- */

static const char *const kinds[] = {[PASS_LINK] = "link", [PASS_SESSION] = "session"};

struct listing {
    const struct cli *cli;
    const char *entity; /* NULL: of all */
    int64_t idle;
    json_t *list;
    struct table_view *view;
};

static void add_row(struct listing *listing, const struct pass *pass)
{
    char made[WHEN_AWAY_SIZE], used[WHEN_AWAY_SIZE], ends[WHEN_AWAY_SIZE];
    const int64_t now = listing->cli->now;
    when_cell(pass->created, now, made);
    when_cell(pass->kind == PASS_SESSION ? pass->used : WHEN_NEVER, now, used);
    when_cell(pass->ends, now, ends);
    const struct table_cell cells[] = {
        PLAIN(pass->id),     PLAIN(kinds[pass->kind]),
        PLAIN(pass->entity), PLAIN(pass->manager ? "manager" : "viewer"),
        PLAIN(made),         PLAIN(used),
        PLAIN(ends)};
    table_line(listing->view, NULL, cells);
}

static enum pass_fate on_pass(void *arg, struct pass *pass)
{
    struct listing *listing = arg;
    if (pass_ended(pass, listing->idle, listing->cli->now) ||
        (listing->entity != NULL && strcmp(listing->entity, pass->entity) != 0))
        return PASS_KEEP;
    if (listing->list == NULL) {
        add_row(listing, pass);
        return PASS_KEEP;
    }
    json_array_append_new(
        listing->list,
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "id", pass->id, "kind", kinds[pass->kind],
                  "entity", pass->entity, "role", pass->manager ? "manager" : "viewer", "created",
                  json_time(pass->created), "last_used",
                  pass->kind == PASS_SESSION ? json_time(pass->used) : json_null(), "ends",
                  json_time(pass->ends)));
    return PASS_KEEP;
}

int run_portal_sessions(struct cli *cli, struct espt_error *err)
{
    static const struct table_column columns[] = {
        {"ID", WHOLE},      {"KIND", WHOLE},      {"ENTITY", CUT}, {"ROLE", WHOLE},
        {"CREATED", WHOLE}, {"LAST USED", WHOLE}, {"ENDS", WHOLE}, {0}};
    struct config config;
    struct config_portal settings = {0};
    struct passes *passes = NULL;
    struct listing listing = {.cli = cli};
    int code = config_load_portal(&config, &settings, cli_config_path(cli), geteuid(), err);
    if (code == 0)
        code = open_passes(cli, &passes, err);
    listing.idle = settings.idle;
    listing.entity = cli->options.operands > 0 ? cli->options.operand[0] : NULL;
    if (code == 0 && cli->json)
        listing.list = json_array();
    else if (code == 0)
        code = table_new(&listing.view, columns, false, err);
    if (code == 0)
        code = passes_each(passes, on_pass, &listing, err);
    if (code == 0 && cli->json)
        code = json_print(json_pack("{s:O}", "sessions", listing.list), err);
    else if (code == 0)
        code = table_print(listing.view, "links or sessions", err);
    json_decref(listing.list);
    table_free(listing.view);
    passes_close(passes);
    return code;
}

/* --- end --- */

struct ending {
    const char *what;
    size_t count;
};

static enum pass_fate on_end(void *arg, struct pass *pass)
{
    struct ending *ending = arg;
    if (strcmp(pass->id, ending->what) != 0 && strcmp(pass->entity, ending->what) != 0)
        return PASS_KEEP;
    ending->count++;
    return PASS_REMOVE;
}

int run_portal_end(struct cli *cli, struct espt_error *err)
{
    struct passes *passes = NULL;
    struct ending ending = {.what = cli->options.operand[0]};
    int code = open_passes(cli, &passes, err);
    if (code == 0)
        code = passes_each(passes, on_end, &ending, err);
    passes_close(passes);
    if (code == 0 && ending.count == 0)
        code = espt_fail(err, ESPT_MISSING,
                         "there is no such link, session or entity that has one; run 'esp-tokenctl "
                         "portal sessions' to see them");
    if (code != 0)
        return code;
    if (cli->json)
        return json_print(json_pack("{s:I}", "ended", (json_int_t)ending.count), err);
    printf("ended %zu\n", ending.count);
    return 0;
}
