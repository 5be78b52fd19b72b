#include "cli/output.h"

#include "cli/shipped.h"
#include "store/publish.h"
#include "store/reveal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char folder_config[] =
    "; Relative paths are relative to this folder.\n\n"
    "[store]\n"
    "path = tokens.mdb\n"
    "map_size = 16G             ; the store's largest size\n\n"
    "[tiers]\n"
    "path = tiers.ini\n\n"
    "[tokens]\n"
    "default_expiry = 365d      ; or never\n\n"
    "[reveal]\n"
    "public_key = reveal.pub\n"
    "secret_key = reveal.key    ; needed by show --reveal and copy "
    "alone\n\n"
    "[usage]\n"
    "folder = usage             ; in which hosts count uses; better "
    "on a tmpfs\n";

struct made {
    json_t *list; /* NULL: for people */
};

static void tell(struct made *made, const char *path, bool is_new)
{
    if (made->list != NULL)
        json_array_append_new(made->list, json_pack("{s:s, s:b}", "path", path, "made", is_new));
    else
        printf("%s %s\n", is_new ? "made" : "kept", path);
}

static int make_file(struct made *made, const char *path, const char *text, struct espt_error *err)
{
    bool is_new = false;
    int code = publish_file(path, text, strlen(text), 0644, &is_new, err);
    if (code == 0)
        tell(made, path, is_new);
    return code;
}

static int make_folder(struct made *made, const char *path, struct espt_error *err)
{
    if (mkdir(path, 0755) == 0)
        tell(made, path, true);
    else if (errno != EEXIST)
        return espt_fail(err, ESPT_UNUSABLE, "%s: %s; make its parent first", path,
                         strerror(errno));
    return 0;
}

static int make_folder_of(struct made *made, const char *path, struct espt_error *err)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash == NULL || slash == folder)
        return 0;
    *slash = '\0';
    return make_folder(made, folder, err);
}

static int make_usage_folder(struct cli *cli, struct made *made, struct espt_error *err)
{
    bool is_new = false;
    int code = make_folder_of(made, cli->config.usage, err);
    if (code == 0)
        code = store_usage_folder(&cli->config, &is_new, err);
    if (code == 0 && is_new)
        tell(made, cli->config.usage, true);
    return code;
}

static int make_parts(struct cli *cli, struct made *made, struct espt_error *err)
{
    bool public = false, secret = false, store = false;
    int code = make_file(made, cli->config.tiers, shipped_tiers, err);
    if (code == 0)
        code = reveal_create(&cli->config, &public, &secret, err);
    if (code == 0) {
        tell(made, cli->config.public_key, public);
        if (access(cli->config.secret_key, F_OK) == 0) /* it may lie on another machine */
            tell(made, cli->config.secret_key, secret);
        code = make_folder_of(made, cli->config.store, err);
    }
    if (code == 0)
        code = store_create(&cli->config, &store, err);
    if (code == 0)
        tell(made, cli->config.store, store);
    if (code == 0 && cli->config.usage[0] != '\0')
        code = make_usage_folder(cli, made, err);
    return code;
}

int run_init(struct cli *cli, struct espt_error *err)
{
    char path[PATH_MAX];
    const char *folder = cli->options.operands > 0 ? cli->options.operand[0] : NULL;
    struct made made = {.list = cli->json ? json_array() : NULL};
    if (folder != NULL && given(cli, OPTION_CONFIG))
        return espt_fail(err, ESPT_USAGE, "both DIR and --config are given; keep one");
    if (folder != NULL) {
        size_t len = strlen(folder);
        while (len > 1 && folder[len - 1] == '/')
            len--;
        int room = snprintf(path, sizeof path, "%.*s/esp-token.conf", (int)len, folder);
        if (len == 0 || room >= (int)sizeof path)
            return espt_fail(err, ESPT_USAGE, "DIR is empty or too long");
        cli->options.given |= BIT(OPTION_CONFIG);
        cli->options.config = path;
    }
    int code = make_folder_of(&made, cli_config_path(cli), err);
    if (code == 0)
        code = make_file(&made, cli_config_path(cli),
                         folder != NULL ? folder_config : shipped_config, err);
    if (code == 0)
        code = cli_config(cli, err);
    if (code == 0)
        code = make_parts(cli, &made, err);
    if (code == 0 && cli->json)
        code = json_print(json_pack("{s:O}", "files", made.list), err);
    json_decref(made.list);
    return code;
}
