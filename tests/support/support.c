/* SPDX-License-Identifier: ISC */
/* Folders, files and processes for all tests. */
#include "support/support.h"

#include "support/folder.h"

#include "common/config.h"
#include "espt/validator.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

/* Several programs run at a time, and each may need a hundred MB. A container often has 64 MB. */
#define ENOUGH_MEMORY (UINT64_C(1) << 30)

static char *folders[64];
static size_t folder_first, folder_count; /* those of this process begin at folder_first */
static pid_t folder_owner;

/* A forked child of a test does not remove its parent's folders. */
static void remove_folders(void)
{
    if (getpid() != folder_owner)
        return;
    /* It may be registered twice: by a process and by its child. */
    for (; folder_count > folder_first; folder_count--) {
        folder_remove(folders[folder_count - 1]);
        free(folders[folder_count - 1]);
    }
}

/* NULL: it could not be made. Asserts nothing, because main() calls it too. */
static const char *new_folder(void)
{
    const char *base = getenv("TMPDIR");
    char *path = NULL;
    if (folder_count == sizeof folders / sizeof *folders ||
        asprintf(&path, "%s/espt-test-XXXXXX", base != NULL ? base : "/tmp") < 0)
        return NULL;
    if (mkdtemp(path) == NULL) {
        free(path);
        return NULL;
    }
    if (folder_owner != getpid()) {
        folder_owner = getpid();
        folder_first = folder_count;
        atexit(remove_folders);
    }
    return folders[folder_count++] = path;
}

const char *temp_folder(void)
{
    const char *path = new_folder();
    ck_assert_msg(path != NULL, "no folder: %s", strerror(errno));
    return path;
}

const char *in_folder(const char *folder, const char *name)
{
    static char paths[16][512];
    static size_t next;
    char *path = paths[next++ % 16];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

void use_memory(void)
{
    struct statvfs memory;
    if (access("/dev/shm", W_OK) == 0 && statvfs("/dev/shm", &memory) == 0 &&
        (uint64_t)memory.f_bavail * memory.f_frsize >= ENOUGH_MEMORY)
        setenv("TMPDIR", "/dev/shm", 1);
}

void file_write(const char *path, const void *data, size_t len, unsigned mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
    ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
    ck_assert_int_eq(fchmod(fd, mode), 0);
    close(fd);
}

void file_text(const char *path, const char *text)
{
    file_write(path, text, strlen(text), 0644);
}

char *keep_string(char *data)
{
    static char **kept;
    static size_t count;
    kept = reallocarray(kept, count + 1, sizeof *kept);
    ck_assert_ptr_nonnull(kept);
    return kept[count++] = data;
}

static char *read_all(int fd, size_t *ret_len)
{
    char *data = NULL;
    size_t len = 0, room = 0;
    struct stat st;
    for (;;) {
        if (len + 1 >= room) { /* a file says how much there is */
            room = room > 0 ? room * 2 : fstat(fd, &st) == 0 ? (size_t)st.st_size + 64 : 4096;
            data = realloc(data, room);
            ck_assert_ptr_nonnull(data);
        }
        ssize_t got = read(fd, data + len, room - len - 1);
        if (got <= 0)
            break;
        len += (size_t)got;
    }
    data[len] = '\0';
    if (ret_len != NULL)
        *ret_len = len;
    return keep_string(data);
}

char *file_read(const char *path, size_t *ret_len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    char *data = read_all(fd, ret_len);
    close(fd);
    return data;
}

/* Outputs go to unnamed files, because a pipe could fill up. */
static int scratch_file(void)
{
    const int fd = memfd_create("output", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fchmod(fd, 0600), 0); /* esp-tokenctl warns of tokens in files for others */
    return fd;
}

pid_t fork_child(void)
{
    pid_t child = fork();
    if (child != 0)
        ck_assert_int_ge(child, 0);
    return child;
}

struct running run_start(const char *const *argv, const char *input)
{
    const int in = scratch_file();
    struct running running = {.out = scratch_file(), .err = scratch_file()};
    posix_spawn_file_actions_t descriptors;
    size_t len = input != NULL ? strlen(input) : 0;
    ck_assert_int_eq(write(in, input != NULL ? input : "", len), (ssize_t)len);
    lseek(in, 0, SEEK_SET);
    /* not fork: to copy the test's page tables takes longer than many a command */
    posix_spawn_file_actions_init(&descriptors);
    posix_spawn_file_actions_adddup2(&descriptors, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&descriptors, running.out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&descriptors, running.err, STDERR_FILENO);
    const int why = posix_spawnp(&running.pid, argv[0], &descriptors, NULL,
                                 (char *const *)(void *)argv, environ);
    if (why != 0) {
        running.pid = -1;
        dprintf(running.err, "%s: %s\n", argv[0], strerror(why));
    }
    posix_spawn_file_actions_destroy(&descriptors);
    close(in);
    return running;
}

struct run run_finish(const struct running *running)
{
    int status = 127 << 8; /* there is no such program */
    if (running->pid > 0)
        ck_assert_int_eq(waitpid(running->pid, &status, 0), running->pid);
    struct run run = {
        .status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
    };
    lseek(running->out, 0, SEEK_SET);
    lseek(running->err, 0, SEEK_SET);
    run.out = read_all(running->out, NULL);
    run.err = read_all(running->err, NULL);
    close(running->out);
    close(running->err);
    return run;
}

struct run run_process(const char *const *argv, const char *input)
{
    const struct running running = run_start(argv, input);
    return run_finish(&running);
}

struct run run_ctl(const char *config, const char *input, const char *const *args)
{
    const char *argv[64] = {ctl_path()};
    size_t count = 1;
    if (config != NULL) {
        argv[count++] = "-c";
        argv[count++] = config;
    }
    for (; *args != NULL; args++)
        argv[count++] = *args;
    return run_process(argv, input);
}

const char *ctl_path(void)
{
    return OUT "/esp-tokenctl";
}

const char *plugin_path(void)
{
    return OUT "/esp_validator.so";
}

static bool is_cheap;

void preload(const char *library)
{
    char libraries[1024];
    snprintf(libraries, sizeof libraries, "%s%s%s", library != NULL ? library : "",
             library != NULL && is_cheap ? ":" : "", is_cheap ? CHEAP_CRYPTO : "");
    if (libraries[0] != '\0')
        setenv("LD_PRELOAD", libraries, 1);
    else
        unsetenv("LD_PRELOAD");
}

void cheap_crypto(void)
{
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
    is_cheap = true;
    preload(NULL);
#endif
}

void validate_once(const char *config, const char *text)
{
    char err[512] = "";
    espt_ctx *ctx = NULL;
    void *library = dlopen(plugin_path(), RTLD_NOW | RTLD_LOCAL);
    ck_assert_msg(library != NULL, "%s", dlerror());
    const espt_validator *(*get)(uint32_t);
    *(void **)(void *)&get = dlsym(library, "espt_validator_get");
    const espt_validator *plugin = get(ESPT_ABI);
    ck_assert_msg(plugin->open(&ctx, config, NULL, NULL, err, sizeof err) == 1, "%s", err);
    const espt_query query = {.size = sizeof query, .token = text, .token_len = strlen(text)};
    espt_result result = {.size = sizeof result};
    plugin->validate(ctx, &query, &result);
    plugin->close(ctx);
    ck_assert_int_eq(result.status, ESPT_ALLOW);
}

void config_in(struct config *ret_config, const char *folder)
{
    *ret_config = (struct config){.map_size = UINT64_C(1) << 26, .wait.seconds = 30};
    snprintf(ret_config->file, sizeof ret_config->file, "%s/esp-token.conf", folder);
    snprintf(ret_config->store, sizeof ret_config->store, "%s/tokens.mdb", folder);
    snprintf(ret_config->public_key, sizeof ret_config->public_key, "%s/reveal.pub", folder);
    snprintf(ret_config->secret_key, sizeof ret_config->secret_key, "%s/reveal.key", folder);
}

/* --- stores that are made once for a program --- */

static const char *made_stores; /* a folder of the main process; NULL: nothing is kept */

/* A copy appears whole: a test may be ended while it copies. */
static void keep_made(const char *folder, const char *kept)
{
    char copy[600];
    snprintf(copy, sizeof copy, "%s-XXXXXX", kept);
    ck_assert_ptr_nonnull(mkdtemp(copy));
    folder_copy(folder, copy);
    ck_assert_int_eq(rename(copy, kept), 0);
}

const char *store_made(void (*make)(const char *config), const char **ret_folder)
{
    static bool is_second; /* two stores of one test differ in their keys and secrets */
    const char *folder = temp_folder();
    char kept[512];
    char *config = NULL;
    ck_assert_int_gt(asprintf(&config, "%s/esp-token.conf", folder), 0);
    const bool keep = made_stores != NULL && !is_second && access(made_stores, W_OK) == 0;
    is_second = true;
    if (keep)
        snprintf(kept, sizeof kept, "%s/%jx", made_stores, (uintmax_t)(uintptr_t)make);
    if (keep && access(kept, F_OK) == 0) {
        folder_copy(kept, folder);
    } else {
        struct run run = CTL(NULL, NULL, "init", folder);
        ck_assert_msg(run.status == 0, "init: %s", run.err);
        if (make != NULL)
            make(config);
        if (keep)
            keep_made(folder, kept);
    }
    if (ret_folder != NULL)
        *ret_folder = folder;
    return keep_string(config);
}

const char *store_folder(const char **ret_folder)
{
    return store_made(NULL, ret_folder);
}

/* liblmdb takes 2 MiB of zeros for each environment, and hardly uses them. By default malloc takes
   the second such piece from the heap, and to clear it costs 512 page faults; and it gives freed
   memory back to the system at once. So it always maps what is large, and keeps the rest. */
static void tune_malloc(void)
{
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

int run_suite(Suite *suite)
{
    tune_malloc();
    SRunner *runner = srunner_create(suite);
    made_stores = new_folder();
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
