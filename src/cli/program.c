/* SPDX-License-Identifier: ISC */
#include "cli/program.h"

#include "cli/interrupt.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GRACE_MS 2000   /* between SIGTERM and SIGKILL */
#define LISTEN_MS 50    /* the longest pause while the program may write */
#define PAUSE_MS_MAX 20 /* the longest pause once it has closed its output */

struct running {
    const struct program *program;
    struct program_end *end;
    pid_t pid;
    int out;          /* end of the pipe; -1: the program has closed it */
    size_t heard;     /* bytes in end->text */
    int64_t deadline; /* monotonic ms; then comes the next signal */
    int next_signal;
    long pause_ms;
};

/* --- the child --- */

static void default_signals(void)
{
    sigset_t none;
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &action, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Only calls that are safe after a fork. `told` gets errno if the program does not start. */
static void become(const struct program *program, int in, int out, int null, int told)
{
    static const char *const environment[] = {PROGRAM_PATH, PROGRAM_LOCALE, NULL};
    const bool hears_errors = program->heard == STDERR_FILENO;
    setpgid(0, 0);
    default_signals();
    dup2(in >= 0 ? in : null, STDIN_FILENO);
    dup2(hears_errors ? null : out, STDOUT_FILENO);
    dup2(hears_errors ? out : null, STDERR_FILENO);
    close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    if (chdir("/") == 0)
        execvpe(program->argv[0], (char *const *)(void *)program->argv,
                (char *const *)(void *)environment);
    const int why = errno;
    (void)write_all(told, &why, sizeof why);
    _exit(127);
}

/* --- the parent --- */

/* A file and not a pipe: nothing blocks, whether the program reads it or not. */
static int make_input(const char *text)
{
    if (text == NULL)
        return -1;
    const int fd = memfd_create("notice", MFD_CLOEXEC);
    if (fd < 0 || write_all(fd, text, strlen(text)) != 0 || lseek(fd, 0, SEEK_SET) != 0) {
        const int why = errno;
        if (fd >= 0)
            close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

/* Waits until the program has started. Returns 0, or the errno of what failed. The write end of the
   pipe closes when it starts. */
static int started(pid_t pid, int told)
{
    int why = 0;
    ssize_t got;
    do
        got = read(told, &why, sizeof why);
    while (got < 0 && errno == EINTR);
    if (got == 0)
        return 0;
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return got == sizeof why ? why : EIO;
}

static int start_in(struct running *run, int in, int null, const int out[2], const int told[2])
{
    run->pid = fork();
    if (run->pid == 0)
        become(run->program, in, out[1], null, told[1]);
    const int why = run->pid < 0 ? errno : 0;
    close(out[1]);
    close(told[1]);
    return why != 0 ? why : started(run->pid, told[0]);
}

/* Returns 0, or errno. */
static int start(struct running *run)
{
    int out[2] = {-1, -1}, told[2] = {-1, -1}, why = 0;
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const int in = make_input(run->program->input);
    if (null < 0 || (in < 0 && run->program->input != NULL) || pipe2(out, O_CLOEXEC) != 0)
        why = errno;
    if (why == 0 && pipe2(told, O_CLOEXEC) != 0) {
        why = errno;
        close(out[1]);
    }
    if (why == 0)
        why = start_in(run, in, null, out, told);
    if (why == 0)
        fcntl(out[0], F_SETFL, O_NONBLOCK);
    else if (out[0] >= 0)
        close(out[0]);
    run->out = why == 0 ? out[0] : -1;
    const int rest[] = {null, in, told[0]};
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) {
        if (rest[i] >= 0)
            close(rest[i]);
    }
    return why;
}

/* Reads what is there. When the buffer is full, its first half is dropped. */
static void hear(struct running *run)
{
    char *text = run->end->text;
    const size_t half = sizeof run->end->text / 2;
    ssize_t got = 1;
    while (run->out >= 0 && got > 0) {
        if (run->heard >= 2 * half - 1) {
            memmove(text, text + half, run->heard - half);
            run->heard -= half;
        }
        got = read(run->out, text + run->heard, 2 * half - 1 - run->heard);
        run->heard += got > 0 ? (size_t)got : 0;
    }
    if (run->out >= 0 && (got == 0 || (errno != EAGAIN && errno != EINTR))) {
        close(run->out);
        run->out = -1;
    }
}

/* The program itself may have left its process group. */
static void end_program(struct running *run)
{
    kill(-run->pid, run->next_signal);
    kill(run->pid, run->next_signal); /* not reaped yet, so its id is valid */
    run->next_signal = SIGKILL;
    run->deadline = monotonic_ms() + GRACE_MS;
}

static void end_if_due(struct running *run)
{
    const bool first = run->next_signal == SIGTERM;
    const bool stopped = first && interrupt_number() != 0;
    if (!stopped && monotonic_ms() < run->deadline)
        return;
    if (first)
        run->end->how = stopped ? PROGRAM_INTERRUPTED : PROGRAM_LATE;
    end_program(run);
}

static void wait_a_moment(struct running *run)
{
    struct pollfd ready = {.fd = run->out, .events = POLLIN};
    if (run->out >= 0) {
        (void)poll(&ready, 1, LISTEN_MS); /* a signal ends it */
        return;
    }
    nanosleep(&(struct timespec){.tv_nsec = run->pause_ms * 1000000}, NULL);
    run->pause_ms = run->pause_ms < PAUSE_MS_MAX ? run->pause_ms * 2 : PAUSE_MS_MAX;
}

static void wait_for_end(struct running *run)
{
    int status = 0;
    pid_t got;
    while ((got = waitpid(run->pid, &status, WNOHANG)) == 0 || (got < 0 && errno == EINTR)) {
        end_if_due(run);
        wait_a_moment(run);
        hear(run);
    }
    hear(run);
    if (run->end->how == PROGRAM_LATE || run->end->how == PROGRAM_INTERRUPTED)
        kill(-run->pid, SIGKILL); /* what is left of its group */
    else if (got > 0 && WIFEXITED(status))
        run->end->number = WEXITSTATUS(status);
    else {
        run->end->how = PROGRAM_DIED;
        run->end->number = got > 0 ? WTERMSIG(status) : SIGKILL;
    }
}

void program_run(const struct program *program, struct program_end *ret_end)
{
    struct running run = {.program = program,
                          .end = ret_end,
                          .next_signal = SIGTERM,
                          .pause_ms = 1,
                          .deadline = monotonic_ms() + (int64_t)program->seconds * 1000};
    struct sigaction kept, action = {.sa_handler = SIG_DFL};
    *ret_end = (struct program_end){.how = PROGRAM_EXITED};
    sigaction(SIGCHLD, &action, &kept); /* if it were ignored, the kernel would reap the child */
    const int why = start(&run);
    if (why == 0)
        wait_for_end(&run);
    else
        *ret_end = (struct program_end){.how = PROGRAM_NOT_STARTED, .number = why};
    if (run.out >= 0)
        close(run.out);
    sigaction(SIGCHLD, &kept, NULL);
    ret_end->text[run.heard] = '\0';
}

const char *program_last_line(struct program_end *end)
{
    size_t len = strlen(end->text);
    while (len > 0 && (end->text[len - 1] == '\n' || end->text[len - 1] == ' '))
        end->text[--len] = '\0';
    char *line = strrchr(end->text, '\n');
    line = line != NULL ? line + 1 : end->text;
    espt_printable(line);
    return line;
}
