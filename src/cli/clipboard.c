/* SPDX-License-Identifier: ISC */
/*
 * The clipboard. The text is passed to wl-copy, xclip or xsel, else to tmux or to the terminal
 * itself (OSC 52, as in xterm's ctlseqs), which works over ssh too.
 *
 * MUST 1: the text goes through a pipe, never through arguments or the environment.
 *
 * MUST 2: the process that waits to clear keeps only the digest of the text.
 *
 * MUST 3: no process that stays behind holds our standard streams. Otherwise a script's $(...)
 *         would wait for it.
 *
 * MUST 4: a program that hangs, for example because its display hangs, is killed, and the next way
 *         is tried.
 */
#include "cli/last_copy.h"

#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SAME_AS_COPIED_MAX 4096
#define PATIENCE_MS 3000 /* limit for one program; normal: some 10 ms */

struct way {
    const char *name, *display; /* environment variable of its display */
    const char *copy[8], *paste[6], *clear[12];
    /* Other places where the program keeps the text: the command that lists them (newest first, one
       a line), the name of ours, and the command that removes the text from that place only. */
    const char *places[6], *place, *drop[6];
};

static const struct way ways[] = {
    {.name = "wl-copy",
     .display = "WAYLAND_DISPLAY",
     .copy = {"wl-copy"},
     .paste = {"wl-paste", "-n"},
     .clear = {"wl-copy", "--clear"}},
    {.name = "xclip",
     .display = "DISPLAY",
     .copy = {"xclip", "-selection", "clipboard"},
     .paste = {"xclip", "-o", "-selection", "clipboard"},
     .clear = {"xclip", "-selection", "clipboard"}},
    {.name = "xsel",
     .display = "DISPLAY",
     .copy = {"xsel", "-ib"},
     .paste = {"xsel", "-ob"},
     .clear = {"xsel", "-cb"}},
    /* tmux passes the text to its terminal by OSC 52. If we sent OSC 52 to tmux, it would keep each
       text in a stack of buffers that nothing clears. */
    {.name = "tmux",
     .display = "TMUX",
     .copy = {"tmux", "load-buffer", "-w", "-b", "esp-token", "-"},
     .paste = {"tmux", "show-buffer", "-b", "esp-token"},
     .clear = {"tmux", "set-buffer", "-w", "-b", "esp-token", " ", ";", "delete-buffer", "-b",
               "esp-token"},
     .places = {"tmux", "list-buffers", "-F", "#{buffer_name}"},
     .place = "esp-token",
     .drop = {"tmux", "delete-buffer", "-b", "esp-token"}},
};

/* Redirects the standard streams of the process that stays behind. -1: /dev/null. */
static void close_all_but(int in, int out)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(in >= 0 ? in : null, STDIN_FILENO);
    dup2(out >= 0 ? out : null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    close_range(STDERR_FILENO + 1, ~0U, 0);
}

static pid_t start(const char *const *argv, int in, int out)
{
    pid_t child = fork();
    if (child != 0)
        return child;
    close_all_but(in, out);
    execvp(argv[0], (char *const *)(void *)argv);
    _exit(127);
}

/* Waits for the child and kills it at `deadline`. True: it exited with status 0. */
static bool ended_well(pid_t child, int64_t deadline)
{
    int status;
    pid_t got;
    while ((got = waitpid(child, &status, WNOHANG)) == 0 || (got < 0 && errno == EINTR)) {
        if (monotonic_ms() >= deadline)
            kill(child, SIGKILL); /* our own child, not reaped yet, so its id is valid */
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    return got == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool feed(const char *const *argv, const char *text)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    pid_t child = start(argv, ends[0], -1);
    close(ends[0]);
    ssize_t written = -1;
    if (child > 0) {
        void (*kept)(int) = signal(SIGPIPE, SIG_IGN); /* the program may be missing */
        written = write(ends[1], text, strlen(text)); /* a pipe holds far more */
        signal(SIGPIPE, kept);
    }
    close(ends[1]);
    return child > 0 && ended_well(child, monotonic_ms() + PATIENCE_MS) &&
           written == (ssize_t)strlen(text);
}

static void digest_of(const char *text, size_t len, uint8_t out[static crypto_hash_sha256_BYTES])
{
    crypto_hash_sha256(out, (const unsigned char *)text, len);
}

/* Reads the output of the program. False: it failed or took too long. The caller wipes the text. */
static bool read_output(const char *const *argv, char *ret_text, size_t size, size_t *ret_len)
{
    int ends[2];
    size_t len = 0;
    ssize_t got = 1;
    const int64_t deadline = monotonic_ms() + PATIENCE_MS;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    pid_t child = start(argv, -1, ends[1]);
    close(ends[1]);
    while (len < size && got > 0) {
        const int64_t left = deadline - monotonic_ms();
        struct pollfd ready = {.fd = ends[0], .events = POLLIN};
        got = left > 0 && poll(&ready, 1, (int)left) > 0 ? read(ends[0], ret_text + len, size - len)
                                                         : -1;
        len += got > 0 ? (size_t)got : 0;
    }
    close(ends[0]);
    *ret_len = len;
    return child > 0 && ended_well(child, deadline);
}

static bool still_there(const char *const *argv, const uint8_t *digest)
{
    char text[SAME_AS_COPIED_MAX];
    uint8_t now[crypto_hash_sha256_BYTES];
    size_t len = 0;
    bool well = read_output(argv, text, sizeof text, &len);
    digest_of(text, len, now);
    sodium_memzero(text, sizeof text);
    return well && sodium_memcmp(now, digest, sizeof now) == 0;
}

/* False: the clipboard holds a later copy from another place. */
static bool is_newest_place(const struct way *way)
{
    char names[SAME_AS_COPIED_MAX];
    size_t len = 0;
    if (way->place == NULL)
        return true;
    const size_t wanted = strlen(way->place);
    return read_output(way->places, names, sizeof names, &len) && len > wanted &&
           memcmp(names, way->place, wanted) == 0 && names[wanted] == '\n';
}

/* --- the terminal --- */

static bool write_osc52(int tty, const char *text)
{
    char sequence[256], code[128];
    sodium_bin2base64(code, sizeof code, (const unsigned char *)text, strlen(text),
                      sodium_base64_VARIANT_ORIGINAL);
    int len = snprintf(sequence, sizeof sequence, "\033]52;c;%s\a", code);
    bool written = write(tty, sequence, (size_t)len) == len;
    sodium_memzero(sequence, sizeof sequence);
    sodium_memzero(code, sizeof code);
    return written;
}

/* --- clearing --- */

static void clear(const struct way *way, const uint8_t *digest)
{
    if (way == NULL)
        write_osc52(STDOUT_FILENO, " ");
    else if (still_there(way->paste, digest))
        ended_well(start(is_newest_place(way) ? way->clear : way->drop, -1, -1),
                   monotonic_ms() + PATIENCE_MS);
}

/* Starts a process in its own session, which outlives this one and clears the clipboard. `tty` is
   -1 unless the text went to the terminal. A terminal cannot report its clipboard, so it is always
   cleared; by a blank, because some terminals ignore an empty text. Only the last process that
   copied to a clipboard clears it. */
static int clear_later(const struct way *way, int tty, char *text, unsigned seconds,
                       struct espt_error *err)
{
    uint8_t digest[crypto_hash_sha256_BYTES];
    struct last_copy mine;
    last_copy_claim(&mine, way != NULL ? way->name : "terminal",
                    way != NULL ? getenv(way->display) : "");
    if (seconds == 0)
        return 0;
    digest_of(text, strlen(text), digest);
    pid_t child = fork();
    if (child != 0)
        return child > 0 && ended_well(child, monotonic_ms() + PATIENCE_MS)
                   ? 0
                   : espt_fail(err, ESPT_UNUSABLE,
                               "the text is copied, but the process that clears the clipboard "
                               "could not be started; clear it yourself");
    sodium_memzero(text, strlen(text));
    if (setsid() < 0)
        _exit(1);
    pid_t waiting = fork();
    if (waiting != 0)
        _exit(waiting > 0 ? 0 : 1);
    close_all_but(-1, tty);
    while ((seconds = sleep(seconds)) > 0)
        ;
    if (last_copy_is_mine(&mine)) {
        clear(way, digest);
        last_copy_forget(&mine);
    }
    _exit(0);
}

/* The kernel's console and a dumb terminal drop OSC 52. */
static int open_terminal(void)
{
    const char *term = getenv("TERM");
    if (term == NULL || term[0] == '\0' || strcmp(term, "dumb") == 0 || strcmp(term, "linux") == 0)
        return -1;
    return open("/dev/tty", O_WRONLY | O_NOCTTY | O_CLOEXEC);
}

int clipboard_copy(char *text, unsigned seconds, const char **ret_way, struct espt_error *err)
{
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        const char *display = getenv(ways[i].display);
        if (display == NULL || display[0] == '\0' || !feed(ways[i].copy, text))
            continue;
        *ret_way = ways[i].name;
        return clear_later(&ways[i], -1, text, seconds, err);
    }
    int tty = open_terminal();
    if (tty < 0 || !write_osc52(tty, text)) {
        if (tty >= 0)
            close(tty);
        return espt_fail(err, ESPT_UNUSABLE,
                         "no clipboard: install wl-clipboard, xclip or xsel, or run at a terminal "
                         "that takes OSC 52");
    }
    *ret_way = "terminal";
    int code = clear_later(NULL, tty, text, seconds, err);
    close(tty);
    return code;
}
