/* SPDX-License-Identifier: ISC */
/*
 * Whole command lines through the real main(), on a store in a confined folder. A NUL ends an
 * argument, \xff ends a command line, and \xfe begins the standard input of all of them. Some
 * control characters stand for words that no mutation would find:
 *
 *   \x01 a token's text   \x02 its id   \x03 the id of a retiring token
 *   \x04 and a byte: the words of a command   \x05 and a byte: an option
 *   \x06 and a byte: a word for an argument   \x07 and a byte: repeat the byte before, so many
 * times
 */
#include "fuzz/invariants.h"
#include "fuzz/place.h"
#include "fuzz/words.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#define END_OF_LINE 0xff
#define END_OF_LINES 0xfe
#define LINES_MAX 4
#define ARGUMENTS_MAX 40
#define LINE_BYTES 16384
#define TIMES 40
#ifdef OUT
#define WRITABLE OUT /* the folder of the coverage counters */
#else
#define WRITABLE NULL
#endif

static char secret[TOKEN_TEXT_LEN + 1], id_text[TOKEN_ID_LEN + 1], retiring_text[TOKEN_ID_LEN + 1];

/* --- the store --- */

static void run_line(struct ctl *ctl, const char *const *args)
{
    char *argv[ARGUMENTS_MAX] = {strdup("esp-tokenctl")};
    ctl->argc = 1;
    for (; args[ctl->argc - 1] != NULL; ctl->argc++)
        argv[ctl->argc] = strdup(args[ctl->argc - 1]);
    ctl->argv = argv;
    char *owned[ARGUMENTS_MAX];
    memcpy(owned, argv, sizeof owned);
    ctl_run(ctl);
    for (int i = 0; i < ctl->argc; i++)
        free(owned[i]);
}

/* Runs a command that must succeed. Returns its output; the caller frees it. */
static char *must_run(const char *const *args)
{
    struct ctl ctl = {.input = ""};
    run_line(&ctl, args);
    if (ctl.status != 0)
        fputs(ctl.err, stderr);
    MUST_HOLD(ctl.status == 0);
    free(ctl.err);
    return ctl.out;
}
#define RUN(...) free(must_run((const char *const[]){__VA_ARGS__, NULL}))

static void id_of(const char *token, char ret_id[static TOKEN_ID_LEN + 1])
{
    char *shown = must_run((const char *const[]){"show", token, NULL});
    MUST_HOLD(sscanf(shown, "id %11s", ret_id) == 1);
    free(shown);
}

static void make_files(void)
{
    static const char config[] = "[store]\npath = tokens.mdb\nmap_size = 16M\n"
                                 "[tiers]\npath = tiers.ini\n"
                                 "[reveal]\npublic_key = reveal.pub\nsecret_key = reveal.key\n"
                                 "[usage]\nfolder = usage\n";
    static const char tiers[] = "[lite]\nrank = 1\nmax_tokens = 2\ndefault = yes\n"
                                "metrics = kpi.* summary.a\nupgrade = Größe\n"
                                "[plus]\nrank = 2\nmax_tokens = 4\n"
                                "[all]\nrank = 9\nmax_tokens = unlimited\nmetrics = *\n";
    place_write(PLACE "/esp-token.conf", config, 0644);
    place_write(PLACE "/tiers.ini", tiers, 0644);
    place_write(PLACE "/draft.ini", "[lite]\nrank = 3\nmax_tokens = 1\ndefault = yes\n", 0644);
    place_write(PLACE "/names", "one\nGröße\n\ntwo\n", 0644);
    place_write(PLACE "/entities", "east customer\nwest reseller - plus\nacme customer\n", 0644);
    place_write(PLACE "/pass", "a passphrase\n", 0600);
    place_write(PLACE "/no-pass", "\n", 0600);
}

static void make_store(void)
{
    RUN("init");
    RUN("entity", "add", "north", "--kind", "reseller", "--tier", "all");
    RUN("entity", "add", "acme", "--kind", "customer", "--reseller", "north", "--tier", "plus");
    RUN("entity", "add", "bolt", "--kind", "customer");
    RUN("entity", "add", "south", "--kind", "reseller");
    RUN("entity", "add", "zed", "--kind", "customer", "--reseller", "south");
    RUN("entity", "edit", "south", "--status", "inactive");
    RUN("create", "acme", "Größe, 大きさ", "--expires", "never");
    id_of("acme/Größe, 大きさ", retiring_text);
    RUN("rotate", "acme/Größe, 大きさ", "--overlap", "7d");
    RUN("edit", "bolt/default", "--status", "inactive");
    char *made = must_run((const char *const[]){"create", "acme", "web", "-q", NULL});
    snprintf(secret, sizeof secret, "%.*s", TOKEN_TEXT_LEN, made);
    free(made);
    MUST_HOLD(word_secret(secret) == secret);
    id_of("acme/web", id_text);
    char *lines = must_run((const char *const[]){"export", "--sealed", NULL});
    place_write(PLACE "/lines", lines, 0644);
    free(lines);
    RUN("backup", PLACE "/copy.mdb");
}

/* Prepares the store, once. False: this machine cannot confine it, and a message says why. */
static bool confined(const char *const *writable)
{
    static enum { UNKNOWN, YES, NO } answer;
    if (answer == UNKNOWN) {
        answer = place_confine(writable) ? YES : NO;
        if (answer == NO)
            printf("SKIPPED args: it needs a mount namespace and " PLACE ": %s\n", strerror(errno));
    }
    return answer == YES;
}

static void make_place(void)
{
    static const char *const unset[] = {"DISPLAY", "WAYLAND_DISPLAY", "TMUX", "SUDO_USER"};
    for (size_t i = 0; i < sizeof unset / sizeof *unset; i++)
        unsetenv(unset[i]);
    setenv("ESP_TOKEN_CONFIG", PLACE "/esp-token.conf", 1);
    setenv("XDG_RUNTIME_DIR", PLACE, 1);
    setenv("PATH", "/nowhere", 1);
    setenv("TERM", "dumb", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    make_files();
    make_store();
    place_keep();
}

/* --- an input --- */

struct line {
    char bytes[LINE_BYTES];
    size_t len;
    char *argv[ARGUMENTS_MAX + 2], *owned[ARGUMENTS_MAX + 2];
    int argc;
};

static void add(struct line *line, const char *text, size_t len)
{
    if (len > sizeof line->bytes - line->len)
        len = sizeof line->bytes - line->len;
    memcpy(line->bytes + line->len, text, len);
    line->len += len;
}

static void add_command(struct line *line, uint8_t which)
{
    size_t count = 0;
    while (command_at(count) != NULL)
        count++;
    const struct command *command = command_at(which % count);
    add(line, command->word, strlen(command->word) + 1);
    if (command->second != NULL)
        add(line, command->second, strlen(command->second) + 1);
}

static void add_option(struct line *line, uint8_t which)
{
    const struct option_entry *option = &option_table[which % OPTION_COUNT];
    add(line, "--", 2);
    add(line, option->name, strlen(option->name) + 1);
}

static void add_word(struct line *line, uint8_t which)
{
    static const char *const words[] = {
        "north",
        "acme",
        "bolt",
        "south",
        "zed",
        "new",
        "acme/web",
        "acme/Größe",
        "bolt/",
        "zed/new",
        "names",
        "entities",
        "lines",
        "copy.mdb",
        "pass",
        "no-pass",
        "draft.ini",
        "tokens.mdb",
        "esp-token.conf",
        "sub",
        "usage",
        "-",
        "none",
        "lite",
        "plus",
        "all",
        "active",
        "inactive",
        "expired",
        "never",
        "1d",
        "8000y",
        "2020-01-01",
        "2099-01-31T12:00:00Z",
        "0",
        "86400",
        "kpi.a",
        "customer",
        "reseller",
        "expires",
        "-uses",
        "\x1b]0;x\a",
        "\n",
        "\x7f",
        "\xc2\x9b",
        "\xc3",
        "\xe2\x80\xae",
        "Größe, 大きさ",
        "esptk_",
    };
    const char *word = words[which % (sizeof words / sizeof *words)];
    add(line, word, strlen(word));
}

static void add_again(struct line *line, uint8_t which)
{
    for (size_t i = 0; line->len > 0 && i < (size_t)which * TIMES; i++)
        add(line, line->bytes + line->len - 1, 1);
}

/* Each argument is in memory of exactly its size, so that ASan sees a byte too far. */
static void split(struct line *line)
{
    line->argc = 0;
    line->argv[line->argc++] = strdup("esp-tokenctl");
    for (size_t at = 0; at < line->len && line->argc <= ARGUMENTS_MAX;) {
        const size_t len = strnlen(line->bytes + at, line->len - at);
        line->argv[line->argc++] = strndup(line->bytes + at, len);
        at += len + 1;
    }
    line->argv[line->argc] = NULL;
    memcpy(line->owned, line->argv, sizeof line->owned);
}

/* Up to a byte `end`; returns how many bytes of `data` it took. */
static size_t expand(struct line *line, const uint8_t *data, size_t size, int end)
{
    size_t i = 0;
    line->len = 0;
    for (; i < size && data[i] != end; i++) {
        const uint8_t next = i + 1 < size ? data[i + 1] : 0;
        if (data[i] == 1)
            add(line, secret, strlen(secret));
        else if (data[i] == 2)
            add(line, id_text, strlen(id_text));
        else if (data[i] == 3)
            add(line, retiring_text, strlen(retiring_text));
        else if (data[i] == 4)
            add_command(line, next);
        else if (data[i] == 5)
            add_option(line, next);
        else if (data[i] == 6)
            add_word(line, next);
        else if (data[i] == 7)
            add_again(line, next);
        else
            add(line, (const char *)data + i, 1);
        i += data[i] >= 4 && data[i] <= 7;
    }
    return i < size ? i + 1 : size;
}

/* After any commands, all records, indexes and counts of the store agree. */
static void check_store(void)
{
    static const char *const structural[] = {"damaged", "index", "count", "rule", "log"};
    struct ctl ctl = {.input = ""};
    run_line(&ctl, (const char *const[]){"--json", "check", NULL});
    if (ctl.status > 1)
        fputs(ctl.err, stderr);
    MUST_HOLD(ctl.status <= 1);
    json_t *document = json_loads(ctl.out, 0, NULL), *finding;
    size_t i;
    MUST_HOLD(document != NULL);
    json_array_foreach(json_object_get(document, "findings"), i, finding)
    {
        const char *kind = json_string_value(json_object_get(finding, "kind"));
        for (size_t k = 0; k < sizeof structural / sizeof *structural; k++)
            MUST_HOLD(strcmp(kind, structural[k]) != 0);
    }
    json_decref(document);
    ctl_free(&ctl);
}

FUZZ(args)
{
    static struct line line, input;
    static unsigned kept;
    if (!confined((const char *const[]){WRITABLE, NULL}))
        return 0;
    const int home = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    MUST_HOLD(home >= 0 && chdir(PLACE) == 0);
    if (kept == 0) {
        make_place();
        kept = place_sum();
    }
    unsigned before = kept;
    const uint8_t *end = size > 0 ? memchr(data, END_OF_LINES, size) : NULL;
    const size_t words = end != NULL ? (size_t)(end - data) : size;
    expand(&input, data + words, size - words, EOF);
    bool ran = false;
    size_t at = 0;
    for (int i = 0; i < LINES_MAX && at < words; i++) {
        struct asked asked;
        at += expand(&line, data + at, words - at, END_OF_LINE);
        split(&line);
        struct ctl ctl = {.argc = line.argc,
                          .argv = line.argv,
                          .input = input.bytes + (end != NULL),
                          .input_len = input.len - (end != NULL)};
        asked_parse(&asked, &ctl);
        ctl_run(&ctl);
        ran = ran || asked.code == 0;
        const unsigned after = asked.code == 0 ? place_sum() : before;
        check_invariants(&asked, &ctl, after != before);
        before = after;
        ctl_free(&ctl);
        for (int a = 0; a < line.argc; a++)
            free(line.owned[a]);
    }
    if (before != kept)
        check_store();
    if (ran)
        place_reset();
    MUST_HOLD(fchdir(home) == 0);
    close(home);
    return 0;
}

#ifdef ESPT_FUZZ
#define FOLDERS_MAX 8

/* Runs before libFuzzer starts its threads. libFuzzer may still write to its folders. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char artifacts[] = "-artifact_prefix=";
    const char *writable[FOLDERS_MAX + 1] = {NULL};
    struct stat st;
    for (int i = 1, folders = 0; i < *argc && folders < FOLDERS_MAX; i++) {
        const char *path = (*argv)[i];
        if (strncmp(path, artifacts, strlen(artifacts)) == 0)
            path += strlen(artifacts);
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
            writable[folders++] = path;
    }
    if (!confined(writable))
        exit(1);
    return 0;
}
#endif
