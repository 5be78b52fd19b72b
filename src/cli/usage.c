/* SPDX-License-Identifier: ISC */
/* usage fold, and the folding of counts after other commands. */
#include "cli/fleet.h"
#include "cli/output.h"

#include <stdio.h>

int run_usage_fold(struct cli *cli, struct espt_error *err)
{
    size_t files = 0;
    int code = cli_store(cli, err);
    if (code == 0)
        code = store_usage_fold(cli->store, true, &files, err);
    if (code == 0)
        cli_fleet_report(cli);
    if (code == 0 && cli->json)
        code = json_print(json_pack("{s:I}", "folded", (json_int_t)files), err);
    else if (code == 0)
        printf("folded %zu %s\n", files, files == 1 ? "file" : "files");
    return code;
}

void cli_fold(struct cli *cli)
{
    struct espt_error ignored;
    size_t files;
    if (cli->store != NULL && store_wrote(cli->store) && !cli->used_room) {
        (void)!store_usage_fold(cli->store, false, &files, &ignored);
        store_refill_reserve(&cli->config);
    }
    store_result_printed(); /* folding prints nothing: deliver a held interrupt */
}
