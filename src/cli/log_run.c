/* SPDX-License-Identifier: ISC */
/* log and log verify: show the audit log, and prove that it is whole. */
#include "cli/log_list.h"
#include "cli/operand.h"

#include <sodium.h>
#include <stdio.h>

#define FOLLOW_LINES 10 /* as journalctl -f, tail -f */

/* Parses --token. An id may also be that of a removed token. */
static int parse_token(struct log_list *listing, struct espt_error *err)
{
    const char *text = listing->cli->options.token;
    struct token_ref ref;
    struct token token;
    if (text == NULL)
        return 0;
    int code = token_ref_parse(&ref, text, err);
    if (code == 0 && !ref.by_id) {
        code = store_token_get(listing->cli->store, &ref, &token, err);
        ref.id = token.id;
    }
    listing->by_token = true;
    listing->token = ref.id;
    return code;
}

/* --follow begins at the end, unless --since or -n say where. */
static int parse_selection(struct log_list *list, struct espt_error *err)
{
    struct cli *cli = list->cli;
    const bool tail = list->follows && cli->options.since == NULL;
    int code = parse_lines(cli, tail ? FOLLOW_LINES : LOG_LINES_ALL, &list->lines, err);
    if (code == 0)
        code = parse_since(cli, &list->since, err);
    if (code == 0)
        code = parse_until(cli, &list->until, err);
    if (code == 0 && list->follows && cli->options.until != NULL)
        code = espt_fail(err, ESPT_USAGE, "both --follow and --until are given; keep one");
    if (code == 0 && list->until != 0 && list->since > list->until)
        code = espt_fail(err, ESPT_USAGE, "--since is after --until; give an earlier time");
    return code;
}

int run_log(struct cli *cli, struct espt_error *err)
{
    struct log_list list = {
        .cli = cli, .json.name = "entries", .follows = given(cli, OPTION_FOLLOW)};
    int code = parse_selection(&list, err);
    if (code == 0)
        code = cli_store(cli, err);
    if (code == 0)
        code = parse_token(&list, err);
    if (code != 0)
        return code;
    code = log_list_begin(&list, err);
    if (code == 0 && list.follows)
        code = log_follow_on(cli, &list, err);
    if (code == 0 && cli->json && !list.follows)
        json_stream_end(&list.json);
    else if (code == 0 && !list.shown && !list.follows)
        print_none("entries");
    history_clear(&list.seen);
    return code;
}

int run_log_verify(struct cli *cli, struct espt_error *err)
{
    struct log_head pin, head;
    char hash[LOG_HASH_HEX];
    const char *text = cli->options.pin;
    int code = text != NULL ? parse_pin(text, &pin, err) : 0;
    if (code == 0)
        code = cli_store(cli, err);
    if (code == 0)
        code = store_log_verify(cli->store, text != NULL ? &pin : NULL, &head, err);
    if (code != 0)
        return code;
    sodium_bin2hex(hash, sizeof hash, head.hash, sizeof head.hash);
    if (cli->json)
        return json_print(
            json_pack("{s:I, s:s}", "entries", (json_int_t)head.sequence, "hash", hash), err);
    printf("%llu:%s\n", (unsigned long long)head.sequence, hash);
    return 0;
}
