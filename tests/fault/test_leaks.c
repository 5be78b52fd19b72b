/* SPDX-License-Identifier: ISC */
/*
 * No secret leaks. Each process of each command is stopped at its end, or at a signal that ends it
 * while it prints, and its memory is searched for token texts and the secret key. Then every file
 * that was written is searched.
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

#define PIECE 12 /* this many consecutive bytes of a secret count as a leak */
#define SECRET_AT 18
#define WORDS "correct horse" /* the passphrase in the store folder's file `words` */

/* The secrets to search for. */
struct secrets {
    char text[64]; /* text of acme/default, which commands reveal */
    unsigned char key[32];
    char hex[65];
    bool printed;  /* the text is printed: allowed in that buffer, nowhere else */
    size_t places; /* where that text was found */
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

/* Searches for any token text, including one that was just created. */
static bool holds_text(const unsigned char *bytes, size_t len)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const unsigned char *end = bytes + len, *at = bytes;
    while (at < end && (at = memmem(at, (size_t)(end - at), TEXT_PATTERN, 6)) != NULL) {
        char text[55] = "";
        memcpy(text, at, end - at < 54 ? (size_t)(end - at) : 54);
        if (strspn(text + 6, digits) == 11 && text[17] == '_' &&
            strspn(text + SECRET_AT, digits) == 36)
            return true;
        at += 6;
    }
    return false;
}

/* Searches for any piece of that one text. */
static size_t places_of(const unsigned char *bytes, size_t len, const char *secret)
{
    const unsigned char *end = bytes + len, *at = bytes;
    size_t count = 0;
    while (at < end && (at = memmem(at, (size_t)(end - at), secret + 12, PIECE)) != NULL) {
        count++;
        at += PIECE;
    }
    return count;
}

static void search(struct secrets *secrets, const unsigned char *bytes, size_t len,
                   const char *where)
{
    const char *what = NULL;
    if (secrets->printed)
        secrets->places += places_of(bytes, len, secrets->text + SECRET_AT);
    if (!secrets->printed &&
        holds(bytes, len, secrets->text + SECRET_AT, strlen(secrets->text) - SECRET_AT))
        what = "a token's text";
    else if (!secrets->printed && holds_text(bytes, len))
        what = "a new token's text";
    else if (holds(bytes, len, WORDS, strlen(WORDS)))
        what = "a passphrase";
    else if (holds(bytes, len, secrets->key, sizeof secrets->key))
        what = "the secret key";
    else if (holds(bytes, len, secrets->hex, 64))
        what = "the secret key's digits";
    if (what == NULL)
        return;
    secrets->found++;
    snprintf(secrets->where, sizeof secrets->where, "%s in %s", what, where);
}

/* Searches every mapping that the process may write to or has read a file into. */
static void search_process(void *arg, pid_t pid)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "re");
    snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    int mem = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert(maps != NULL && mem >= 0);
    unsigned char *bytes = NULL; /* one buffer: the kernel would clear the pages of each anew */
    size_t room = 0;
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long from, to;
        char access[8];
        if (sscanf(line, "%lx-%lx %7s", &from, &to, access) != 3 || access[0] != 'r' ||
            to - from > (64UL << 20) || strstr(line, "[vvar") != NULL)
            continue;
        if (to - from > room) {
            free(bytes);
            bytes = malloc(room = to - from);
            ck_assert_ptr_nonnull(bytes);
        }
        ssize_t got = pread(mem, bytes, to - from, (off_t)from);
        if (got > 0)
            search(arg, bytes, (size_t)got, line);
    }
    free(bytes);
    fclose(maps);
    close(mem);
}

static const struct command {
    const char *args[8];
    bool presents; /* the token's text is the standard input */
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
    snprintf(secrets.text, sizeof secrets.text, "%s", world->text[0]);
    read_key(&secrets, world);
    return secrets;
}

static void search_at_the_end(const char *const *args, bool presents)
{
    struct world world;
    world_make(&world);
    struct secrets secrets = prepare(&world);
    with_clipboard(&world);
    struct trace_plan plan = {.at_end = search_process, .arg = &secrets};
    struct traced traced =
        trace_run(world_argv(&world, args), presents ? secrets.text : NULL, &plan);
    ck_assert_msg(traced.status == 0, "%s: %s", args[0], traced.err);
    ck_assert_msg(secrets.found == 0, "%s %s: %s (%zu)", args[0], args[1], secrets.where,
                  secrets.found);
    trace_free(&traced);
}

START_TEST(no_secret_in_memory_at_exit)
{
    search_at_the_end(commands[_i].args, commands[_i].presents);
}
END_TEST

/* With --copy the tracer would wait 45 s for the clearing process; copy --clear is used instead. */
START_TEST(no_secret_in_memory_of_writers)
{
    const char *const *args = writers[_i].args;
    bool waits = false;
    for (size_t i = 0; args[i] != NULL; i++)
        waits = waits || strcmp(args[i], "--copy") == 0;
    if (!waits)
        search_at_the_end(args, false);
}
END_TEST

/* A crash while the command prints: memory holds only the printed text, and no core is written. */
struct crash {
    struct secrets secrets;
    int number;
    bool handled;
    size_t ends;
};

static bool crash_at_output(void *arg, pid_t pid, long call, const unsigned long *args)
{
    const struct crash *crash = arg;
    if (call == SYS_write && args[0] == STDOUT_FILENO)
        kill(pid, crash->number);
    return false;
}

static void leaves_no_core(pid_t pid)
{
    char path[64], *limits;
    snprintf(path, sizeof path, "/proc/%d/limits", (int)pid);
    limits = file_read(path, NULL);
    ck_assert_ptr_nonnull(limits);
    const char *core = strstr(limits, "Max core file size");
    unsigned long soft = 1, hard = 1;
    ck_assert(core != NULL && sscanf(core, "Max core file size %lu %lu", &soft, &hard) == 2);
    ck_assert_uint_eq(soft, 0);
    ck_assert_uint_eq(hard, 0);
}

static void at_crash(void *arg, pid_t pid)
{
    struct crash *crash = arg;
    struct secrets *secrets = &crash->secrets;
    crash->ends++;
    leaves_no_core(pid);
    secrets->places = 0;
    search_process(secrets, pid);
    /* a signal handler would make the kernel save the registers that printing left behind */
    ck_assert_uint_le(secrets->places, crash->handled ? 2 : 1);
}

static const struct ending {
    int number, status;
} endings[] = {
    {SIGILL, 128 + SIGILL},
    {SIGTRAP, 128 + SIGTRAP},
    {SIGSYS, 128 + SIGSYS},
    {SIGTERM, 128 + SIGTERM},
    {SIGPIPE, 128 + SIGPIPE},
    {SIGXFSZ, 128 + SIGXFSZ},
    {SIGSEGV, 5},
    {SIGBUS, 5},
    {SIGABRT, 5}, /* reported in words */
};
#define ENDINGS (sizeof endings / sizeof *endings)
static const char *const printing[][6] = {
    {"show", "acme/default", "--reveal"},
    {"--json", "show", "acme/default", "--reveal"},
    {"verify", "--explain"},
};

START_TEST(no_secret_in_memory_at_a_crash)
{
    const struct ending *ending = &endings[(size_t)_i % ENDINGS];
    const char *const *args = printing[(size_t)_i / ENDINGS];
    const bool shows = strcmp(args[0], "verify") != 0; /* verify opens it without liblmdb */
    struct world world;
    struct crash crash = {.number = ending->number, .handled = shows && ending->status == 5};
    world_make(&world);
    crash.secrets = prepare(&world);
    crash.secrets.printed = shows;
    struct trace_plan plan = {.at_end = at_crash, .at_call = crash_at_output, .arg = &crash};
    struct traced traced = trace_run(world_argv(&world, args), crash.secrets.text, &plan);
    ck_assert_msg(traced.status == (shows ? ending->status : 128 + ending->number),
                  "signal %d: status %d: %s", ending->number, traced.status, traced.err);
    ck_assert_msg(crash.secrets.found == 0, "signal %d: %s", ending->number, crash.secrets.where);
    ck_assert_uint_ge(crash.ends, 1);
    ck_assert_ptr_null(strstr(traced.err, TEXT_PATTERN));
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
    if (type != FTW_F || strcmp(name, "reveal.key") == 0 || strcmp(name, "words") == 0)
        return 0;
    const char *bytes = file_read(path, &len);
    ck_assert_ptr_nonnull(bytes);
    search(wanted, (const unsigned char *)bytes, len, path);
    return 0;
}

/* Searches the store, its lock files, backups, logs, usage files, and the arguments and environment
   that helper programs saw. */
START_TEST(no_secret_in_files)
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
    ck_assert_ptr_nonnull(file_read(args, NULL)); /* the helper program ran */
}
END_TEST

int main(void)
{
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    puts("a sanitizer keeps copies of its own");
    return 77;
#endif
    if (!trace_reads_memory())
        return 77;
    Suite *suite = suite_create("leaks");
    TCase *tests = tcase_create("leaks");
    for (size_t i = 0; i < ENDINGS; i++)
        signal(endings[i].number, SIG_DFL); /* ignored signals are inherited */
    tcase_add_unchecked_fixture(tests, world_prepare, NULL);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, no_secret_in_memory_at_exit, 0,
                        (int)(sizeof commands / sizeof *commands));
    tcase_add_loop_test(tests, no_secret_in_memory_of_writers, 0, (int)writer_count);
    tcase_add_loop_test(tests, no_secret_in_memory_at_a_crash, 0,
                        (int)(ENDINGS * sizeof printing / sizeof *printing));
    tcase_add_test(tests, no_secret_in_files);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
