/* SPDX-License-Identifier: ISC */
/* key rotate in a fleet: it seals many texts in several entries, while another site writes, and is
   killed. */
#include "fleet/members.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOGETHER 5000 /* of key_seal.c */
#define TEXTS (2 * TOGETHER + 500)

#define ROUNDS 8

static struct fleet_of fleet;
static const char *kept; /* a folder: what the fleet is before each test */

static bool there(uint64_t number)
{
    return access(fleet_entry_path(&fleet, number), F_OK) == 0;
}

/* Two sites, and more tokens than one entry of a rotation seals. Made once, because sealing them
   takes a second. */
static void setup(void)
{
    static char lines[TEXTS * 8], tiers[16384];
    fleet_begin(&fleet, 2);
    for (int i = 0; i < 2; i++) {
        const char *path = in_folder(fleet.site[i].folder, "tiers.ini");
        snprintf(tiers, sizeof tiers, "%s", file_read(path, NULL));
        char *limit = strstr(tiers, "max_tokens = 5");
        memmove(limit + 18, limit + 14, strlen(limit + 14) + 1);
        memcpy(limit, "max_tokens = 20000", 18);
        file_text(path, tiers);
    }
    for (int i = 0, at = 0; i < TEXTS; i++)
        at += snprintf(lines + at, sizeof lines - (size_t)at, "n%d\n", i);
    fleet_done(CTL(fleet.site[0].config, lines, "create", "acme", "--from", "-", "-q"));
    kept = temp_folder();
    fleet_copy(&fleet, 2, kept, false);
}

static void begin(void)
{
    fleet_copy(&fleet, 2, kept, true);
}

static pid_t rotate(void)
{
    pid_t child = fork_child();
    if (child == 0) {
        const char *argv[] = {ctl_path(), "-c", fleet.site[0].config, "key", "rotate", NULL};
        if (freopen("/dev/null", "w", stdout) == NULL)
            _exit(127);
        execv(argv[0], (char **)(uintptr_t)argv);
        _exit(127);
    }
    return child;
}

static void give_key(void)
{
    size_t len;
    const char *data = file_read(in_folder(fleet.site[0].folder, "reveal.pub"), &len);
    file_write(in_folder(fleet.site[1].folder, "reveal.pub"), data, len, 0644);
    data = file_read(in_folder(fleet.site[0].folder, "reveal.key"), &len);
    file_write(in_folder(fleet.site[1].folder, "reveal.key"), data, len, 0600);
}

/* Asserts that every text is sealed to the key in force, so that no other key is needed. */
static void all_sealed(void)
{
    DONE(fleet.site[0], "check", "--texts");
    const char *list = DONE(fleet.site[0], "key", "list");
    for (const char *line = strchr(list, '\n') + 1; *line != '\0'; line = strchr(line, '\n') + 1) {
        char key[16], state[16], words[64] = "";
        sscanf(line, "%15s %15s %63[^\n]", key, state, words);
        if (strcmp(state, "in") != 0)
            ck_assert_msg(strcmp(strrchr(words, ' '), " 0") == 0, "%s", list);
    }
}

START_TEST(in_several_entries)
{
    const uint64_t before = fleet_entry(&fleet, 0);
    DONE(fleet.site[0], "key", "rotate");
    ck_assert_uint_eq(fleet_entry(&fleet, 0), before + 3);
    fleet_same(&fleet, 0, 1);
    all_sealed();
    const char *log = DONE(fleet.site[1], "log", "-n", "3");
    ck_assert_ptr_nonnull(strstr(log, "5000 texts were sealed to a new reveal key; more follow"));
    ck_assert_ptr_nonnull(strstr(log, "every text was sealed to a new reveal key"));
    fleet_says(AT(fleet.site[1], "create", "acme", "x"), 5, "the reveal key here is");
    give_key();
    DONE(fleet.site[1], "create", "acme", "x");
    DONE(fleet.site[1], "check", "--texts");
}
END_TEST

/* Removes the token with the lowest id, and returns its line of an export. */
static const char *take_out_first(void)
{
    const char *all = DONE(fleet.site[1], "export", "--sealed");
    const char *line = strstr(all, "{\"token\":");
    ck_assert_ptr_nonnull(line);
    line = keep_string(strndup(line, strcspn(line, "\n") + 1));
    ck_assert_ptr_nonnull(strstr(line, "\"default\""));
    DONE(fleet.site[1], "remove", "acme/default", "--yes");
    return line;
}

/* Between two entries of a rotation another site adds a token: with the old key, and an id below
   those already sealed again. The last entry seals it, too. */
START_TEST(beside_a_writer)
{
    bool between = false;
    uint64_t before = 0;
    for (int round = 0; !between && round < ROUNDS; round++) {
        const char *first = take_out_first();
        before = fleet_entry(&fleet, 0);
        pid_t child = rotate();
        while (!there(before + 1))
            usleep(1000);
        struct run run = CTL(fleet.site[1].config, first, "import", "-");
        int status;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 0);
        give_key();
        between = run.status == 0;
        if (!between) /* too late: the key had already changed */
            fleet_done(CTL(fleet.site[1].config, first, "import", "-"));
    }
    ck_assert(between);
    ck_assert_uint_eq(fleet_entry(&fleet, 0), before + 4);
    fleet_same(&fleet, 0, 1);
    all_sealed();
    DONE(fleet.site[0], "show", "acme/default", "--reveal");
}
END_TEST

/* A rotation is killed between two entries: both sites still work with the old key, and another
   rotation completes it. */
START_TEST(killed_between)
{
    const uint64_t before = fleet_entry(&fleet, 0);
    pid_t child = rotate();
    while (!there(before + 1))
        usleep(1000);
    kill(child, SIGKILL);
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
    DONE(fleet.site[1], "create", "acme", "one");
    DONE(fleet.site[0], "create", "acme", "two");
    fleet_same(&fleet, 0, 1);
    DONE(fleet.site[0], "check", "--texts");
    DONE(fleet.site[0], "show", "acme/n1", "--reveal");
    DONE(fleet.site[0], "show", "acme/two", "--reveal");
    /* the journal fails in the middle: what was done stays, and the message says how to go on */
    fleet_fault(&fleet, 0, "failed");
    fleet_says(AT(fleet.site[0], "key", "rotate"), 5, "the line is down");
    fleet_fault(&fleet, 0, NULL);
    DONE(fleet.site[0], "key", "rotate");
    fleet_same(&fleet, 0, 1);
    all_sealed();
    give_key();
    DONE(fleet.site[1], "create", "acme", "three");
    DONE(fleet.site[0], "show", "acme/three", "--reveal");
}
END_TEST

int main(void)
{
    cheap_crypto(); /* texts are opened as ever */
    Suite *suite = suite_create("keys of a fleet");
    TCase *tcase = tcase_create("keys");
    tcase_set_timeout(tcase, 240);
    tcase_add_unchecked_fixture(tcase, setup, NULL);
    tcase_add_checked_fixture(tcase, begin, NULL);
    tcase_add_test(tcase, in_several_entries);
    tcase_add_test(tcase, beside_a_writer);
    tcase_add_test(tcase, killed_between);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
