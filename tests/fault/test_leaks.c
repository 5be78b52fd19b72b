/*
 * No secret escapes: each process of each command is stopped as it ends, and at a signal that ends
 * it while it prints, and its memory is searched for token texts and the secret key; then every
 * file that was written.
 */
#include "cli/drive.h"
#include "fault/trace.h"
#include "fault/world.h"

#include <ctype.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIECE 12 /* so many bytes of a secret in a row are one found */
#define SECRET_AT 18

/* What is searched for. */
struct secrets {
    char text[64]; /* of acme/default, which commands reveal */
    unsigned char key[32];
    char hex[65];
    const char *allowed; /* which may be printed; NULL: none */
    size_t found;
    char where[512];
};

static void read_key(struct secrets *secrets, const struct world *world)
{
    char path[600];
    snprintf(path, sizeof path, "%s/reveal.key", world->folder);
    const char *hex = file_read(path, NULL);
    ck_assert(hex != NULL && strlen(hex) >= 64);
    snprintf(secrets->hex, sizeof secrets->hex, "%.64s", hex);
    for (size_t i = 0; i < sizeof secrets->key; i++) {
        unsigned byte;
        ck_assert_int_eq(sscanf(secrets->hex + 2 * i, "%2x", &byte), 1);
        secrets->key[i] = (unsigned char)byte;
    }
}

static bool holds(const unsigned char *bytes, size_t len, const void *secret, size_t secret_len)
{
    for (size_t i = 0; i + PIECE <= secret_len; i += PIECE / 2)
        if (memmem(bytes, len, (const char *)secret + i, PIECE) != NULL)
            return true;
    return false;
}

static void search(struct secrets *secrets, const unsigned char *bytes, size_t len,
                   const char *where)
{
    const char *what = NULL;
    if (secrets->allowed == NULL &&
        holds(bytes, len, secrets->text + SECRET_AT, strlen(secrets->text) - SECRET_AT))
        what = "a token's text";
    else if (holds(bytes, len, secrets->key, sizeof secrets->key))
        what = "the secret key";
    else if (holds(bytes, len, secrets->hex, 64))
        what = "the secret key's digits";
    if (what == NULL)
        return;
    secrets->found++;
    snprintf(secrets->where, sizeof secrets->where, "%s in %s", what, where);
}

/* Every mapping that the process may write to or has read a file into. */
static void search_process(void *arg, pid_t pid)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "re");
    snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    int mem = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert(maps != NULL && mem >= 0);
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long from, to;
        char access[8];
        if (sscanf(line, "%lx-%lx %7s", &from, &to, access) != 3 || access[0] != 'r' ||
            to - from > (64UL << 20) || strstr(line, "[vvar") != NULL)
            continue;
        unsigned char *bytes = malloc(to - from);
        ck_assert_ptr_nonnull(bytes);
        ssize_t got = pread(mem, bytes, to - from, (off_t)from);
        if (got > 0)
            search(arg, bytes, (size_t)got, line);
        free(bytes);
    }
    fclose(maps);
    close(mem);
}

static const struct command {
    const char *args[8];
    bool presents; /* the token's text is its input */
} commands[] = {
    {{"show", "acme/default", "--reveal"}, false},
    {{"--json", "show", "acme/default", "--reveal"}, false},
    {{"show", "acme/default"}, false},
    {{"copy", "acme/default", "--clear", "1"}, false},
    {{"verify"}, true},
    {{"verify", "--explain"}, true},
    {{"--json", "verify", "--metric", "kpi.cdn_data"}, true},
    {{"key", "rotate"}, false},
    {{"list"}, false},
    {{"export"}, false},
    {{"edit", "acme/default", "--name", "main"}, false},
    {{"remove", "acme/default", "--yes"}, false},
    {{"log"}, false},
    {{"check"}, false},
    {{"backup", "@other.mdb"}, false},
};

static const char fake_xclip[] = "#!/bin/sh\n"
                                 "tr '\\0' ' ' < /proc/$$/cmdline >> \"$CLIP.args\"\n"
                                 "env >> \"$CLIP.args\"\n"
                                 "[ \"$1\" = -o ] || cat > /dev/null\n";

static void with_clipboard(const struct world *world)
{
    char path[1024];
    static char clip[600];
    snprintf(path, sizeof path, "%s/usage/xclip", world->folder);
    file_write(path, fake_xclip, strlen(fake_xclip), 0755);
    snprintf(path, sizeof path, "%s/usage:%s", world->folder, getenv("PATH"));
    snprintf(clip, sizeof clip, "%s/usage/clip", world->folder);
    setenv("PATH", path, 1);
    setenv("CLIP", clip, 1);
    setenv("DISPLAY", ":none", 1);
    unsetenv("WAYLAND_DISPLAY");
    unsetenv("TMUX");
}

static struct secrets prepare(const struct world *world)
{
    struct secrets secrets = {0};
    snprintf(secrets.text, sizeof secrets.text, "%s", revealed(world->config, "acme/default"));
    read_key(&secrets, world);
    return secrets;
}

START_TEST(memory_at_the_end)
{
    const struct command *command = &commands[_i];
    struct world world;
    world_make(&world);
    struct secrets secrets = prepare(&world);
    with_clipboard(&world);
    struct trace_plan plan = {.at_end = search_process, .arg = &secrets};
    struct traced traced = trace_run(world_argv(&world, command->args),
                                     command->presents ? secrets.text : NULL, &plan);
    ck_assert_msg(traced.status == 0, "%s: %s", command->args[0], traced.err);
    ck_assert_msg(secrets.found == 0, "%s %s: %s (%zu)", command->args[0], command->args[1],
                  secrets.where, secrets.found);
    trace_free(&traced);
}
END_TEST

/* A crash while it prints: only what it prints is there, and no core. */
struct crash {
    struct secrets secrets;
    size_t places;
};

static void crash_at_output(void *arg, pid_t pid, long call, const unsigned long *args)
{
    (void)arg;
    if (call == SYS_write && args[0] == STDOUT_FILENO)
        kill(pid, SIGILL);
}

static void count_places(void *arg, pid_t pid)
{
    struct crash *crash = arg;
    struct secrets *secrets = &crash->secrets;
    secrets->allowed = secrets->text;
    search_process(secrets, pid);
}

START_TEST(memory_at_a_crash)
{
    struct world world;
    struct crash crash = {0};
    world_make(&world);
    crash.secrets = prepare(&world);
    struct trace_plan plan = {.at_end = count_places, .at_call = crash_at_output, .arg = &crash};
    struct traced traced = trace_run(world_argv(&world, commands[_i].args), NULL, &plan);
    ck_assert_msg(traced.status == 128 + SIGILL, "status %d: %s", traced.status, traced.err);
    ck_assert_msg(crash.secrets.found == 0, "%s", crash.secrets.where);
    ck_assert_int_eq(access("core", F_OK), -1);
    trace_free(&traced);
}
END_TEST

/* --- files --- */

static struct secrets *wanted;

static int search_file(const char *path, const struct stat *st, int type)
{
    size_t len;
    (void)st;
    const char *name = strrchr(path, '/') + 1;
    if (type != FTW_F || strcmp(name, "reveal.key") == 0)
        return 0;
    const char *bytes = file_read(path, &len);
    ck_assert_ptr_nonnull(bytes);
    search(wanted, (const unsigned char *)bytes, len, path);
    return 0;
}

/* The store, its locks, backups, logs, usage files, and what helpers saw of arguments and
   environment. */
START_TEST(nothing_on_the_disk)
{
    struct world world;
    world_make(&world);
    struct secrets secrets = prepare(&world);
    with_clipboard(&world);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        run_process(world_argv(&world, commands[i].args),
                    commands[i].presents ? secrets.text : NULL);
    for (size_t i = 0; i < writer_count; i++)
        run_process(world_argv(&world, writers[i].args), NULL);
    wanted = &secrets;
    ck_assert_int_eq(ftw(world.folder, search_file, 16), 0);
    ck_assert_msg(secrets.found == 0, "%s", secrets.where);
    char args[600];
    snprintf(args, sizeof args, "%s.args", getenv("CLIP"));
    ck_assert_ptr_nonnull(file_read(args, NULL)); /* the helper was there */
}
END_TEST

int main(void)
{
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    puts("a sanitizer keeps copies of its own");
    return 77;
#endif
    if (!TRACE_WORKS || geteuid() != 0) {
        puts("root and x86-64 are needed: the memory of esp-tokenctl is closed to others");
        return 77;
    }
    Suite *suite = suite_create("leaks");
    TCase *tests = tcase_create("leaks");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, memory_at_the_end, 0, (int)(sizeof commands / sizeof *commands));
    tcase_add_loop_test(tests, memory_at_a_crash, 0, 2);
    tcase_add_test(tests, nothing_on_the_disk);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
