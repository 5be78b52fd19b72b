/* SPDX-License-Identifier: ISC */
/*
 * A read-only file system, and a store that has reached its map_size. Reading commands work;
 * writing commands name the remedy in one line; after the remedy they work.
 */
/* clang-format off: host.h defines what the others only declare */
#include "abi/host.h"
/* clang-format on */

#include "fault/space.h"
#include "fault/world.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>

static struct world world;
static const char *place;

static const char *keep(const char *path)
{
    return keep_string(strdup(path));
}

static void make_world(void)
{
    world_make_in(&world, keep(in_folder(place, "world")));
    config = world.config;
}

static void one_line(const struct run *run, const char *mend, const char *what)
{
    ck_assert_msg(run->status == 5, "%s: status %d: %s", what, run->status, run->err);
    ck_assert_msg(run->out[0] == '\0', "%s: refused, and printed: %s", what, run->out);
    ck_assert_msg(run->err[0] != '\0' &&
                      strchr(run->err, '\n') == run->err + strlen(run->err) - 1 &&
                      strstr(run->err, mend) != NULL,
                  "%s: %s", what, run->err);
}

/* --- read-only --- */

/* Each reading command with what it prints; `@` stands for the folder of the store. */
static const struct {
    const char *args[6];
    const char *says;
    const char *input; /* "token": the id of acme/default */
} readers[] = {
    {{"list"}, "zed", NULL},
    {{"list", "acme", "--json"}, "second", NULL},
    {{"entity", "list", "--tree"}, "bolt", NULL},
    {{"entity", "show", "mid"}, "acme", NULL},
    {{"show", "acme/default"}, "status", NULL},
    {{"tier", "list"}, "Lite", NULL},
    {{"tier", "check"}, "", NULL},
    {{"check"}, "", NULL},
    {{"stats"}, "", NULL},
    {{"log"}, "rotate", NULL},
    {{"log", "verify"}, "", NULL},
    {{"export"}, "\"export\"", NULL},
    {{"verify"}, "allow", "token"},
    {{"complete", "--", "show", "ac"}, "acme/", NULL},
};

static void each_reader(const char *token)
{
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++) {
        struct run run = run_ctl(config, readers[i].input != NULL ? token : NULL, readers[i].args);
        ck_assert_msg(run.status == 0 && strstr(run.out, readers[i].says) != NULL,
                      "%s %s: status %d: %s%s", readers[i].args[0],
                      readers[i].args[1] != NULL ? readers[i].args[1] : "", run.status, run.out,
                      run.err);
        ck_assert_msg(run.err[0] == '\0', "%s: %s", readers[i].args[0], run.err);
    }
}

static void each_writer_refused(void)
{
    for (size_t i = 0; i < writer_count; i++) {
        struct run run = run_process(world_argv(&world, writers[i].args), NULL);
        one_line(&run, "read-only; mount it writable", writers[i].name);
    }
}

/* The whole file system becomes read-only, as after a disk error. */
START_TEST(read_only_file_system)
{
    place = space_mount((enum space_kind)_i, "read_only_file_system");
    if (place == NULL)
        return;
    make_world();
    host_load();
    const struct text text = text_in(DO("show", "acme/default", "--reveal"));
    char *before = world_state(&world);
    space_read_only(true);
    each_writer_refused();
    each_reader(text.bytes);
    char *state = world_state(&world);
    ck_assert_str_eq(state, before);
    free(state);
    /* the command that matters most in that state */
    const char *saved = keep(in_folder(temp_folder(), "saved.mdb"));
    struct run run = CTL(config, NULL, "backup", saved);
    ck_assert_msg(run.status == 0 && strstr(run.err, "mount it writable") != NULL, "%d %s",
                  run.status, run.err);
    space_read_only(false);
    state = world_sound_state(&world);
    ck_assert_str_eq(state, before);
    DO("restore", saved, "--yes");
    free(state);
    free(before);
}
END_TEST

/* A private read-only mount, while others write through another mount. A reader on it makes writers
   wait and sees one state; while a writer is at work, it reads a private copy. */
START_TEST(read_only_bind_mount)
{
    place = space_mount(SPACE_TMPFS, "read_only_bind_mount");
    if (place == NULL)
        return;
    make_world();
    char inside[512];
    const char *bound = keep(in_folder(place, "bound")), *outside = config;
    snprintf(inside, sizeof inside, "%s/esp-token.conf", bound);
    ck_assert(mkdir(bound, 0755) == 0 && mount(world.folder, bound, NULL, MS_BIND, NULL) == 0 &&
              mount(NULL, bound, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) == 0);
    const struct text text = text_in(DO("show", "acme/default", "--reveal"));
    config = inside;
    each_reader(text.bytes);
    for (int i = 0; i < 20; i++) {
        config = outside;
        DO("edit", "acme/second", "--status", i % 2 == 0 ? "inactive" : "active");
        config = inside;
        ck_assert_ptr_nonnull(strstr(DO("show", "acme/second", "--json"),
                                     i % 2 == 0 ? "\"inactive\"" : "\"active\""));
    }
    const int reads = open(in_folder(bound, "tokens.mdb.writer"), O_RDONLY | O_CLOEXEC);
    ck_assert(reads >= 0 && flock(reads, LOCK_SH) == 0);
    DO("list", "--json", "acme");
    struct run run = CTL(outside, NULL, "--wait", "0", "create", "acme", "third");
    one_line(&run, "still locked by another esp-tokenctl", "a writer beside a reader");
    close(reads);
    const int writes = open(in_folder(world.folder, "tokens.mdb.writer"), O_RDWR | O_CLOEXEC);
    ck_assert(writes >= 0 && flock(writes, LOCK_EX) == 0);
    each_reader(text.bytes);
    ck_assert_int_eq(unlink(in_folder(world.folder, "tokens.mdb.writer")), 0);
    close(writes);
    run = CTL(inside, NULL, "list");
    one_line(&run, "copy the store to a writable file system", "without a lock file");
    umount(bound);
}
END_TEST

/* --- map_size --- */

/* 3 characters, in place of init's 16G */
static void set_map_size(const char *size)
{
    char *text = file_read(world.config, NULL), *at = strstr(text, "map_size = ");
    ck_assert_ptr_nonnull(at);
    memcpy(at + strlen("map_size = "), size, 3);
    file_text(world.config, text);
}

static const char *names_with(const char *prefix)
{
    const char *names = keep(in_folder(temp_folder(), "names"));
    FILE *out = fopen(names, "w");
    ck_assert_ptr_nonnull(out);
    for (int i = 0; i < 6000; i++)
        fprintf(out, "%s %d\n", prefix, i);
    ck_assert_int_eq(fclose(out), 0);
    return names;
}

/* zed gets tokens until the store is full. Then the size is set so that no space is left: LMDB
   accepts a map_size below the size of the file and uses the file's size. */
static void fill_map(void)
{
    file_text(in_folder(world.folder, "tiers.ini"),
              "[lite]\nrank = 10\nmax_tokens = unlimited\ndefault = yes\n"
              "[advanced]\nrank = 20\nmax_tokens = unlimited\n");
    set_map_size("1M ");
    struct run run = CTL(config, NULL, "create", "zed", "--from", names_with("first"), "--json");
    ck_assert_int_eq(run.status, 5);
    ck_assert_ptr_nonnull(strstr(run.err, "raise [store] map_size in "));
    ck_assert_ptr_nonnull(strstr(run.err, world.config));
    ck_assert_msg(strstr(run.err, " created; lines up to ") != NULL, "%s", run.err);
    set_map_size("64M");
    DO("create", "zed", "--from", names_with("then"), "-q");
    world_pack(&world);
    set_map_size("1M ");
}

/* Every writing command in a full store: unchanged or done; and done once the store may grow. */
START_TEST(every_writer_at_map_size)
{
    world_make(&world);
    config = world.config;
    fill_map();
    size_t refused = 0;
    for (size_t i = 0; i < writer_count; i++) {
        const struct writer *writer = &writers[i];
        world_reset(&world);
        set_map_size("64M");
        char *before = world_state(&world), *after = world_state_after(&world, writer);
        set_map_size("1M ");
        struct run run = run_process(world_argv(&world, writer->args), NULL);
        set_map_size("64M");
        char *state = world_state(&world);
        if (run.status != 0) {
            one_line(&run, "raise [store] map_size in ", writer->name);
            ck_assert_msg(world_is_before(writer, state, before) || writer->how == IN_STEPS,
                          "%s: half done", writer->name);
            run = run_process(world_argv(&world, writer->args), NULL);
            ck_assert_msg(run.status == 0, "with room, %s: %s", writer->name, run.err);
            free(state);
            state = world_state(&world);
            refused++;
        }
        ck_assert_msg(world_is_after(writer, state, after), "%s: not done", writer->name);
        free(world_sound_state(&world));
        free(state);
        free(before);
        free(after);
    }
    ck_assert_uint_gt(refused, writer_count / 2);
}
END_TEST

int main(void)
{
    if (!mounts_apart("disk_limits"))
        return 77;
    cheap_crypto();
    Suite *suite = suite_create("disk_limits");
    TCase *tests = tcase_create("disk_limits");
    tcase_add_unchecked_fixture(tests, world_prepare, NULL);
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, read_only_bind_mount);
    tcase_add_loop_test(tests, read_only_file_system, 0, SPACE_KINDS);
    tcase_add_test(tests, every_writer_at_map_size);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
