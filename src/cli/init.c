/* SPDX-License-Identifier: ISC */
/* init: creates configuration, tier table, keys, store and folders where they are missing. */
#include "cli/output.h"

#include "cli/shipped.h"
#include "common/trust.h"
#include "store/db/publish.h"
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
    "default_expiry = 365d      ; or never\n"
    "max_expiry = never         ; the latest expiration from now that an entity may set (--as)\n"
    "max_overlap = 30d          ; longest time that the old secret works after a rotation\n\n"
    "[reveal]\n"
    "public_key = reveal.pub\n"
    "secret_key = reveal.key    ; needed by show --reveal and copy "
    "alone\n\n"
    "[usage]\n"
    "folder = usage             ; in which hosts count uses; better "
    "on a tmpfs\n";

struct made {
    json_t *list; /* NULL: text output */
    bool store;   /* the store is new */
};

static void print_file(struct made *made, const char *path, bool is_new)
{
    char seen[PATH_MAX];
    if (made->list != NULL)
        json_array_append_new(made->list,
                              json_pack("{s:o, s:b}", "path", json_bytes(path), "made", is_new));
    else
        printf("%s %s\n", is_new ? "made" : "kept", path_seen(path, seen));
}

/* Whether an existing file is trusted. Its folder may be one in which no file may be made. */
static int look_at_file(const char *path, struct espt_error *err)
{
    int fd;
    const int code = trust_open(path, geteuid(), TRUST_PUBLIC, &fd, err);
    if (code == 0)
        close(fd);
    return code;
}

static int make_file(struct made *made, const char *path, const char *text, struct espt_error *err)
{
    bool is_new = trust_missing(path);
    int code = is_new ? trust_folder_of(path, geteuid(), err) : look_at_file(path, err);
    if (code == 0 && is_new)
        code = publish_file(path, text, strlen(text), 0644, &is_new, err);
    if (code == 0)
        print_file(made, path, is_new);
    return code;
}

/* The mode does not depend on the umask, because hosts of other users enter this folder. */
static int make_folder(struct made *made, const char *path, struct espt_error *err)
{
    struct stat st;
    const mode_t kept = umask(022);
    const bool is_new = mkdir(path, 0755) == 0;
    const int why = errno;
    umask(kept);
    if (is_new)
        print_file(made, path, true);
    else if (why == EEXIST && stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
        return espt_fail(err, ESPT_UNUSABLE, "%s: it is not a folder; choose another name", path);
    else if (why == ENOENT)
        return espt_fail(err, ESPT_UNUSABLE, "%s: %s; create its parent folder first", path,
                         strerror(why));
    else if (why != EEXIST)
        return espt_fail_file(err, path, why, "check the owner and mode of its parent");
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
        print_file(made, cli->config.usage, true);
    return code;
}

static int make_parts(struct cli *cli, struct made *made, struct espt_error *err)
{
    bool public = false, secret = false;
    int code = make_file(made, cli->config.tiers, shipped_tiers, err);
    if (code == 0)
        code = trust_folder_of(cli->config.secret_key, geteuid(), err);
    if (code == 0)
        code = trust_folder_of(cli->config.public_key, geteuid(), err);
    if (code == 0)
        code = reveal_create(&cli->config, &public, &secret, err);
    if (code == 0) {
        print_file(made, cli->config.public_key, public);
        if (access(cli->config.secret_key, F_OK) == 0) /* the key may be elsewhere */
            print_file(made, cli->config.secret_key, secret);
        code = make_folder_of(made, cli->config.store, err);
    }
    if (code == 0)
        code = trust_folder_of(cli->config.store, geteuid(), err);
    if (code == 0)
        code = store_create(&cli->config, &made->store, err);
    if (code == 0)
        print_file(made, cli->config.store, made->store);
    if (code == 0)
        store_refill_reserve(&cli->config);
    if (code == 0 && cli->config.usage[0] != '\0')
        code = make_usage_folder(cli, made, err);
    return code;
}

/* Gives the store to the group esp-token, whose hosts then can read it. If there is no group, only
   root's hosts can: warns of that, unless the store is in a folder that the user named. */
static void share(const struct cli *cli, bool own_folder, bool is_new)
{
    const enum sharing sharing = store_share(&cli->config, is_new);
    if (sharing == SHARING_MENDED)
        cli_warn(cli, "the store was made before the group esp-token existed; it belongs to that "
                      "group now, so that hosts can read it");
    else if (sharing == SHARING_NO_GROUP && !own_folder && geteuid() == 0)
        cli_warn(cli, "there is no group esp-token, so only root can read the store; run "
                      "'systemd-sysusers', then 'esp-tokenctl init' again");
}

/* Makes the path absolute, for messages, and makes it the configuration in use. */
static int config_path(struct cli *cli, const char *folder, char ret_path[static PATH_MAX],
                       struct espt_error *err)
{
    static const char name[] = "esp-token.conf";
    int code = config_absolute(ret_path, folder != NULL ? folder : cli_config_path(cli), err);
    size_t len = code == 0 ? strlen(ret_path) : 0;
    while (folder != NULL && len > 0 && ret_path[len - 1] == '/')
        len--;
    if (code == 0 && folder != NULL && len + sizeof name + 1 > PATH_MAX)
        code = espt_fail(err, ESPT_USAGE, "DIR is too long");
    if (code == 0 && folder != NULL)
        snprintf(ret_path + len, PATH_MAX - len, "/%s", name);
    cli->options.given |= BIT(OPTION_CONFIG);
    cli->options.config = ret_path;
    return code;
}

int run_init(struct cli *cli, struct espt_error *err)
{
    char *path = cli->config.file;
    const char *folder = cli->options.operands > 0 ? cli->options.operand[0] : NULL;
    struct made made = {.list = cli->json ? json_array() : NULL};
    if (folder != NULL && given(cli, OPTION_CONFIG))
        return espt_fail(err, ESPT_USAGE, "both DIR and --config are given; keep one");
    if (folder != NULL && folder[0] == '\0')
        return espt_fail(err, ESPT_USAGE, "DIR is empty");
    int code = config_path(cli, folder, path, err);
    if (code == 0)
        code = make_folder_of(&made, path, err);
    if (code == 0)
        code = make_file(&made, path, folder != NULL ? folder_config : shipped_config, err);
    if (code == 0)
        code = cli_config(cli, err);
    if (code == 0)
        code = make_parts(cli, &made, err);
    if (code == 0)
        share(cli, folder != NULL, made.store);
    if (code == 0 && cli->json)
        code = json_print(json_pack("{s:O}", "files", made.list), err);
    json_decref(made.list);
    return code;
}
