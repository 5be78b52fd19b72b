/* SPDX-License-Identifier: ISC */
/*
 * Counting uses in hosts of all kinds. The counts are exact where possible. Where counting is not
 * possible, the log has one line, and verdicts do not change.
 */
#include "cli/drive.h"
#include "common/token.h"
#include "common/usage.h"
#include "support/namespace.h"

/* clang-format off: this must come first, because it declares names that drive.h uses */
#include "abi/host.h"
/* clang-format on */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct text good, other;
static const char *usage; /* the folder */
static char id[TOKEN_ID_LEN + 1];

static void remember_id(void)
{
    memcpy(id, good.bytes + 6, TOKEN_ID_LEN);
    id[TOKEN_ID_LEN] = '\0';
}

/* Writes a config with another [usage] folder, or a small table. */
static void configure(const char *path, unsigned tokens)
{
    char *text = file_read(config, NULL), *section = strstr(text, "[usage]");
    char more[600];
    ck_assert_ptr_nonnull(section);
    *section = '\0';
    snprintf(more, sizeof more, "%s[usage]\nfolder = %s\ntokens = %u\n", text, path, tokens);
    file_text(config, more);
}

static void setup(void)
{
    config = populated(&folder);
    usage = strdup(in_folder(folder, "usage"));
    host_load();
    good = text_in(revealed(config, "zed/default"));
    other = text_in(revealed(config, "bolt/default"));
    remember_id();
    DO("usage", "fold");
}

static void open_counting(void)
{
    host_open();
    ck_assert_msg(atomic_load(&warnings) == 0, "%s", last_log);
}

static void open_not_counting(const char *words)
{
    host_open();
    ck_assert_int_eq(atomic_load(&warnings), 1);
    ck_assert_msg(strstr(last_log, "uses are not counted") != NULL &&
                      strstr(last_log, words) != NULL,
                  "%s", last_log);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(plugin->refresh(ctx, NULL, 0), 1);
        ck_assert_int_eq(verdict(&good), ESPT_ALLOW);
    }
    ck_assert_int_eq(atomic_load(&warnings), 1);
}

/* The uses that esp-tokenctl shows for the token. */
static int64_t uses(void)
{
    json_t *json = done(CTL(config, NULL, "--json", "show", id));
    const json_t *count = json_object_get(json, "uses");
    int64_t n = json_is_null(count) ? -1 : json_integer_value(count);
    ck_assert_int_eq(json_is_null(json_object_get(json, "last_used")), n <= 0);
    json_decref(json);
    return n;
}

static unsigned files(void)
{
    unsigned count = 0;
    DIR *names = opendir(usage);
    ck_assert_ptr_nonnull(names);
    for (struct dirent *entry; (entry = readdir(names)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(names);
    return count;
}

static void *validate_often(void *arg)
{
    for (int i = 0; i < *(int *)arg; i++) {
        const espt_query query = {.size = sizeof query, .token = good.bytes, .token_len = TEXT_LEN};
        espt_result result = {.size = sizeof result};
        plugin->validate(ctx, &query, &result);
    }
    return NULL;
}

static pid_t fork_host(int times, bool opens)
{
    pid_t child = fork_child();
    if (child == 0) {
        if (opens && !plugin->open(&ctx, config, NULL, NULL, NULL, 0))
            _exit(1);
        validate_often(&times);
        kill(getpid(), SIGKILL); /* so the process writes nothing at its end */
    }
    return child;
}

static void wait_killed(pid_t child)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %d", status);
}

/* --- exact --- */

/* A context that asks without using counts nothing, and makes no file. verify asks so. */
START_TEST(asking_is_no_use)
{
    char err[512] = "";
    const unsigned before = files();
    ck_assert_int_eq(plugin->open_uncounted(&ctx, config, count_log, &warnings, err, sizeof err),
                     1);
    ck_assert_int_eq(verdict(&good), ESPT_ALLOW);
    ck_assert_uint_eq(files(), before);
    plugin->close(ctx);
    struct run run = run_ctl(config, good.bytes, (const char *const[]){"verify", NULL});
    ck_assert_msg(run.status == 0, "%s", run.err);
    run = run_ctl(config, good.bytes, (const char *const[]){"verify", "--explain", NULL});
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_int_eq(uses(), 0);
    DO("usage", "fold");
    ck_assert_int_eq(uses(), 0);
    char now[32];
    const time_t clock = time(NULL);
    strftime(now, sizeof now, "%FT%TZ", gmtime(&clock));
    ck_assert_ptr_nonnull(strstr(DO("list", "zed", "--unused", now), id));
}
END_TEST

START_TEST(only_allowed_uses_are_counted)
{
    struct text wrong = good;
    open_counting();
    const time_t before = time(NULL) - 1;
    ck_assert_int_eq(uses(), 0);
    ck_assert_int_eq(verdict(&good), ESPT_ALLOW);
    ck_assert_int_eq(uses(), 1); /* at once */
    wrong.bytes[20] = wrong.bytes[20] == 'x' ? 'y' : 'x';
    ck_assert_int_ne(verdict(&wrong), ESPT_ALLOW);
    espt_result result;
    ck_assert_int_eq(validate_now(&good, "asn.x", NULL, 0, &result), ESPT_DENY_METRIC);
    ck_assert_int_eq(validate_now(&good, NULL, "acme", 0, &result), ESPT_DENY_ENTITY);
    ck_assert_int_eq(uses(), 1);
    /* a query with `now` set counts as a use at the current time */
    ck_assert_int_eq(validate_now(&good, NULL, NULL, 1800000000, &result), ESPT_ALLOW);
    ck_assert_int_eq(uses(), 2);
    json_t *json = done(CTL(config, NULL, "--json", "list", "zed"));
    const json_t *token = json_array_get(json_object_get(json, "tokens"), 0);
    ck_assert_int_eq(json_integer_value(json_object_get(token, "uses")), 2);
    struct tm tm = {0};
    ck_assert_ptr_nonnull(strptime(text_of(token, "last_used"), "%Y-%m-%dT%H:%M:%SZ", &tm));
    ck_assert_int_ge(timegm(&tm), before);
    ck_assert_int_le(timegm(&tm), time(NULL));
    json_decref(json);
}
END_TEST

#define THREADS 8
#define ROUNDS 20000

START_TEST(threads_forks_and_kills)
{
    pthread_t threads[THREADS];
    pid_t children[4];
    int rounds = ROUNDS;
    open_counting();
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, validate_often, &rounds), 0);
    for (int i = 0; i < 4; i++)
        children[i] = fork_host(ROUNDS, i % 2 == 1);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 4; i++)
        wait_killed(children[i]);
    ck_assert_int_eq(uses(), (THREADS + 4) * ROUNDS);
    DO("usage", "fold");
    ck_assert_int_eq(uses(), (THREADS + 4) * ROUNDS);
    ck_assert_uint_eq(files(), 1); /* the file of this process */
    plugin->close(ctx);
    DO("create", "acme", "second"); /* each writing command folds */
    ck_assert_uint_eq(files(), 0);
    ck_assert_int_eq(uses(), (THREADS + 4) * ROUNDS);
}
END_TEST

/* A thousand processes, one after another, leave one file. Two at once leave two. */
START_TEST(files_of_ended_hosts_are_reused)
{
    for (int i = 0; i < 1000; i++) {
        open_counting();
        ck_assert_int_eq(verdict(&good), ESPT_ALLOW);
        plugin->close(ctx);
    }
    ck_assert_uint_eq(files(), 1);
    espt_ctx *second;
    open_counting();
    ck_assert_int_eq(plugin->open(&second, config, NULL, NULL, NULL, 0), 1);
    ck_assert_uint_eq(files(), 2);
    plugin->close(second);
    ck_assert_int_eq(uses(), 1000);
    host_teardown();
    struct stat st;
    char name[USAGE_NAME_SIZE] = "";
    DIR *names = opendir(usage);
    for (struct dirent *entry; (entry = readdir(names)) != NULL;)
        if (entry->d_name[0] != '.')
            snprintf(name, sizeof name, "%.31s", entry->d_name);
    ck_assert_int_eq(fstatat(dirfd(names), name, &st, 0), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    ck_assert(usage_file_ok(&st));
    ck_assert_int_eq(st.st_size, USAGE_TOKENS_DEFAULT * USAGE_BYTES_PER_TOKEN);
    closedir(names);
}
END_TEST

#define FDS 256
static bool was_open[FDS];

static void remember_descriptors(void)
{
    for (int fd = 0; fd < FDS; fd++)
        was_open[fd] = fcntl(fd, F_GETFD) >= 0;
}

/* Closes all descriptors except the test's own. */
static void close_descriptors(void)
{
    for (int fd = 3; fd < FDS; fd++) {
        if (!was_open[fd])
            close(fd);
    }
}

/* A host that becomes a daemon closes all descriptors. The mapping keeps the lock, also in its
   children. */
START_TEST(a_host_that_closed_its_descriptors)
{
    int told[2];
    char go;
    remember_descriptors();
    open_counting();
    ck_assert_int_eq(verdict(&good), ESPT_ALLOW);
    close_descriptors();
    DO("usage", "fold");
    ck_assert_uint_eq(files(), 1);
    ck_assert_int_eq(pipe(told), 0);
    pid_t child = fork();
    if (child == 0) {
        close(told[1]);
        if (read(told[0], &go, 1) != 0) /* waits until the parent has unmapped the file */
            _exit(1);
        int times = 1;
        plugin->refresh(ctx, NULL, 0);
        validate_often(&times);
        kill(getpid(), SIGSTOP);
        _exit(0);
    }
    close(told[0]);
    host_teardown();
    DO("usage", "fold");
    ck_assert_uint_eq(files(), 1);
    close(told[1]);
    int status;
    ck_assert_int_eq(waitpid(child, &status, WUNTRACED), child);
    ck_assert(WIFSTOPPED(status));
    DO("usage", "fold");
    ck_assert_uint_eq(files(), 1);
    ck_assert_int_eq(uses(), 2);
    kill(child, SIGKILL);
    wait_killed(child);
    DO("usage", "fold");
    ck_assert_uint_eq(files(), 0);
    ck_assert_int_eq(uses(), 2);
}
END_TEST

/* A host writes nothing at its end, so a killed host loses no counts. */
START_TEST(a_stopped_host_loses_no_counts)
{
    count_no_uses(config);
    host_open();
    ck_assert_int_eq(verdict(&good), ESPT_ALLOW);
    ck_assert_int_eq(uses(), -1);
    ck_assert_uint_eq(files(), 0);
    ck_assert_int_eq(atomic_load(&warnings), 0);
}
END_TEST

/* --- full --- */

#define MANY 1500
static struct text many[MANY];

/* Creates more tokens than a small usage file has places for, and opens a host that counts. */
static void open_counting_few(void)
{
    configure("usage", USAGE_TOKENS_MIN);
    file_text(in_folder(folder, "tiers.ini"),
              "[lite]\nrank = 10\nmax_tokens = unlimited\ndefault = yes\nmetrics = *\n"
              "[advanced]\nrank = 20\nmax_tokens = unlimited\n");
    FILE *lines = fopen(in_folder(folder, "names"), "w");
    for (int i = 0; i < MANY; i++)
        fprintf(lines, "n%d\n", i);
    fclose(lines);
    const char *out = DO("create", "acme", "--from", in_folder(folder, "names"), "-q");
    for (int i = 0; i < MANY; i++, out += TEXT_LEN)
        many[i] = text_in(out = strstr(out, "esptk_"));
    open_counting();
}

static void use(int first, int behind)
{
    for (int i = first; i < behind; i++)
        ck_assert_int_eq(verdict(&many[i]), ESPT_ALLOW);
}

/* Counts in a forked child, or in another process that then ends. */
static void use_elsewhere(int first, int behind, bool opens)
{
    pid_t child = fork_child();
    if (child == 0) {
        if (opens && !plugin->open(&ctx, config, NULL, NULL, NULL, 0))
            _exit(1);
        for (int i = first; i < behind; i++) {
            if (verdict(&many[i]) != ESPT_ALLOW)
                _exit(1);
        }
        kill(getpid(), SIGKILL);
    }
    wait_killed(child);
}

/* The number of tokens that were used `times` times. */
static unsigned used(int64_t times)
{
    json_t *json = done(CTL(config, NULL, "--json", "list", "acme"));
    size_t i;
    json_t *token;
    unsigned count = 0;
    json_array_foreach(json_object_get(json, "tokens"), i, token) count +=
        json_string_value(json_object_get(token, "name"))[0] == 'n' &&
        json_integer_value(json_object_get(token, "uses")) == times;
    json_decref(json);
    return count;
}

START_TEST(more_tokens_than_places)
{
    open_counting_few();
    for (int round = 0; round < 3; round++)
        use(0, MANY);
    plugin->refresh(ctx, NULL, 0);
    plugin->refresh(ctx, NULL, 0);
    ck_assert_int_eq(atomic_load(&warnings), 1);
    ck_assert_ptr_nonnull(strstr(last_log, "[usage] tokens allows; raise it"));
    use(0, MANY); /* now that it knows that the table is full */
    ck_assert_uint_eq(used(4), USAGE_TOKENS_MIN);
    ck_assert_uint_eq(used(0), MANY - USAGE_TOKENS_MIN);
    host_teardown();
}
END_TEST

/* A host whose table is full still finds the places that other processes filled. */
static void finds_places(unsigned taken)
{
    use((int)taken, MANY);
    plugin->refresh(ctx, NULL, 0);
    use(0, (int)taken);
    ck_assert_uint_eq(used(2), taken);
}

START_TEST(places_filled_by_a_forked_host)
{
    open_counting_few();
    use_elsewhere(0, USAGE_TOKENS_MIN, false);
    finds_places(USAGE_TOKENS_MIN);
    ck_assert_uint_eq(used(0), MANY - USAGE_TOKENS_MIN);
    host_teardown();
}
END_TEST

START_TEST(places_filled_by_an_ended_host)
{
    enum { SOME = USAGE_TOKENS_MIN / 2 };
    open_counting_few();
    host_teardown();
    DO("usage", "fold");
    use_elsewhere(0, SOME, true);
    open_counting();
    ck_assert_uint_eq(files(), 1); /* the file of the ended process, reused */
    finds_places(SOME);
    ck_assert_uint_eq(used(1), USAGE_TOKENS_MIN - SOME);
    host_teardown();
}
END_TEST

/* --- obstacles --- */

START_TEST(no_folder)
{
    ck_assert_int_eq(rmdir(usage), 0);
    open_not_counting("run 'systemd-tmpfiles");
    ck_assert_int_eq(uses(), 0);
}
END_TEST

START_TEST(the_folder_vanishes)
{
    open_counting();
    ck_assert_int_eq(verdict(&good), ESPT_ALLOW);
    ck_assert_int_eq(rename(usage, in_folder(folder, "elsewhere")), 0);
    ck_assert_int_eq(plugin->refresh(ctx, NULL, 0), 1);
    ck_assert_int_eq(verdict(&good), ESPT_ALLOW);
    ck_assert_int_eq(uses(), 0);
    ck_assert_int_eq(rename(in_folder(folder, "elsewhere"), usage), 0);
    ck_assert_int_eq(uses(), 2);
    ck_assert_int_eq(atomic_load(&warnings), 0);
}
END_TEST

START_TEST(a_shared_folder_without_sticky_bit)
{
    ck_assert_int_eq(chmod(usage, 0777), 0);
    open_not_counting("chmod +t");
}
END_TEST

START_TEST(a_folder_of_another)
{
    if (geteuid() != 0) {
        puts("SKIPPED a_folder_of_another: it needs root");
        return;
    }
    ck_assert_int_eq(chown(usage, 65533, 65533), 0);
    open_not_counting("belongs to another user");
}
END_TEST

START_TEST(a_link_in_the_folder)
{
    char link[USAGE_NAME_SIZE];
    usage_name(link, geteuid(), 1);
    const char *target = in_folder(folder, "target");
    file_text(target, "x");
    ck_assert_int_eq(symlink(target, in_folder(usage, link)), 0);
    open_counting();
    ck_assert_int_eq(verdict(&good), ESPT_ALLOW);
    ck_assert_str_eq(file_read(target, NULL), "x");
    ck_assert_int_eq(uses(), 1);
}
END_TEST

/* SIGXFSZ would end the process. */
START_TEST(a_file_size_limit)
{
    const struct rlimit low = {1 << 16, 1 << 16};
    ck_assert_ptr_eq(signal(SIGXFSZ, SIG_DFL), SIG_DFL);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &low), 0);
    open_not_counting("file-size limit");
    ck_assert_uint_eq(files(), 0);
}
END_TEST

/* Runs in its own mount namespace, which only root may create. */
static bool mount_small(const char *size)
{
    char options[64];
    snprintf(options, sizeof options, "size=%s,mode=0700", size);
    if (!mounts_apart("usage on a small file system"))
        return false;
    ck_assert_msg(mount("tmpfs", usage, "tmpfs", 0, options) == 0, "%s", strerror(errno));
    return true;
}

START_TEST(a_full_disk)
{
    if (!mount_small("512k"))
        return;
    open_not_counting("free some space");
    ck_assert_uint_eq(files(), 0);
    host_teardown();
    /* and a file system that is filled after the space was reserved */
    ck_assert_int_eq(mount("tmpfs", usage, "tmpfs", MS_REMOUNT, "size=2m"), 0);
    atomic_store(&warnings, 0);
    open_counting();
    int fd = open(in_folder(usage, "filler"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    static const char block[1 << 16];
    while (write(fd, block, sizeof block) > 0)
        ;
    ck_assert_int_eq(errno, ENOSPC);
    close(fd);
    int rounds = 1000;
    validate_often(&rounds);
    ck_assert_int_eq(uses(), 1000);
    host_teardown();
}
END_TEST

START_TEST(a_read_only_folder)
{
    if (!mount_small("8m"))
        return;
    ck_assert_int_eq(mount("tmpfs", usage, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL), 0);
    open_not_counting("Read-only");
}
END_TEST

START_TEST(overlayfs)
{
    char options[2048];
    snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s,workdir=%s", usage,
             in_folder(folder, "upper"), in_folder(folder, "work"));
    mkdir(in_folder(folder, "upper"), 0700);
    mkdir(in_folder(folder, "work"), 0700);
    if (!mounts_apart("overlayfs"))
        return;
    if (mount("overlay", usage, "overlay", 0, options) != 0) {
        printf("SKIPPED overlayfs: it needs overlayfs: %s\n", strerror(errno));
        return;
    }
    open_not_counting("keep the folder on tmpfs, ext4 or xfs");
    umount(usage);
}
END_TEST

/* A host that may not write to the folder, and one that drops its rights after `open`. */
START_TEST(without_permission)
{
    if (geteuid() != 0) {
        puts("SKIPPED without_permission: it needs root");
        return;
    }
    ck_assert_int_eq(chmod(folder, 0755), 0);
    ck_assert_int_eq(chmod(in_folder(folder, "tokens.mdb"), 0644), 0);
    open_counting();
    pid_t child = fork();
    if (child == 0) {
        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(1);
        for (int i = 0; i < 10; i++) {
            plugin->refresh(ctx, NULL, 0);
            if (verdict(&good) != ESPT_ALLOW)
                _exit(2);
        }
        espt_ctx *own;
        ctx = NULL;
        atomic_store(&warnings, 0);
        if (!plugin->open(&own, config, count_log, &warnings, NULL, 0))
            _exit(3);
        ctx = own;
        if (atomic_load(&warnings) != 1 || strstr(last_log, "Permission denied") == NULL)
            _exit(4);
        _exit(verdict(&good) == ESPT_ALLOW ? 0 : 5);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(status == 0, "status %d", WEXITSTATUS(status));
    ck_assert_int_eq(uses(), 10);
    host_teardown();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("usage");
    TCase *tcase = tcase_create("host");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, asking_is_no_use);
    tcase_add_test(tcase, only_allowed_uses_are_counted);
    tcase_add_test(tcase, threads_forks_and_kills);
    tcase_add_test(tcase, files_of_ended_hosts_are_reused);
    tcase_add_test(tcase, a_host_that_closed_its_descriptors);
    tcase_add_test(tcase, a_stopped_host_loses_no_counts);
    tcase_add_test(tcase, more_tokens_than_places);
    tcase_add_test(tcase, places_filled_by_a_forked_host);
    tcase_add_test(tcase, places_filled_by_an_ended_host);
    tcase_add_test(tcase, no_folder);
    tcase_add_test(tcase, the_folder_vanishes);
    tcase_add_test(tcase, a_shared_folder_without_sticky_bit);
    tcase_add_test(tcase, a_folder_of_another);
    tcase_add_test(tcase, a_link_in_the_folder);
    tcase_add_test(tcase, a_file_size_limit);
    tcase_add_test(tcase, a_full_disk);
    tcase_add_test(tcase, a_read_only_folder);
    tcase_add_test(tcase, overlayfs);
    tcase_add_test(tcase, without_permission);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
