/* SPDX-License-Identifier: ISC */
/*
 * Passphrases come from the terminal, without echo (readpassphrase restores it after any signal),
 * or from the first line of a file that no other user may read. They never come from an argument or
 * the environment.
 */
#include "cli/output.h"

#include "common/name.h"
#include "common/trust.h"

#include <bsd/readpassphrase.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int from_file(const char *path, char *ret, size_t size, struct espt_error *err)
{
    char *text;
    size_t len;
    int code = trust_read(path, geteuid(), TRUST_SECRET, 4096, &text, &len, err);
    if (code != 0)
        return code;
    const char *begin = text + bom_len(text, len);
    size_t line = strcspn(begin, "\r\n");
    if (line == 0 || line >= size || strlen(text) != len)
        code =
            espt_fail(err, ESPT_USAGE, "%s: its first line is not a passphrase of 1 to %zu bytes",
                      path, size - 1);
    else
        snprintf(ret, size, "%.*s", (int)line, begin);
    sodium_memzero(text, len);
    free(text);
    return code;
}

static int from_terminal(const char *question, char *ret, size_t size, struct espt_error *err)
{
    if (readpassphrase(question, ret, size, RPP_REQUIRE_TTY) == NULL)
        return espt_fail(
            err, ESPT_UNUSABLE,
            "there is no terminal to ask for the passphrase (%s); give --passphrase-file",
            strerror(errno));
    return ret[0] != '\0' ? 0 : espt_fail(err, ESPT_REFUSED, "no passphrase was given");
}

int cli_passphrase(void *arg, const char *file, char *ret, size_t size, struct espt_error *err)
{
    const struct cli *cli = arg;
    char question[512], seen[PATH_MAX];
    if (cli->options.passphrase_file != NULL)
        return from_file(cli->options.passphrase_file, ret, size, err);
    snprintf(question, sizeof question, "Passphrase of %.400s: ", path_seen(file, seen));
    return from_terminal(question, ret, size, err);
}

/* Asks twice, because the input is not shown. */
int cli_new_passphrase(struct cli *cli, char *ret, size_t size, struct espt_error *err)
{
    if (cli->options.new_passphrase_file != NULL)
        return from_file(cli->options.new_passphrase_file, ret, size, err);
    int code = from_terminal("New passphrase: ", ret, size, err);
    if (code != 0)
        return code;
    char *again = sodium_malloc(size);
    if (again == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "no memory can be locked; raise ulimit -l");
    code = from_terminal("Once more: ", again, size, err);
    if (code == 0 && strcmp(again, ret) != 0)
        code = espt_fail(err, ESPT_REFUSED, "the two passphrases differ; nothing was changed");
    sodium_free(again);
    return code;
}
