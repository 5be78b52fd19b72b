/* SPDX-License-Identifier: ISC */
/* Runs the real main() of esp-tokenctl in this process. Replaces the functions that would wait. */
#include "fuzz/ctl.h"

#include "fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <sodium.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

int ctl_main(int argc, char **argv);
#define main ctl_main
#include "cli/main.c"
#undef main

#define SLEEPS_MAX 8

static struct ctl *running; /* NULL: none */
static unsigned sleeps;

/* --- replacements of library functions --- */

/* There is no other process to wait for. `log --follow` ends, because its output can no longer be
   written. */
int nanosleep(const struct timespec *wanted, struct timespec *left)
{
    if (running == NULL)
        return clock_nanosleep(CLOCK_REALTIME, 0, wanted, left);
    running->paused = true;
    if (++sleeps == SLEEPS_MAX) {
        const int unwritable = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        MUST_HOLD(unwritable >= 0 && dup2(unwritable, STDOUT_FILENO) == STDOUT_FILENO);
        close(unwritable);
        putchar('\n');
    }
    return 0;
}

/* The real function is slow by design, and libsodium tests it. */
int crypto_pwhash(unsigned char *const out, unsigned long long len, const char *const text,
                  unsigned long long text_len, const unsigned char *const salt,
                  unsigned long long ops, size_t memory, int algorithm)
{
    (void)ops, (void)memory, (void)algorithm;
    return crypto_generichash_blake2b_salt_personal(out, (size_t)len, (const unsigned char *)text,
                                                    text_len, NULL, 0, salt, NULL);
}

/* --- streams --- */

struct streams {
    int in, out, err; /* files in memory */
    int kept_in, kept_out, kept_err;
    FILE *real_in, *real_out, *real_err;
};

static void fill(int fd, const char *text, size_t len)
{
    MUST_HOLD(ftruncate(fd, 0) == 0 && pwrite(fd, text, len, 0) == (ssize_t)len);
    MUST_HOLD(lseek(fd, 0, SEEK_SET) == 0);
}

static void streams_make(struct streams *streams)
{
    *streams = (struct streams){.in = memfd_create("in", MFD_CLOEXEC),
                                .out = memfd_create("out", MFD_CLOEXEC),
                                .err = memfd_create("err", MFD_CLOEXEC),
                                .kept_in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3),
                                .kept_out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3),
                                .kept_err = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3),
                                .real_in = stdin,
                                .real_out = stdout,
                                .real_err = stderr};
    MUST_HOLD(streams->in > 0 && streams->out > 0 && streams->err > 0);
    MUST_HOLD(streams->kept_in > 0 && streams->kept_out > 0 && streams->kept_err > 0);
}

static void streams_begin(struct streams *streams, const struct ctl *ctl)
{
    fflush(stdout);
    fill(streams->in, ctl->input, ctl->input_len);
    fill(streams->out, "", 0);
    fill(streams->err, "", 0);
    MUST_HOLD(dup2(streams->in, STDIN_FILENO) >= 0 && dup2(streams->out, STDOUT_FILENO) >= 0 &&
              dup2(streams->err, STDERR_FILENO) >= 0);
    stdin = fdopen(STDIN_FILENO, "r");
    MUST_HOLD(stdin != NULL);
}

static char *take(int fd, size_t *ret_len)
{
    const off_t len = lseek(fd, 0, SEEK_END);
    char *text = malloc((size_t)len + 1);
    MUST_HOLD(text != NULL && pread(fd, text, (size_t)len, 0) == len);
    text[len] = '\0';
    *ret_len = (size_t)len;
    return text;
}

/* The command has opened its own streams on the descriptors, and has closed standard output. */
static void streams_end(const struct streams *streams, struct ctl *ctl)
{
    const bool own_streams = stdout != streams->real_out && stderr != streams->real_err;
    const bool closed = fclose(stdin) == 0 && (!own_streams || fclose(stderr) == 0);
    stdin = streams->real_in;
    stdout = streams->real_out;
    stderr = streams->real_err;
    const bool out_closed = fcntl(STDOUT_FILENO, F_GETFD) < 0;
    MUST_HOLD(dup2(streams->kept_in, STDIN_FILENO) >= 0);
    MUST_HOLD(dup2(streams->kept_out, STDOUT_FILENO) >= 0);
    MUST_HOLD(dup2(streams->kept_err, STDERR_FILENO) >= 0);
    MUST_HOLD(own_streams && closed && out_closed);
    ctl->out = take(streams->out, &ctl->out_len);
    ctl->err = take(streams->err, &ctl->err_len);
}

/* --- a run --- */

/* One bit for each open descriptor below 64. To ask for each would be a tenth of the time. */
static uint64_t descriptors(void)
{
    uint64_t open = 0;
    DIR *folder = opendir("/proc/self/fd");
    MUST_HOLD(folder != NULL);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        const int fd = entry->d_name[0] == '.' ? -1 : atoi(entry->d_name);
        if (fd >= 0 && fd < 64 && fd != dirfd(folder))
            open |= UINT64_C(1) << fd;
    }
    closedir(folder);
    MUST_HOLD(open != 0);
    return open;
}

void ctl_run(struct ctl *ctl)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGINT, SIGTERM, SIGHUP};
    enum { SIGNALS = sizeof signals / sizeof *signals };
    static struct streams streams;
    struct sigaction actions[SIGNALS];
    sigset_t mask = {{0}}, mask_after = {{0}};
    if (streams.out == 0)
        streams_make(&streams);
    const uint64_t open_before = descriptors();
    streams_begin(&streams, ctl);
    for (size_t i = 0; i < SIGNALS; i++)
        sigaction(signals[i], NULL, &actions[i]);
    sigprocmask(SIG_SETMASK, NULL, &mask);
    optind = 0; /* from the beginning, as in a new process */
    sleeps = 0;
    running = ctl;
    ctl->status = ctl_main(ctl->argc, ctl->argv);
    running = NULL;
    for (size_t i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &actions[i], NULL);
    prctl(PR_SET_DUMPABLE, 1); /* leaks are looked for by ptrace */
    sigprocmask(SIG_SETMASK, NULL, &mask_after);
    streams_end(&streams, ctl);
    MUST_HOLD(memcmp(&mask, &mask_after, sizeof mask) == 0);
    MUST_HOLD(descriptors() == open_before);
}

void ctl_free(struct ctl *ctl)
{
    free(ctl->out);
    free(ctl->err);
}
