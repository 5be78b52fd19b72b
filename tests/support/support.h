/* What tests share: folders of their own, files, and processes seen from outside. Failures end the
   test by ck_abort. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A new folder (0700) below $TMPDIR or /tmp, removed with all in it when the test's process ends.
   The string lives as long as the process. */
const char *temp_folder(void);
/* "FOLDER/NAME" in a rotating static buffer. */
const char *in_folder(const char *folder, const char *name);

/* Takes what was allocated and keeps it, reachable, as long as the process lives: only real leaks
   are told. Returns it. */
char *keep_string(char *data);

void file_write(const char *path, const void *data, size_t len, unsigned mode);
void file_text(const char *path, const char *text); /* 0644 */
/* The whole file, NUL-terminated; NULL if it cannot be read. Lives as long as the process. */
char *file_read(const char *path, size_t *ret_len);

/* fork(), and the test fails where it cannot. The child asserts nothing on the way: Check's lock
   may be held by a thread that it has not got. */
pid_t fork_child(void);

struct run {
    int status; /* exit status, or 128 + signal */
    char *out;  /* NUL-terminated; lives as long as the process */
    char *err;
};
/* Runs argv (NULL-terminated) with `input` on standard input (NULL: none), no terminal. */
struct run run_process(const char *const *argv, const char *input);
/* The real esp-tokenctl of this build with `-c CONFIG` (NULL: without) and the arguments. */
struct run run_ctl(const char *config, const char *input, const char *const *args);
#define CTL(config, input, ...) run_ctl((config), (input), (const char *const[]){__VA_ARGS__, NULL})

/* Paths of this build's products. */
const char *ctl_path(void);
const char *plugin_path(void);

/* A store's configuration, with room for 64 MiB: its files lie in that folder, and none is made. */
struct config;
void config_in(struct config *ret_config, const char *folder);

/* A store made by `esp-tokenctl init` in a new folder; returns the config's path. */
const char *store_folder(const char **ret_folder);

/* Runs a suite, forked; EXIT_SUCCESS or EXIT_FAILURE for main to return. */
int run_suite(Suite *suite);

#endif
