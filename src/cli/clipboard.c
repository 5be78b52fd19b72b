/*
 * The clipboard: by wl-copy, xclip or xsel, else by tmux or the terminal itself (OSC 52, as in
 * xterm's ctlseqs), which works over ssh too.
 *
 * MUST 1: the text goes through a pipe, never through arguments or the environment.
 * MUST 2: who waits to clear keeps the text's digest alone.
 * MUST 3: nothing that stays behind holds our standard streams: a script's $(...) would wait for
 * it.
 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAME_AS_COPIED_MAX 4096

struct way {
    const char *name, *display; /* the variable that says there is one */
    const char *copy[8], *paste[6], *clear[12];
};

static const struct way ways[] = {
    {"wl-copy", "WAYLAND_DISPLAY", {"wl-copy"}, {"wl-paste", "-n"}, {"wl-copy", "--clear"}},
    {"xclip",
     "DISPLAY",
     {"xclip", "-selection", "clipboard"},
     {"xclip", "-o", "-selection", "clipboard"},
     {"xclip", "-selection", "clipboard"}},
    {"xsel", "DISPLAY", {"xsel", "-ib"}, {"xsel", "-ob"}, {"xsel", "-cb"}},
    /* It hands the text on to its terminal by OSC 52; told so itself, it would keep each text in a
       stack of buffers, where nothing clears it. */
    {"tmux",
     "TMUX",
     {"tmux", "load-buffer", "-w", "-b", "esp-token", "-"},
     {"tmux", "show-buffer", "-b", "esp-token"},
     {"tmux", "set-buffer", "-w", "-b", "esp-token", " ", ";", "delete-buffer", "-b", "esp-token"}},
};

/* What stays behind keeps these streams and nothing else; -1: /dev/null. */
static void keep_only(int in, int out)
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
    keep_only(in, out);
    execvp(argv[0], (char *const *)(void *)argv);
    _exit(127);
}

static bool ended_well(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return false;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
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
    return child > 0 && ended_well(child) && written == (ssize_t)strlen(text);
}

static void digest_of(const char *text, size_t len, uint8_t out[static crypto_hash_sha256_BYTES])
{
    crypto_hash_sha256(out, (const unsigned char *)text, len);
}

static bool still_there(const char *const *argv, const uint8_t *digest)
{
    int ends[2];
    char text[SAME_AS_COPIED_MAX];
    uint8_t now[crypto_hash_sha256_BYTES];
    size_t len = 0;
    ssize_t got;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    pid_t child = start(argv, -1, ends[1]);
    close(ends[1]);
    while (len < sizeof text && (got = read(ends[0], text + len, sizeof text - len)) > 0)
        len += (size_t)got;
    close(ends[0]);
    bool well = child > 0 && ended_well(child);
    digest_of(text, len, now);
    sodium_memzero(text, sizeof text);
    return well && sodium_memcmp(now, digest, sizeof now) == 0;
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

/* A process of its own session that outlives this one; `tty` is -1 unless the terminal did it. A
   terminal does not tell what its clipboard holds: there it is cleared in any case, by a blank,
   since some ignore an empty text. */
static int clear_later(const struct way *way, int tty, char *text, unsigned seconds,
                       struct espt_error *err)
{
    uint8_t digest[crypto_hash_sha256_BYTES];
    if (seconds == 0)
        return 0;
    digest_of(text, strlen(text), digest);
    pid_t child = fork();
    if (child != 0)
        return child > 0 && ended_well(child)
                   ? 0
                   : espt_fail(err, ESPT_UNUSABLE,
                               "copied, but nothing will clear the clipboard (no process for it); "
                               "clear it yourself");
    sodium_memzero(text, strlen(text));
    if (setsid() < 0)
        _exit(1);
    pid_t waiting = fork();
    if (waiting != 0)
        _exit(waiting > 0 ? 0 : 1);
    keep_only(-1, tty);
    while ((seconds = sleep(seconds)) > 0)
        ;
    if (way == NULL)
        write_osc52(STDOUT_FILENO, " ");
    else if (still_there(way->paste, digest))
        ended_well(start(way->clear, -1, -1));
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
