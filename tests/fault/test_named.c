/* SPDX-License-Identifier: ISC */
/*
 * One call fails, chosen by its name and by the file that it is about; or another process acts
 * between two calls. The tests check what the command prints and what it leaves behind.
 */
#include "cli/drive.h"
#include "fault/trace.h"
#include "fault/world.h"
#include "support/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct world world;
static char config[512];

/* --- how a call is chosen --- */

#define EACH 0

struct pick {
    long call;
    const char
        *about;   /* pattern for the path that the call gets, or of its descriptor; NULL: any */
    unsigned nth; /* the nth such call, from 1; or EACH */
    bool (*which)(const unsigned long *args); /* NULL: every such call */
    void (*then)(pid_t pid); /* runs before the call, which then succeeds; NULL: the call fails */
};

#define PICK(call_, about_, ...)                        \
    {                                                   \
        .call = (call_), .about = (about_), __VA_ARGS__ \
    }
#define NO_MORE    \
    {              \
        .call = -1 \
    }

static void read_path(pid_t pid, unsigned long at, char *ret_path, size_t size)
{
    char file[32];
    snprintf(file, sizeof file, "/proc/%d/mem", (int)pid);
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t len = pread(fd, ret_path, size - 1, (off_t)at);
    ret_path[len > 0 ? len : 0] = '\0';
    close(fd);
}

static void path_behind(pid_t pid, unsigned long fd, char *ret_path, size_t size)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)pid, (int)fd);
    ssize_t len = readlink(link, ret_path, size - 1);
    ret_path[len > 0 ? len : 0] = '\0';
}

static bool is_about(const struct pick *pick, pid_t pid, const unsigned long *args)
{
    char path[4096] = "";
    switch (pick->call) {
    case SYS_readlink:
    case SYS_link:
        read_path(pid, args[0], path, sizeof path);
        break;
    case SYS_openat:
    case SYS_newfstatat:
        read_path(pid, args[1], path, sizeof path);
        break;
    case SYS_renameat2:
        read_path(pid, args[3], path, sizeof path);
        break;
    case SYS_mmap:
        path_behind(pid, args[4], path, sizeof path);
        break;
    default:
        path_behind(pid, args[0], path, sizeof path);
    }
    if (path[0] == '\0') /* fstat, in the form that the C library uses */
        path_behind(pid, args[0], path, sizeof path);
    return fnmatch(pick->about, path, 0) == 0;
}

struct picking {
    const struct pick *pick; /* ends with NO_MORE */
    unsigned met;            /* how many calls matched so far */
    bool came;
};

static bool is_picked(void *arg, pid_t pid, long call, const unsigned long *args)
{
    struct picking *picking = arg;
    for (const struct pick *pick = picking->pick; pick->call >= 0; pick++) {
        if (call != pick->call || (pick->about != NULL && !is_about(pick, pid, args)) ||
            (pick->which != NULL && !pick->which(args)))
            continue;
        if (pick->nth != EACH && ++picking->met != pick->nth)
            return false;
        picking->came = true;
        if (pick->then != NULL)
            pick->then(pid);
        return pick->then == NULL;
    }
    return false;
}

static struct traced run_argv(const char *const *argv, const char *input, const struct pick *pick,
                              int error)
{
    struct picking picking = {.pick = pick};
    const struct trace_plan plan = {
        .what = TRACE_FAIL, .value = error, .at_call = is_picked, .arg = &picking};
    struct traced traced = trace_run(argv, input, &plan);
    ck_assert_msg(picking.came, "%s of %s did not come: %s%s", trace_call_name(pick->call),
                  pick->about, traced.out, traced.err);
    return traced;
}

#define RUN(input, error, picks, ...)                                                        \
    run_argv(world_argv(&world, (const char *const[]){__VA_ARGS__, NULL}), (input), (picks), \
             (error))

static void ended_with(struct traced *traced, int status, const char *what)
{
    ck_assert_msg(traced->status == status, "status %d: %s", traced->status, traced->err);
    ck_assert_msg(strstr(traced->err, what) != NULL, "%s", traced->err);
    trace_free(traced);
}

/* Makes a new store and returns the text of acme/default. */
static const char *begin(void)
{
    world_make(&world);
    snprintf(config, sizeof config, "%s", world.config);
    return world.text[0];
}

/* --- refused, with nothing done --- */

static bool is_lstat(const unsigned long *args)
{
    return (args[3] & AT_SYMLINK_NOFOLLOW) != 0;
}

/* libsodium draws twice when it starts; the next draw is for the plugin's memo. */
static bool draws_a_key(const unsigned long *args)
{
    return args[1] == 16 && args[2] == 0;
}

static const struct refused {
    const char *args[8];
    bool presents; /* the token's text is the standard input */
    struct pick pick[2];
    int error;
    const char *says;
} refused[] = {
    {{"verify"},
     true,
     {PICK(SYS_readlink, "/proc/self/exe", .nth = 1), NO_MORE},
     EACCES,
     "mount /proc"},
    {{"verify"},
     true,
     {PICK(SYS_newfstatat, "/", .nth = 1), NO_MORE},
     EACCES,
     "/: Permission denied"},
    {{"verify"},
     true,
     {PICK(SYS_newfstatat, "*/tokens.mdb", .nth = 3), NO_MORE},
     EIO,
     "tokens.mdb: Input/output"},
    {{"verify"},
     true,
     {PICK(SYS_newfstatat, "*/tokens.mdb", .nth = 1), NO_MORE},
     EIO,
     "tokens.mdb: Input/output"},
    {{"verify"},
     true,
     {PICK(SYS_pread64, "*/tokens.mdb", .nth = 1), NO_MORE},
     EIO,
     "tokens.mdb: Input/output error"},
    {{"verify"},
     true,
     {PICK(SYS_mmap, "*/tokens.mdb", .nth = EACH), NO_MORE},
     ENOMEM,
     "cannot be mapped: Cannot"},
    {{"verify"},
     true,
     {PICK(SYS_getrandom, NULL, .nth = 3, .which = draws_a_key), NO_MORE},
     ENOSYS,
     "no random bytes"},
    {{"stats", "--prometheus", "-o", "@metrics"},
     false,
     {PICK(SYS_fchmod, "*/metrics.*", .nth = 1), NO_MORE},
     EPERM,
     "/metrics: Operation not permitted; check the owner and mode of its folder"},
    {{"stats", "--prometheus", "-o", "@metrics"},
     false,
     {PICK(SYS_close, "*/metrics.*", .nth = 1), NO_MORE},
     ENOSPC,
     "/metrics: No space left on device; free some space"},
    {{"backup", "@other.mdb"},
     false,
     {PICK(SYS_close, "*/other.mdb.new-????????", .nth = 1), NO_MORE},
     EIO,
     "Input/output error; check the kernel log (dmesg)"},
    {{"restore", "@backup.mdb", "--yes"},
     false,
     {PICK(SYS_newfstatat, "*/tokens.mdb", .nth = 1, .which = is_lstat), NO_MORE},
     EIO,
     "/tokens.mdb: Input/output error"},
    {{"restore", "@backup.mdb", "--yes"},
     false,
     {PICK(SYS_renameat2, "*/tokens.mdb", .nth = 1), NO_MORE},
     EIO,
     "/tokens.mdb: Input/output error"},
    {{"restore", "@backup.mdb", "--yes"},
     false,
     {PICK(SYS_openat, "*/tokens.mdb.new-????????", .nth = 5), NO_MORE},
     EMFILE,
     "Too many open files"},
};

START_TEST(refuses_and_changes_nothing)
{
    const struct refused *refusal = &refused[_i];
    const char *text = begin();
    char *before = world_state(&world);
    world_reset(&world);
    struct traced traced = run_argv(world_argv(&world, refusal->args),
                                    refusal->presents ? text : NULL, refusal->pick, refusal->error);
    ck_assert_str_eq(traced.out, "");
    ended_with(&traced, 5, refusal->says);
    char *after = world_state(&world);
    ck_assert_str_eq(after, before);
    world_no_litter(&world);
    free(before);
    free(after);
}
END_TEST

/* --- a host answers in spite of the failure --- */

static bool makes_room(const unsigned long *args)
{
    return (args[3] & MAP_NORESERVE) != 0;
}

static bool draws_two(const unsigned long *args)
{
    return args[1] == 16 && args[2] == GRND_NONBLOCK;
}

/* A smaller mapping than the configuration allows, no memory for the caches, no existing usage file
   that can be used. */
static const struct validated {
    struct pick pick[2];
    int error;
    bool counted;
} validated[] = {
    {{PICK(SYS_mmap, "*/tokens.mdb", .nth = 1), NO_MORE}, ENOMEM, true},
    {{PICK(SYS_mmap, NULL, .nth = 1, .which = makes_room), NO_MORE}, ENOMEM, true},
    {{PICK(SYS_mmap, "*/usage/u*", .nth = 1), NO_MORE}, ENOMEM, true},
    {{PICK(SYS_getrandom, NULL, .nth = 1, .which = draws_two), NO_MORE}, EAGAIN, false},
};

static json_int_t uses(void)
{
    json_t *token = done(CTL(config, NULL, "--json", "show", "acme/default"));
    const json_int_t count = json_integer_value(json_object_get(token, "uses"));
    json_decref(token);
    return count;
}

START_TEST(verifies_in_spite_of_it)
{
#ifdef __SANITIZE_ADDRESS__
    if (validated[_i].pick[0].which == makes_room) /* the sanitizer makes the same call */
        return;
#endif
    const struct validated *validation = &validated[_i];
    const char *text = begin();
    if (!validation->counted) /* an existing usage file would be used */
        ck_assert_int_eq(CTL(config, NULL, "usage", "fold").status, 0);
    const json_int_t before = uses();
    const char *const argv[] = {OUT "/tests/torture/plain_host", plugin_path(), config, NULL};
    struct traced traced = run_argv(argv, text, validation->pick, validation->error);
    ck_assert_str_eq(traced.out, "allow\n");
    ended_with(&traced, 0, "");
    ck_assert_int_eq(uses(), before + validation->counted);
}
END_TEST

/* --- another process acts in between --- */

static void save_tiers(pid_t pid)
{
    (void)pid;
    FILE *file = fopen(in_folder(world.folder, "tiers.ini"), "ae");
    ck_assert(file != NULL && fputs("; more\n", file) > 0 && fclose(file) == 0);
}

/* Half of the old file and half of the new one may form a table that nobody wrote. */
START_TEST(waits_while_tiers_are_written)
{
    static const struct pick read_end[] = {
        PICK(SYS_read, "*/tiers.ini", .nth = 2, .then = save_tiers),
        NO_MORE,
    };
    const char *text = begin();
    struct traced traced = RUN(text, 0, read_end, "verify"); /* waits and reads it again */
    ended_with(&traced, 0, "");
}
END_TEST

static bool asks_for_width(const unsigned long *args)
{
    return args[0] == STDOUT_FILENO;
}

/* Returns the token's text. `then` runs before verify --explain evaluates the checks after the
   failed one. */
static const char *explained_while(void (*then)(pid_t pid))
{
    const struct pick ioctl_first[] = {
        PICK(SYS_ioctl, NULL, .nth = 1, .which = asks_for_width, .then = then),
        NO_MORE,
    };
    const char *text = begin();
    struct traced traced =
        RUN(text, 0, ioctl_first, "verify", "--explain", "--entity", "zed", "--metric", "kpi.x");
    ck_assert_ptr_nonnull(strstr(traced.out, "metric    not reached"));
    ck_assert_ptr_null(strstr(traced.out, "it would"));
    ended_with(&traced, 1, "");
    return text;
}

static void change_the_store(pid_t pid)
{
    (void)pid;
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "another").status, 0);
}

/* --explain evaluates the later checks in the same state of the store, or does not report them. */
START_TEST(explains_one_state)
{
    const char *text = explained_while(change_the_store);
    struct run run = CTL(config, text, "verify", "--explain", "--entity", "zed");
    ck_assert_ptr_nonnull(strstr(run.out, "it would pass"));
}
END_TEST

static void lose_tiers(pid_t pid)
{
    (void)pid;
    ck_assert_int_eq(unlink(in_folder(world.folder, "tiers.ini")), 0);
}

/* The tier table was removed between its reading by the validator and by the program. */
START_TEST(explains_without_tiers)
{
    (void)explained_while(lose_tiers);
}
END_TEST

/* check reads with two threads only if both see the same state; here another process writes before
   each of the locks that check takes. */
static unsigned locks_before; /* how many locks come before the change */

static void change_before_a_lock(pid_t pid)
{
    if (locks_before-- == 0)
        change_the_store(pid);
}

static bool takes_it(const unsigned long *args)
{
    return (args[1] & LOCK_UN) == 0;
}

static void fold_before_a_lock(pid_t pid)
{
    (void)pid;
    if (locks_before-- == 0)
        ck_assert_int_eq(CTL(config, NULL, "usage", "fold").status, 0);
}

/* A host's counts move into the store while `show` adds up: they are shown once, and not lost. */
START_TEST(shows_uses_while_folded)
{
    static const struct pick locks[] = {
        PICK(SYS_flock, "*/tokens.mdb-lock", .nth = EACH, .which = takes_it,
             .then = fold_before_a_lock),
        NO_MORE,
    };
    begin();
    locks_before = (unsigned)_i;
    struct traced traced = RUN(NULL, 0, locks, "show", "acme/default");
    ck_assert_msg(strstr(traced.out, "\nuses      1\n") != NULL, "%s", traced.out);
    ended_with(&traced, 0, "");
}
END_TEST

static void remove_before_a_lock(pid_t pid)
{
    const char *const argv[] = {"sh", "-c", "rm \"$0\"/u*", in_folder(world.folder, "usage"), NULL};
    (void)pid;
    if (locks_before-- == 0)
        ck_assert_int_eq(run_process(argv, NULL).status, 0);
}

/* A usage file is removed meanwhile: its counts are shown or not, and the command succeeds. */
START_TEST(shows_uses_while_files_are_removed)
{
    static const struct pick locks[] = {
        PICK(SYS_flock, "*/tokens.mdb-lock", .nth = EACH, .which = takes_it,
             .then = remove_before_a_lock),
        NO_MORE,
    };
    begin();
    locks_before = (unsigned)_i;
    struct traced traced = RUN(NULL, 0, locks, "show", "acme/default");
    ck_assert_msg(strstr(traced.out, "\nuses      0\n") != NULL ||
                      strstr(traced.out, "\nuses      1\n") != NULL,
                  "%s", traced.out);
    ended_with(&traced, 0, "");
    struct run run = CTL(config, NULL, "show", "acme/default");
    if (locks_before == (unsigned)-1)
        ck_assert_ptr_nonnull(strstr(run.out, "\nuses      0\n"));
}
END_TEST

static void take_the_store(pid_t pid)
{
    (void)pid;
    ck_assert_int_eq(unlink(world.store), 0);
}

/* The opened store lost its name, so that no later commit reaches it. */
START_TEST(store_replaced_while_opening)
{
    static const struct pick opened[] = {
        PICK(SYS_newfstatat, "*/tokens.mdb", .nth = 1, .then = take_the_store),
        NO_MORE,
    };
    const char *text = begin();
    struct traced traced = RUN(text, 0, opened, "verify");
    ck_assert_str_eq(traced.out, "");
    ended_with(&traced, 5, "/tokens.mdb: No such file or directory");
}
END_TEST

START_TEST(check_while_others_write)
{
    static const struct pick locks[] = {
        PICK(SYS_flock, "*/tokens.mdb-lock", .nth = EACH, .which = takes_it,
             .then = change_before_a_lock),
        NO_MORE,
    };
    begin();
    locks_before = (unsigned)_i;
    struct traced traced = RUN(NULL, 0, locks, "check");
    ck_assert_str_eq(traced.out, "no findings\n");
    ended_with(&traced, 0, "");
}
END_TEST

static const char *copy; /* the file to be created */

static void put_there(pid_t pid)
{
    (void)pid;
    file_text(copy, "another's");
}

/* If another file takes the name of a backup or its manifest meanwhile, that file stays as it
   is. */
START_TEST(keeps_a_file_that_takes_the_name)
{
    static const struct pick ways[][2] = {
        {PICK(SYS_renameat2, "*/other.mdb", .nth = 1, .then = put_there), NO_MORE},
        {PICK(SYS_renameat2, "*/other.mdb.manifest", .nth = 1, .then = put_there), NO_MORE},
    };
    static const char *const names[] = {"other.mdb", "other.mdb.manifest"};
    begin();
    copy = keep_string(strdup(in_folder(world.folder, names[_i])));
    struct traced traced = RUN(NULL, 0, ways[_i], "backup", "@other.mdb");
    ended_with(&traced, 4, "the file exists already; choose another name");
    ck_assert_str_eq(file_read(copy, NULL), "another's");
    ck_assert_int_eq(access(in_folder(world.folder, names[!_i]), F_OK), -1);
}
END_TEST

static void allow_no_file(pid_t pid)
{
    ck_assert_int_eq(prlimit(pid, RLIMIT_NOFILE, &(struct rlimit){0, 0}, NULL), 0);
}

/* A standard stream is closed, and /dev/null cannot be opened in its place. */
START_TEST(closed_stream_without_dev_null)
{
    static const struct pick fcntl_first[] = {
        PICK(SYS_fcntl, NULL, .nth = 1, .then = allow_no_file),
        NO_MORE,
    };
    begin();
    const char *const argv[] = {"/bin/sh", "-c", "exec \"$0\" \"$@\" <&-", ctl_path(), "-c", config,
                                "list",    NULL};
    struct traced traced = run_argv(argv, NULL, fcntl_first, 0);
    ck_assert_str_eq(traced.out, "");
    ended_with(&traced, 5,
               "a standard stream is closed, and /dev/null cannot be opened: Too many open files; "
               "run the command");
}
END_TEST

/* The working directory is unknown, before or after the configuration was checked. */
START_TEST(unknown_working_directory)
{
    static const struct pick ways[][2] = {
        {PICK(SYS_getcwd, NULL, .nth = 1), NO_MORE},
        {PICK(SYS_getcwd, NULL, .nth = 2), NO_MORE},
    };
    static const char *const words[] = {
        "the working directory: No such file or directory; give an absolute path",
        "the working directory: No such file or directory; give an absolute path"};
    begin();
    const char *const argv[] = {
        "/bin/sh",  "-c",         "cd \"$1\" && exec \"$0\" -c esp-token.conf list",
        ctl_path(), world.folder, NULL};
    struct traced traced = run_argv(argv, NULL, ways[_i], ENOENT);
    ck_assert_str_eq(traced.out, "");
    ended_with(&traced, 5, words[_i]);
}
END_TEST

/* --- init and upgrade --- */

/* A signal arrives while a file is written or read. */
START_TEST(continues_after_a_signal)
{
    static const struct pick ways[][2] = {
        {PICK(SYS_write, "*/made/*.new-*", .nth = 1), NO_MORE},
        {PICK(SYS_read, "*/backup.mdb", .nth = 2), NO_MORE},
        {PICK(SYS_write, "*/tokens.mdb.new-*", .nth = 1), NO_MORE},
    };
    begin();
    const char *made = keep_string(strdup(in_folder(temp_folder(), "made")));
    const char *const init[] = {ctl_path(), "init", made, NULL};
    struct traced traced = _i == 0 ? run_argv(init, NULL, ways[_i], EINTR)
                                   : RUN(NULL, EINTR, ways[_i], "restore", "@backup.mdb", "--yes");
    ended_with(&traced, 0, "");
    char path[512];
    snprintf(path, sizeof path, "%s/esp-token.conf", made);
    ck_assert_int_eq(CTL(_i == 0 ? path : config, NULL, "list").status, 0);
    if (_i != 0)
        ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
}
END_TEST

START_TEST(init_refuses)
{
    static const struct {
        struct pick pick[2];
        int error;
        const char *says;
    } ways[] = {
        {{PICK(SYS_fchmod, "*/made/usage", .nth = 1), NO_MORE},
         EPERM,
         "/usage: Operation not permitted; check the owner and mode of its parent folder"},
        {{PICK(SYS_renameat2, "*/made/tokens.mdb", .nth = 1), NO_MORE},
         EIO,
         "/tokens.mdb: Input/output error; check the kernel log (dmesg)"},
    };
    const char *made = keep_string(strdup(in_folder(temp_folder(), "made")));
    const char *const argv[] = {ctl_path(), "init", made, NULL};
    struct traced traced = run_argv(argv, NULL, ways[_i].pick, ways[_i].error);
    ended_with(&traced, 5, ways[_i].says);
    ck_assert_int_eq(CTL(NULL, NULL, "init", made).status, 0);
}
END_TEST

static const char *old_store(void)
{
    static char path[512];
    const char *folder = temp_folder();
    const char *const argv[] = {"sh", "-c",
                                "cp tests/fixtures/schema1/* \"$0\"; chmod 600 \"$0\"/reveal.key",
                                folder, NULL};
    ck_assert_int_eq(run_process(argv, NULL).status, 0);
    snprintf(path, sizeof path, "%s/esp-token.conf", folder);
    return path;
}

/* The file in the old format cannot get its mode: no partial file remains, and the upgrade can be
   run again. */
START_TEST(upgrade_refuses)
{
    static const struct {
        struct pick pick[2];
        int error;
        const char *says;
    } ways[] = {
        {{PICK(SYS_fchmod, "*.schema-1", .nth = 1), NO_MORE}, EPERM, "Operation not permitted"},
        {{PICK(SYS_openat, "*.schema-1", .nth = 2), NO_MORE}, EMFILE, "Too many open files"},
    };
    const char *old = old_store();
    const char *const argv[] = {ctl_path(), "-c", old, "upgrade", NULL};
    struct traced traced = run_argv(argv, NULL, ways[_i].pick, ways[_i].error);
    ended_with(&traced, 5, ways[_i].says);
    ck_assert_int_eq(CTL(old, NULL, "upgrade").status, 0);
}
END_TEST

/* --- in a private mount namespace --- */

/* The group esp-token exists, but the user who runs the command may not give files to it: the usage
   folder keeps the user's group. Any other failure is an error. */
START_TEST(group_that_the_user_is_not_in)
{
    static const struct pick chown_usage[] = {PICK(SYS_fchown, "*/made/usage", .nth = 1), NO_MORE},
                             chown_store[] = {PICK(SYS_fchown, "*/made/tokens.mdb.new-*", .nth = 1),
                                              NO_MORE};
    static const struct {
        const struct pick *pick;
        int error, status;
        const char *says;
    } ways[] = {
        {chown_usage, EPERM, 0, ""},
        {chown_usage, EIO, 5, "/usage: Input/output error"},
        {chown_store, EPERM, 0, ""},
        {chown_store, EIO, 5, "Input/output error"},
    };
    if (!mounts_possible("group_that_the_user_is_not_in"))
        return;
    const char *folder = temp_folder();
    char *made = keep_string(strdup(in_folder(folder, "made")));
    file_text(in_folder(folder, "group"), "root:x:0:\nesp-token:x:4242:\n");
    const char *const argv[] = {
        "/usr/bin/env", "unshare",
        "--mount",      "sh",
        "-ec",          "mount --bind \"$1\" /etc/group; exec \"$0\" init \"$2\"",
        ctl_path(),     in_folder(folder, "group"),
        made,           NULL};
    struct traced traced = run_argv(argv, NULL, ways[_i].pick, ways[_i].error);
    ended_with(&traced, ways[_i].status, ways[_i].says);
    struct stat st;
    if (ways[_i].status != 0)
        return;
    ck_assert_int_eq(stat(in_folder(made, _i == 0 ? "usage" : "tokens.mdb"), &st), 0);
    ck_assert_uint_eq(st.st_gid, 0);
    ck_assert_uint_eq(st.st_mode & 07777, _i == 0 ? 0700 : 0640);
}
END_TEST

/* On a read-only file system, the writers' lock is held shared; so the lock file must open. */
START_TEST(shared_lock_file_cannot_open)
{
    static const struct pick open_lock[] = {PICK(SYS_openat, "*/tokens.mdb.writer", .nth = 1),
                                            NO_MORE};
    if (!mounts_possible("shared_lock_file_cannot_open"))
        return;
    begin();
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "x").status, 0); /* makes the lock file */
    const char *const argv[] = {
        "/usr/bin/env",
        "unshare",
        "--mount",
        "sh",
        "-ec",
        "mount --bind \"$1\" \"$1\"; mount -o remount,bind,ro \"$1\"; exec \"$0\" -c \"$2\" list",
        ctl_path(),
        world.folder,
        config,
        NULL};
    ck_assert_int_eq(run_process(argv, NULL).status, 0);
    struct traced traced = run_argv(argv, NULL, open_lock, EMFILE);
    ck_assert_str_eq(traced.out, "");
    ended_with(&traced, 5, "tokens.mdb.writer: Too many open files");
}
END_TEST

/* --- file systems that cannot exchange two names --- */

static const int unknown[] = {EINVAL, ENOSYS};
static const struct pick renameat2_each[] = {PICK(SYS_renameat2, "*", .nth = EACH), NO_MORE};

START_TEST(init_without_renameat2)
{
    const char *made = keep_string(strdup(in_folder(temp_folder(), "made")));
    const char *const argv[] = {ctl_path(), "init", made, NULL};
    struct traced traced = run_argv(argv, NULL, renameat2_each, unknown[_i]);
    ended_with(&traced, 0, "");
    char path[512];
    snprintf(path, sizeof path, "%s/esp-token.conf", made);
    ck_assert_int_eq(CTL(path, NULL, "entity", "add", "a", "--kind", "customer").status, 0);
    ck_assert_int_eq(CTL(path, NULL, "check").status, 0);
    const char *const ls[] = {"sh", "-c", "ls \"$0\" | grep -c new-", made, NULL};
    ck_assert_str_eq(run_process(ls, NULL).out, "0\n");
}
END_TEST

START_TEST(restore_without_renameat2)
{
    begin();
    char *wanted = world_state_after(
        &world, &(struct writer){"restore", {"restore", "@backup.mdb", "--yes"}, AT_ONCE});
    struct traced traced =
        RUN(NULL, unknown[_i], renameat2_each, "restore", "@backup.mdb", "--yes");
    const char *kept = strstr(traced.out, "the old store is kept as ");
    ck_assert_msg(kept != NULL, "%s%s", traced.out, traced.err);
    kept += strlen("the old store is kept as ");
    char path[512];
    snprintf(path, sizeof path, "%.*s", (int)strcspn(kept, "\n"), kept);
    ck_assert_int_eq(access(path, R_OK), 0);
    ended_with(&traced, 0, "");
    char *state = world_state(&world);
    ck_assert_str_eq(state, wanted);
    free(state);
    free(wanted);
}
END_TEST

/* The file system supports neither an exchange nor hard links; or it has hard links, and rename
   fails: nothing changes. */
START_TEST(neither_exchange_nor_link)
{
    static const struct pick ways[][3] = {
        {PICK(SYS_renameat2, "*", .nth = EACH), PICK(SYS_link, "*", .nth = EACH), NO_MORE},
        {PICK(SYS_renameat2, "*", .nth = EACH), PICK(SYS_rename, NULL, .nth = 1), NO_MORE},
    };
    begin();
    char *before = world_state(&world);
    world_reset(&world);
    struct traced traced = RUN(NULL, EINVAL, ways[_i], "restore", "@backup.mdb", "--yes");
    ended_with(&traced, 5, "/tokens.mdb: Invalid argument; check the owner and mode of its folder");
    char *state = world_state(&world);
    ck_assert_str_eq(state, before);
    world_no_litter(&world);
    const char *made = keep_string(strdup(in_folder(temp_folder(), "made")));
    const char *const argv[] = {ctl_path(), "init", made, NULL};
    if (_i == 0) {
        traced = run_argv(argv, NULL, ways[_i], EINVAL);
        ended_with(&traced, 5, "Invalid argument; check the owner and mode of its folder");
    }
    free(state);
    free(before);
}
END_TEST

/* Only the second exchange fails: the old store keeps the name that the copy had. */
START_TEST(second_exchange_fails)
{
    static const struct pick second[] = {PICK(SYS_renameat2, "*/tokens.mdb.20*", .nth = 1),
                                         NO_MORE};
    begin();
    struct traced traced = RUN(NULL, EIO, second, "restore", "@backup.mdb", "--yes");
    const char *kept = strstr(traced.out, "tokens.mdb.new-");
    ck_assert_msg(kept != NULL, "%s", traced.out);
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(kept, "\n"), kept);
    ck_assert_int_eq(access(in_folder(world.folder, name), R_OK), 0);
    ended_with(&traced, 0, "");
}
END_TEST

/* The store is in place, but may not be on the disk: reported as done, with that warning. */
START_TEST(folder_cannot_be_flushed)
{
    static const struct pick folder_sync[] = {PICK(SYS_fsync, "*/espt-test-??????", .nth = 1),
                                              NO_MORE};
    begin();
    char *wanted = world_state_after(
        &world, &(struct writer){"restore", {"restore", "@backup.mdb", "--yes"}, AT_ONCE});
    struct traced traced = RUN(NULL, EIO, folder_sync, "restore", "@backup.mdb", "--yes");
    ended_with(&traced, 5, "the restore is done, but a power failure may undo that");
    char *state = world_state(&world);
    ck_assert_str_eq(state, wanted);
    free(state);
    free(wanted);
}
END_TEST

int main(void)
{
    if (!trace_reads_memory())
        return 77;
    Suite *suite = suite_create("named");
    TCase *tests = tcase_create("named");
    tcase_add_unchecked_fixture(tests, world_prepare, NULL);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, refuses_and_changes_nothing, 0,
                        (int)(sizeof refused / sizeof *refused));
    tcase_add_loop_test(tests, verifies_in_spite_of_it, 0,
                        (int)(sizeof validated / sizeof *validated));
    tcase_add_test(tests, waits_while_tiers_are_written);
    tcase_add_test(tests, explains_one_state);
    tcase_add_test(tests, explains_without_tiers);
    tcase_add_loop_test(tests, check_while_others_write, 0, 8);
    tcase_add_loop_test(tests, shows_uses_while_folded, 0, 8);
    tcase_add_loop_test(tests, shows_uses_while_files_are_removed, 0, 8);
    tcase_add_test(tests, store_replaced_while_opening);
    tcase_add_loop_test(tests, keeps_a_file_that_takes_the_name, 0, 2);
    tcase_add_test(tests, closed_stream_without_dev_null);
    tcase_add_loop_test(tests, unknown_working_directory, 0, 2);
    tcase_add_loop_test(tests, continues_after_a_signal, 0, 3);
    tcase_add_loop_test(tests, init_refuses, 0, 2);
    tcase_add_loop_test(tests, upgrade_refuses, 0, 2);
    tcase_add_loop_test(tests, group_that_the_user_is_not_in, 0, 4);
    tcase_add_test(tests, shared_lock_file_cannot_open);
    tcase_add_loop_test(tests, init_without_renameat2, 0, 2);
    tcase_add_loop_test(tests, restore_without_renameat2, 0, 2);
    tcase_add_loop_test(tests, neither_exchange_nor_link, 0, 2);
    tcase_add_test(tests, second_exchange_fails);
    tcase_add_test(tests, folder_cannot_be_flushed);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
