/* SPDX-License-Identifier: ISC */
/* Shared by all tests: temporary folders, files, and running processes. A failure ends the test
   with ck_abort. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Check writes each assertion that holds to a file, so that it can say where a test crashed. Half
   of the time of tests with millions of assertions went there. So an assertion is written when a
   process comes to it for the first time. */
#define MARK_ONCE()                                            \
    __extension__({                                            \
        static bool marked;                                    \
        if (!__atomic_load_n(&marked, __ATOMIC_RELAXED)) {     \
            mark_point();                                      \
            __atomic_store_n(&marked, true, __ATOMIC_RELAXED); \
        }                                                      \
    })
#undef ck_assert_msg
#define ck_assert_msg(expr, ...) \
    (expr) ? MARK_ONCE()         \
           : _ck_assert_failed(__FILE__, __LINE__, "Assertion '" #expr "' failed", ##__VA_ARGS__)

/* Creates a folder (0700) below $TMPDIR or /tmp. It is removed with its contents when the test's
   process ends. The string lives as long as the process. */
const char *temp_folder(void);
/* From now on folders are in memory, if /dev/shm has a GB of room: a commit waits for no disk. */
void use_memory(void);
/* "FOLDER/NAME" in one of several static buffers, which are reused in turn. */
const char *in_folder(const char *folder, const char *name);

/* Takes ownership of allocated memory and keeps it reachable until the process ends, so that the
   leak checker reports only real leaks. Returns `data`. */
char *keep_string(char *data);

void file_write(const char *path, const void *data, size_t len, unsigned mode);
void file_text(const char *path, const char *text); /* 0644 */
/* Reads the whole file and adds a terminator. NULL: it cannot be read. The memory lives as long as
   the process. */
char *file_read(const char *path, size_t *ret_len);

/* Calls fork(); the test fails if it fails. The child must not assert, because a thread that the
   child does not have may hold Check's lock. */
pid_t fork_child(void);

struct run {
    int status; /* exit status, or 128 + signal */
    char *out;  /* NUL-terminated; lives as long as the process */
    char *err;
};
/* Runs argv, which ends with NULL, without a terminal. `input` is its standard input; NULL: empty.
 */
struct run run_process(const char *const *argv, const char *input);
/* The same in two steps, so that several processes wait at the same time. */
struct running {
    pid_t pid;
    int out, err;
};
struct running run_start(const char *const *argv, const char *input);
struct run run_finish(const struct running *running);
/* Runs this build's esp-tokenctl with `-c CONFIG` (NULL: without) and the arguments. */
struct run run_ctl(const char *config, const char *input, const char *const *args);
#define CTL(config, input, ...) run_ctl((config), (input), (const char *const[]){__VA_ARGS__, NULL})

/* Paths of this build's products. */
const char *ctl_path(void);
const char *plugin_path(void);

/* The processes that are started next load `library` first (LD_PRELOAD); NULL: none. */
void preload(const char *library);
/* From now on those processes also load tests/preload/cheap_crypto.c: call it first in main() of a
   test that is not about keys. With sanitizers it does nothing, because they must be loaded
   first. */
void cheap_crypto(void);

/* Loads the plugin as a host that counts uses, which must allow the token, and closes it. */
void validate_once(const char *config, const char *text);

/* Fills a configuration whose files are in that folder, with a map of 64 MiB. Creates no files. */
struct config;
void config_in(struct config *ret_config, const char *folder);

/* Creates a store with `esp-tokenctl init` in a new folder. Returns the path of the config. */
const char *store_folder(const char **ret_folder);
/* The same, and what `make` adds with commands. A program makes such a store once; other tests get
   copies of it in new folders. A test's second store is never a copy, because two stores differ in
   their keys and secrets. */
const char *store_made(void (*make)(const char *config), const char **ret_folder);

/* Runs a suite with forked tests. Returns EXIT_SUCCESS or EXIT_FAILURE for main(). */
int run_suite(Suite *suite);

#endif
