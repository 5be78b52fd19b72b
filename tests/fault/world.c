/* SPDX-License-Identifier: ISC */
#include "fault/world.h"

#include "store/backup.h"
#include "store/db/copy.h"
#include "support/folder.h"
#include "support/raw_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

const struct writer writers[] = {
    {"entity add", {"entity", "add", "new", "--kind", "customer", "--reseller", "acme"}, AT_ONCE},
    {"entity edit --name", {"entity", "edit", "bolt", "--name", "nut"}, AT_ONCE},
    {"entity edit --status", {"entity", "edit", "acme", "--status", "inactive"}, AT_ONCE},
    {"entity edit --reseller", {"entity", "edit", "bolt", "--reseller", "none"}, AT_ONCE},
    {"entity edit --cascade",
     {"--json", "entity", "edit", "acme", "--tier", "lite", "--cascade"},
     AT_ONCE},
    {"entity remove", {"entity", "remove", "zed", "--yes"}, AT_ONCE},
    {"create", {"create", "acme", "third", "--expires", "2099-01-01"}, AT_ONCE},
    {"create -q", {"create", "acme", "third", "-q"}, AT_ONCE},
    {"edit",
     {"edit", "acme/default", "--name", "main", "--status", "inactive", "--expires", "never"},
     AT_ONCE},
    {"remove", {"--json", "remove", "acme/second", "--yes"}, AT_ONCE},
    {"show --reveal", {"show", "acme/default", "--reveal"}, AT_ONCE},
    {"rotate", {"rotate", "acme/default", "-q"}, AT_ONCE},
    {"retire", {"--json", "retire", "mid/default"}, AT_ONCE},
    {"backup", {"backup", "@other.mdb"}, NOTED_APART},
    {"restore", {"restore", "@backup.mdb", "--yes"}, AT_ONCE},
    {"create --from", {"create", "acme", "--from", "@names"}, IN_BATCHES},
    {"entity add --from", {"--json", "entity", "add", "--from", "@entities"}, IN_BATCHES},
    {"import", {"import", "@lines"}, IN_BATCHES},
    {"key rotate", {"key", "rotate"}, IN_STEPS},
    {"key passphrase --remove", {"key", "passphrase", "--remove"}, NOTED_FIRST},
    {"key passphrase", {"--json", "key", "passphrase", "--new-passphrase-file", "@words"}, GUARDS},
    {"entity edit --tier", {"entity", "edit", "bolt", "--tier", "advanced"}, AT_ONCE},
    {"remove --last", {"remove", "zed/default", "acme/second", "--yes", "--last"}, AT_ONCE},
    {"edit of several",
     {"edit", "acme/default", "mid/default", "zed/default", "--status", "inactive"},
     AT_ONCE},
    {"create --copy", {"create", "acme", "third", "--copy"}, AT_ONCE},
    {"rotate --copy", {"--json", "rotate", "acme/second", "--copy"}, AT_ONCE},
    {"show --copy", {"show", "acme/default", "--copy"}, IN_STEPS},
    {"copy", {"--json", "copy", "zed/default", "--clear", "0"}, IN_STEPS},
    {"restore --no-manifest", {"restore", "@backup.mdb", "--yes", "--no-manifest"}, AT_ONCE},
    {"restore --keep-removed", {"restore", "@backup.mdb", "--yes", "--keep-removed"}, AT_ONCE},
    {"usage fold", {"usage", "fold"}, AT_ONCE},
    {"import --dry-run", {"import", "@lines", "--dry-run"}, AT_ONCE},
    {"stats --output", {"stats", "--prometheus", "-o", "@metrics"}, AT_ONCE},
};
const size_t writer_count = sizeof writers / sizeof *writers;

static void must_run(const struct world *world, const char *const *args)
{
    struct run run = run_ctl(world->config, NULL, args);
    ck_assert_msg(run.status == 0, "%s %s: %s", args[0], args[1], run.err);
}
#define MUST_RUN(world, ...) must_run((world), (const char *const[]){__VA_ARGS__, NULL})

/* The files that commands change, and their modes. */
static const struct {
    const char *name;
    unsigned mode;
} changing[] = {{"tokens.mdb", 0640}, {"reveal.key", 0600}, {"reveal.pub", 0644}};
#define CHANGING (sizeof changing / sizeof *changing)

/* A clipboard program that ends when it has read everything. */
static const char clipboard[] = "#!/bin/sh\n[ \"$1\" = -o ] || cat >/dev/null\n";

static const char lines[] =
    "{\"entity\":{\"name\":\"late\",\"kind\":\"customer\",\"reseller\":\"acme\",\"tier\":\"lite\","
    "\"status\":\"active\",\"created\":\"2026-01-01T00:00:00Z\"}}\n"
    "{\"token\":{\"foreign\":true,\"entity\":\"late\",\"name\":\"old\",\"expires\":null,\"sha256\":"
    "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"}}\n";

static const char *path_in(const struct world *world, const char *name)
{
    static char paths[4][600];
    static size_t next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", world->folder, name);
    return path;
}

void world_end_waiting(void)
{
    char path[64];
    int child;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *children = fopen(path, "re");
    while (children != NULL && fscanf(children, "%d", &child) == 1) {
        char comm[64] = "", comm_path[64];
        snprintf(comm_path, sizeof comm_path, "/proc/%d/comm", child);
        FILE *name = fopen(comm_path, "re");
        if (name != NULL && fgets(comm, sizeof comm, name) != NULL &&
            strncmp(comm, "esp-tokenctl", 12) == 0 && kill(child, SIGKILL) == 0)
            waitpid(child, NULL, 0);
        if (name != NULL)
            fclose(name);
    }
    if (children != NULL)
        fclose(children);
}

static void with_clipboard(const struct world *world)
{
    char path[4096];
    file_write(path_in(world, "xclip"), clipboard, strlen(clipboard), 0755);
    snprintf(path, sizeof path, "%s:%s", world->folder, getenv("PATH"));
    setenv("PATH", path, 1);
    setenv("DISPLAY", ":none", 1);
    setenv("XDG_RUNTIME_DIR", world->folder, 1);
    unsetenv("WAYLAND_DISPLAY");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static void text_of(const struct world *world, const char *token, char ret_text[64])
{
    struct run run = CTL(world->config, NULL, "show", token, "--reveal");
    const char *text = strstr(run.out, "esptk_");
    ck_assert_msg(text != NULL, "%s", run.err);
    snprintf(ret_text, 64, "%.54s", text);
}

/* The counts that a host left when it ended; the next writing command folds them. */
static void count_uses(struct world *world)
{
    text_of(world, "acme/default", world->text[0]);
    text_of(world, "zed/default", world->text[1]);
    for (size_t i = 0; i < 2; i++)
        validate_once(world->config, world->text[i]);
}

static void keep_file(struct world *world, size_t place, const char *name, unsigned mode)
{
    struct world_file *file = &world->file[place];
    ck_assert_uint_lt(place, WORLD_FILES);
    snprintf(file->name, sizeof file->name, "%s", name);
    file->mode = mode;
    file->data = file_read(path_in(world, name), &file->len);
    ck_assert_ptr_nonnull(file->data);
}

static void keep_files(struct world *world)
{
    size_t place = 0;
    for (; place < CHANGING; place++)
        keep_file(world, place, changing[place].name, changing[place].mode);
    DIR *folder = opendir(path_in(world, "usage"));
    ck_assert_ptr_nonnull(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char name[64];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "usage/%.50s", entry->d_name);
        keep_file(world, place++, name, 0600);
    }
    closedir(folder);
    ck_assert_uint_eq(place, WORLD_FILES);
}

static void set_paths(struct world *world, const char *folder)
{
    snprintf(world->folder, sizeof world->folder, "%s", folder);
    snprintf(world->config, sizeof world->config, "%s/esp-token.conf", folder);
    snprintf(world->store, sizeof world->store, "%s/tokens.mdb", folder);
}

static void make_first(struct world *ret_world, const char *folder)
{
    struct world world = {0};
    set_paths(&world, folder);
    struct run run = CTL(NULL, NULL, "init", folder);
    ck_assert_msg(run.status == 0, "init: %s", run.err);
    MUST_RUN(&world, "entity", "add", "acme", "--kind", "reseller", "--tier", "advanced");
    MUST_RUN(&world, "create", "acme", "second");
    MUST_RUN(&world, "entity", "add", "bolt", "--kind", "customer", "--reseller", "acme");
    MUST_RUN(&world, "entity", "add", "mid", "--kind", "customer", "--reseller", "acme", "--tier",
             "advanced");
    MUST_RUN(&world, "entity", "add", "zed", "--kind", "customer");
    char backup[600];
    snprintf(backup, sizeof backup, "%s/backup.mdb", folder);
    MUST_RUN(&world, "backup", backup);
    MUST_RUN(&world, "rotate", "mid/default");
    count_uses(&world);
    file_text(path_in(&world, "names"), "one\ntwo\nthree\n");
    file_text(path_in(&world, "entities"), "north reseller\neast customer north\n");
    file_text(path_in(&world, "lines"), lines);
    file_write(path_in(&world, "words"), "correct horse\n", 14, 0600);
    with_clipboard(&world);
    keep_files(&world);
    *ret_world = world;
}

/* The world that the others are copies of. */
static struct world first;

void world_prepare(void)
{
    use_memory();
    make_first(&first, temp_folder());
    world_release();
}

void world_release(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static void copy_files(const char *from, const char *to, bool (*kept)(const char *name))
{
    DIR *folder = opendir(from);
    ck_assert_ptr_nonnull(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        struct stat st;
        ck_assert_int_eq(fstatat(dirfd(folder), entry->d_name, &st, 0), 0);
        if (S_ISREG(st.st_mode) && (kept == NULL || kept(entry->d_name)))
            file_copy(in_folder(from, entry->d_name), in_folder(to, entry->d_name));
    }
    closedir(folder);
}

static bool belongs(const char *name);

void world_make_in(struct world *ret_world, const char *folder)
{
    if (first.folder[0] == '\0') {
        make_first(ret_world, folder);
        return;
    }
    struct world world = first;
    set_paths(&world, folder);
    if (mkdir(world.folder, 0755) != 0)
        ck_assert_int_eq(errno, EEXIST);
    copy_files(first.folder, world.folder, belongs); /* `folder` may be a buffer of in_folder() */
    ck_assert_int_eq(mkdir(path_in(&world, "usage"), 0700), 0);
    copy_files(path_in(&first, "usage"), path_in(&world, "usage"), NULL);
    with_clipboard(&world);
    *ret_world = world;
}

void world_make(struct world *ret_world)
{
    use_memory();
    world_make_in(ret_world, temp_folder());
}

void world_lift_limit(const char *folder)
{
    char *tiers = file_read(in_folder(folder, "tiers.ini"), NULL), *text = NULL;
    char *limit = strstr(tiers, "max_tokens = 5");
    ck_assert_ptr_nonnull(limit);
    ck_assert_int_gt(asprintf(&text, "%.*smax_tokens = unlimited%s", (int)(limit - tiers), tiers,
                              limit + strlen("max_tokens = 5")),
                     0);
    file_text(in_folder(folder, "tiers.ini"), text);
    free(text);
}

/* The files that world_make() makes; world_reset() removes all others. */
static bool belongs(const char *name)
{
    static const char *const kept[] = {".",          "..",         "esp-token.conf",
                                       "tiers.ini",  "reveal.pub", "reveal.key",
                                       "tokens.mdb", "backup.mdb", "backup.mdb.manifest",
                                       "names",      "entities",   "lines",
                                       "usage",      "words",      "xclip",
                                       NULL};
    size_t i = 0;
    while (kept[i] != NULL && strcmp(kept[i], name) != 0)
        i++;
    return kept[i] != NULL;
}

static void empty(const char *path, bool (*kept)(const char *name))
{
    DIR *folder = opendir(path);
    ck_assert_ptr_nonnull(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.' && (kept == NULL || !kept(entry->d_name)))
            ck_assert_int_eq(unlinkat(dirfd(folder), entry->d_name, 0), 0);
    closedir(folder);
}

void world_copy_fixture(const char *folder, const char *fixture)
{
    static const char *const files[] = {"esp-token.conf", "reveal.key", "reveal.pub", "tiers.ini",
                                        "tokens.mdb"};
    empty(folder, NULL);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char from[128];
        const char *to = in_folder(folder, files[i]);
        snprintf(from, sizeof from, "tests/fixtures/%s/%s", fixture, files[i]);
        file_copy(from, to);
        ck_assert_int_eq(chmod(to, strcmp(files[i], "reveal.key") == 0 ? 0600 : 0640), 0);
    }
}

void world_copy_files(const char *from, const char *to)
{
    empty(to, NULL);
    copy_files(from, to, NULL);
}

void world_reset(const struct world *world)
{
    world_end_waiting();
    empty(world->folder, belongs);
    empty(path_in(world, "usage"), NULL);
    for (size_t i = 0; i < WORLD_FILES; i++) {
        const struct world_file *file = &world->file[i];
        const char *temporary = path_in(world, "again");
        file_write(temporary, file->data, file->len, file->mode);
        ck_assert_int_eq(rename(temporary, path_in(world, file->name)), 0);
    }
}

void world_pack(struct world *world)
{
    struct config whole, packed;
    struct store *store;
    struct espt_error err;
    ck_assert_int_eq(config_load(&whole, world->config, geteuid(), &err), 0);
    packed = whole;
    snprintf(packed.store, sizeof packed.store, "%s", path_in(world, "packed"));
    ck_assert_msg(store_open(&store, &whole, &err) == 0, "%s", err.message);
    ck_assert_msg(copy_write(store, packed.store, true, &err) == 0, "%s", err.message);
    store_close(store);
    ck_assert_msg(copy_stamp(&packed, &err) == 0, "%s", err.message);
    world->file[0].data = file_read(packed.store, &world->file[0].len);
    world_reset(world);
}

/* Files that a finished command leaves beside the store on purpose. */
static bool may_stay(const char *name)
{
    static const char *const kept[] = {"tokens.mdb-lock",
                                       "tokens.mdb.writer",
                                       "tokens.mdb.reserve",
                                       "other.mdb",
                                       "other.mdb.manifest",
                                       "tokens.mdb.20", /* kept by restore */
                                       "esp-token-",    /* a token whose text the clipboard holds */
                                       "metrics",
                                       NULL};
    size_t i = 0;
    while (kept[i] != NULL && strncmp(kept[i], name, strlen(kept[i])) != 0)
        i++;
    return kept[i] != NULL;
}

void world_no_litter(const struct world *world)
{
    DIR *folder = opendir(world->folder);
    ck_assert_ptr_nonnull(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        ck_assert_msg(belongs(entry->d_name) || may_stay(entry->d_name), "it left %s behind",
                      entry->d_name);
    closedir(folder);
}

const char *const *world_argv(const struct world *world, const char *const *args)
{
    static const char *argv[16];
    size_t count = 0;
    argv[count++] = ctl_path();
    argv[count++] = "-c";
    argv[count++] = world->config;
    for (; *args != NULL; args++) {
        argv[count++] = *args;
        if (args[0][0] != '@')
            continue;
        argv[count - 1] = path_in(world, *args + 1);
    }
    argv[count] = NULL;
    return argv;
}

/* --- checks --- */

static int print_entity(void *arg, const struct entity *e, struct espt_error *err)
{
    (void)err;
    fprintf(arg, "entity %s kind %d of %s tier %s active %d tokens %u customers %u\n", e->name,
            (int)e->kind, e->reseller, e->tier, e->active, e->tokens, e->customers);
    return 0;
}

static int print_token(void *arg, const struct token *t, struct espt_error *err)
{
    (void)err;
    int64_t span = t->expires == 0 ? 0 : t->expires - t->created;
    fprintf(arg, "token %s/%s active %d retiring %d uses %llu ", t->entity, t->name, t->active,
            t->retiring, (unsigned long long)t->uses);
    if (t->retiring)
        fprintf(arg, "expires soon\n");
    else if (span == 365 * 86400)
        fprintf(arg, "expires after a year\n");
    else
        fprintf(arg, "expires %lld\n", (long long)t->expires);
    return 0;
}

static void no_finding(void *arg, const struct finding *finding)
{
    (void)arg;
    /* findings that a lowered tier and --last cause */
    if (strcmp(finding->kind, "over-limit") != 0 && strcmp(finding->kind, "no-token") != 0)
        ck_abort_msg("check: %s: %s: %s", finding->kind, finding->subject, finding->message);
}

/* A backup that exists is complete. */
static void print_backup(FILE *out, const struct world *world)
{
    char path[600];
    struct backup_facts facts;
    struct espt_error err;
    snprintf(path, sizeof path, "%s/other.mdb", world->folder);
    if (access(path, F_OK) != 0)
        return;
    ck_assert_msg(backup_verify(path, &facts, &err) == 0, "the backup: %s", err.message);
    fputs("a backup\n", out);
}

/* A metrics file that exists is complete. */
static void print_metrics(FILE *out, const struct world *world)
{
    const char *metrics = file_read(path_in(world, "metrics"), NULL);
    if (metrics == NULL)
        return;
    const char *last = strstr(metrics, "\nesp_token_build_info{");
    ck_assert_msg(last != NULL && strcmp(strchr(last + 1, '}'), "} 1\n") == 0, "cut short: %s",
                  metrics);
    fputs("metrics\n", out);
}

static bool is_guarded(const struct world *world)
{
    const char *key = file_read(path_in(world, "reveal.key"), NULL);
    ck_assert_ptr_nonnull(key);
    return strncmp(key, "argon2id:", 9) == 0;
}

#define DONE(call) ck_assert_msg((call) == 0, "%s", err.message)

static char *state_of(const struct world *world, bool change)
{
    struct espt_error err = {0};
    struct config config;
    struct store *store;
    struct tier_table *tiers;
    struct log_head head;
    size_t findings, len;
    char *text = NULL;
    FILE *out = open_memstream(&text, &len);
    ck_assert_ptr_nonnull(out);
    DONE(config_load(&config, world->config, geteuid(), &err));
    DONE(tier_table_load(&tiers, config.tiers, geteuid(), &err));
    DONE(store_open(&store, &config, &err));
    DONE(store_check(store, tiers, no_finding, NULL, NULL, NULL, &findings, &err));
    DONE(store_entity_each(store, print_entity, out, &err));
    DONE(store_token_each(store, NULL, print_token, out, &err));
    DONE(store_log_verify(store, NULL, &head, &err));
    fprintf(out, "log %llu\n", (unsigned long long)head.sequence);
    fprintf(out, "key guarded %d\n", is_guarded(world));
    print_backup(out, world);
    print_metrics(out, world);
    if (change)
        DONE(store_log_note(store, "test", "one more change", &err));
    store_close(store);
    tier_table_free(tiers);
    fclose(out);
    return text;
}

/* A validator can read the store, twice. */
static void must_read(const struct world *world)
{
    struct reader reader;
    struct snapshot snapshot;
    struct espt_error err = {0};
    ck_assert_msg(raw_reader(&reader, world->store, &err) == 0, "a validator: %s", err.message);
    enum reader_status status = reader_begin(&snapshot, &reader);
    ck_assert_msg(status == READER_OK, "a validator reads the store: status %d", (int)status);
    ck_assert_int_eq(reader_end(&snapshot), READER_OK);
    reader_close(&reader);
}

char *world_state(const struct world *world)
{
    return state_of(world, false);
}

char *world_sound_state(const struct world *world)
{
    must_read(world);
    char *state = state_of(world, true);
    must_read(world);
    return state;
}

/* Compares two states except for the length of the log. */
static bool is_same(const char *state, const char *wanted)
{
    const char *log = strstr(wanted, "\nlog ");
    return strncmp(state, wanted, (size_t)(log - wanted)) == 0 &&
           strcmp(strchr(strstr(state, "\nlog ") + 1, '\n'), strchr(log + 1, '\n')) == 0;
}

bool world_is_before(const struct writer *writer, const char *state, const char *before)
{
    const bool noted = writer->how == NOTED_FIRST || writer->how == GUARDS;
    return strcmp(state, before) == 0 || (noted && is_same(state, before));
}

bool world_is_after(const struct writer *writer, const char *state, const char *after)
{
    return strcmp(state, after) == 0 || (!writer_is_at_once(writer) && is_same(state, after));
}

char *world_state_after(const struct world *world, const struct writer *writer)
{
    world_reset(world);
    struct run run = run_process(world_argv(world, writer->args), NULL);
    ck_assert_msg(run.status == 0, "%s: %s", writer->name, run.err);
    char *state = world_state(world);
    world_reset(world);
    return state;
}

static const char *const revealed[] = {"acme/default", "acme/new one", "zed/default"};
#define REVEALED (sizeof revealed / sizeof *revealed)

/* The passphrase is the command's affair. */
static void check_guarded_reveals(const struct world *world)
{
    MUST_RUN(world, "create", "acme", "new one");
    for (size_t i = 0; i < REVEALED; i++) {
        struct run run = CTL(world->config, NULL, "show", revealed[i], "--reveal",
                             "--passphrase-file", path_in(world, "words"));
        ck_assert_msg(run.status == 0 && strstr(run.out, "esptk_") != NULL, "%s", run.err);
    }
}

static void check_reveals(const struct world *world)
{
    struct espt_error err = {0};
    struct config config;
    struct tier_table *tiers;
    struct store *store;
    struct token token;
    struct token_ref ref;
    char text[TOKEN_TEXT_LEN + 1];
    const struct token_new wanted = {.entity = "acme", .name = "new one"};
    DONE(config_load(&config, world->config, geteuid(), &err));
    DONE(tier_table_load(&tiers, config.tiers, geteuid(), &err));
    DONE(store_open(&store, &config, &err));
    ck_assert_int_ge(sodium_init(), 0);
    DONE(store_token_create(store, tiers, &wanted, &token, text, &err));
    for (size_t i = 0; i < REVEALED; i++) {
        DONE(token_ref_parse(&ref, revealed[i], &err));
        DONE(store_token_reveal(store, &ref, &token, text, &err));
        ck_assert_msg(strncmp(text, "esptk_", 6) == 0, "%s", text);
    }
    store_close(store);
    tier_table_free(tiers);
}

void world_check_reveals(const struct world *world)
{
    if (is_guarded(world))
        check_guarded_reveals(world);
    else
        check_reveals(world);
}

bool says_done(const char *err)
{
    static const char *const words[] = {"is done", "is made", "has done its work",
                                        "is created, but", "the committed changes remain"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strstr(err, words[i]) != NULL)
            return true;
    }
    return false;
}
