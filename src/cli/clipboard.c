/*
 * The clipboard: by wl-copy, xclip or xsel, else by tmux or the terminal itself (OSC 52, as in
 * xterm's ctlseqs), which works over ssh too.
 *
 * MUST 1: the text goes through a pipe, never through arguments or the environment.
 * MUST 2: who waits to clear keeps the text's digest alone.
 * MUST 3: nothing that stays behind holds our standard streams: a script's $(...) would wait for
 * it.
 * MUST 4: a program that hangs, as its display does, is ended, and the next way is tried.
 */
#include "cli/newest.h"

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
#define PATIENCE_MS 3000 /* for one program; they take some hundredths of a second */

struct way {
    const char *name, *display; /* the variable that says there is one */
    const char *copy[8], *paste[6], *clear[12];
    /* Where the text is kept beside the clipboard: what lists such places, the newest first, one a
       line; its name there; and what takes it away from there alone. */
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
    /* It hands the text on to its terminal by OSC 52; told so itself, it would keep each text in a
       stack of buffers, where nothing clears it. */
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

static int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* At `deadline` it is ended. */
static bool ended_well(pid_t child, int64_t deadline)
{
    int status;
    pid_t got;
    while ((got = waitpid(child, &status, WNOHANG)) == 0 || (got < 0 && errno == EINTR)) {
        if (monotonic_ms() >= deadline)
            kill(child, SIGKILL); /* our own, and not yet waited for */
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

/* What the program prints; false: it failed, or took too long. The caller wipes the text. */
static bool ask(const char *const *argv, char *ret_text, size_t size, size_t *ret_len)
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
    bool well = ask(argv, text, sizeof text, &len);
    digest_of(text, len, now);
    sodium_memzero(text, sizeof text);
    return well && sodium_memcmp(now, digest, sizeof now) == 0;
}

/* What was copied later, elsewhere, is what the clipboard holds. */
static bool is_newest_place(const struct way *way)
{
    char names[SAME_AS_COPIED_MAX];
    size_t len = 0;
    if (way->place == NULL)
        return true;
    const size_t wanted = strlen(way->place);
    return ask(way->places, names, sizeof names, &len) && len > wanted &&
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

/* A process of its own session that outlives this one; `tty` is -1 unless the terminal did it. A
   terminal does not tell what its clipboard holds: there it is cleared in any case, by a blank,
   since some ignore an empty text. Who copied to the same clipboard last clears it, and nobody
   else. */
static int clear_later(const struct way *way, int tty, char *text, unsigned seconds,
                       struct espt_error *err)
{
    uint8_t digest[crypto_hash_sha256_BYTES];
    struct newest newest;
    newest_claim(&newest, way != NULL ? way->name : "terminal",
                 way != NULL ? getenv(way->display) : "");
    if (seconds == 0)
        return 0;
    digest_of(text, strlen(text), digest);
    pid_t child = fork();
    if (child != 0)
        return child > 0 && ended_well(child, monotonic_ms() + PATIENCE_MS)
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
    if (newest_is(&newest)) {
        clear(way, digest);
        newest_forget(&newest);
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
