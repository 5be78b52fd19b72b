/* SPDX-License-Identifier: ISC */
/* The dir journal: what every journal must do, and what can happen to files. */
#include "fleet/journal_conformance.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>

static const char *folder;

static const char *conformance_settings(void)
{
    static char settings[PATH_MAX + 32];
    conformance_kind = "dir";
    folder = temp_folder();
    snprintf(settings, sizeof settings, "# a comment\n\n  path = %s\n", folder);
    return settings;
}

static const char *entry_path(unsigned number)
{
    char name[64];
    snprintf(name, sizeof name, "entries/%020u", number);
    return in_folder(folder, name);
}

/* Whenever a writer is killed, a file with the name of an entry is a whole entry. */
START_TEST(killed_at_any_moment)
{
    const char *settings = conformance_settings();
    const espt_journal_plugin *p = load();
    uint64_t first, last = 0;
    char whole[20000];
    memset(whole, 'w', sizeof whole - 1);
    whole[sizeof whole - 1] = '\0';
    espt_journal *j = opened(p, settings, "reader");
    for (int round = 0; round < 25; round++) {
        const uint64_t begin = last + 1;
        pid_t child = fork_child();
        if (child == 0) {
            espt_journal *mine = NULL;
            if (p->open(&mine, settings, "killed", ESPT_JOURNAL_WHOLE, LIMIT_MS, said,
                        sizeof said) != 0)
                _exit(1);
            for (uint64_t number = begin;; number++)
                append(p, mine, number, whole);
        }
        while (p->range(j, &first, &last, said, sizeof said) != 0 || last < begin)
            usleep(500);
        usleep((useconds_t)(round * 137 % 1900));
        kill(child, SIGKILL);
        ck_assert_int_eq(waitpid(child, NULL, 0), child);
        ck_assert_int_eq(p->range(j, &first, &last, said, sizeof said), 0);
        for (uint64_t number = begin; number <= last; number++)
            has(p, j, number, whole);
    }
    p->close(j);
}
END_TEST

START_TEST(no_room)
{
    const char *settings = conformance_settings();
    const espt_journal_plugin *p = load();
    espt_journal *j = opened(p, settings, "one");
    ck_assert_int_eq(append(p, j, 1, "one"), ESPT_JOURNAL_DONE);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    const struct rlimit none = {.rlim_cur = 2, .rlim_max = limit.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
    ck_assert_int_eq(append(p, j, 2, "two"), ESPT_JOURNAL_FAILED);
    lacks(p, j, 2);
    ck_assert_int_eq(append(p, j, 1, "one"), ESPT_JOURNAL_DONE); /* it is there: nothing to write */
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_eq(append(p, j, 2, "two"), ESPT_JOURNAL_DONE);
    p->close(j);
}
END_TEST

/* Anyone who may write to the folder can plant any file. The journal does not hang, follows no link
   and reads nothing planted as an entry. */
START_TEST(planted_files)
{
    const char *settings = conformance_settings();
    const espt_journal_plugin *p = load();
    espt_journal *j = opened(p, settings, "one");
    espt_journal_entry entry;
    file_text(in_folder(folder, "elsewhere"), "elsewhere");
    ck_assert_int_eq(mkfifo(entry_path(1), 0644), 0);
    ck_assert_int_eq(symlink(in_folder(folder, "elsewhere"), entry_path(2)), 0);
    ck_assert_int_eq(mkdir(entry_path(3), 0755), 0);
    for (unsigned number = 1; number <= 3; number++) {
        ck_assert_int_eq(p->read(j, number, &entry, said, sizeof said), ESPT_JOURNAL_FAILED);
        ck_assert_int_ne(append(p, j, number, "mine"), ESPT_JOURNAL_DONE);
    }
    file_text(entry_path(4), "");
    ck_assert_int_eq(truncate(entry_path(4), (off_t)ESPT_JOURNAL_ENTRY_MAX + 17), 0);
    ck_assert_int_eq(p->read(j, 4, &entry, said, sizeof said), ESPT_JOURNAL_FAILED);
    uint64_t first, last;
    file_text(in_folder(folder, "entries/.new-0123456789abcdef"), "left by a killed writer");
    file_text(in_folder(folder, "entries/9999999999999999999x"), "no number");
    ck_assert_int_eq(p->range(j, &first, &last, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_uint_eq(last, 4);
    p->close(j);
}
END_TEST

/* This program's linkat() is the one that the plugin calls. */
static void (*before_link)(void);

__attribute__((visibility("default"))) int linkat(int from, const char *path, int to,
                                                  const char *name, int flags)
{
    static int (*real)(int, const char *, int, const char *, int);
    void (*call)(void) = before_link;
    before_link = NULL;
    if (real == NULL)
        *(void **)(void *)&real = dlsym(RTLD_NEXT, "linkat");
    if (call != NULL)
        call();
    return real(from, path, to, name, flags);
}

static const char *frozen_settings;

/* What others do while a writer is frozen between its check and its linkat(): they append that
   entry and one more. The first one cannot be trimmed as long as the frozen writer could add it
   again. */
static void others(void)
{
    const espt_journal_plugin *p = load();
    espt_journal *j = NULL;
    ck_assert_int_eq(
        p->open(&j, frozen_settings, "two", ESPT_JOURNAL_WHOLE, 100, said, sizeof said), 0);
    ck_assert_int_eq(append(p, j, 4, "of two"), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(append(p, j, 5, "of two"), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(p->trim(j, 5, said, sizeof said), ESPT_JOURNAL_FAILED);
    ck_assert_msg(strstr(said, "try again") != NULL, "%s", said);
    p->close(j);
}

START_TEST(frozen_writer)
{
    frozen_settings = conformance_settings();
    const espt_journal_plugin *p = load();
    espt_journal *j = opened(p, frozen_settings, "one");
    uint64_t first, last;
    for (uint64_t number = 1; number <= 3; number++)
        ck_assert_int_eq(append(p, j, number, "of one"), ESPT_JOURNAL_DONE);
    before_link = others;
    ck_assert_int_eq(append(p, j, 4, "of one"), ESPT_JOURNAL_TAKEN);
    ck_assert_ptr_null((void *)(uintptr_t)before_link);
    ck_assert_int_eq(p->trim(j, 5, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(append(p, j, 4, "of one"), ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(p->range(j, &first, &last, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_uint_eq(first, 5);
    ck_assert_uint_eq(last, 5);
    p->close(j);
}
END_TEST

START_TEST(folder_is_missing)
{
    espt_journal *j = NULL;
    conformance_settings();
    const espt_journal_plugin *p = load();
    ck_assert_int_eq(p->open(&j, "path = /nonexistent/journal", "one", ESPT_JOURNAL_WHOLE, LIMIT_MS,
                             said, sizeof said),
                     ESPT_JOURNAL_FAILED);
    ck_assert_msg(strstr(said, "/nonexistent/journal") != NULL, "%s", said);
    ck_assert_int_eq(
        p->open(&j, "path = relative", "one", ESPT_JOURNAL_WHOLE, LIMIT_MS, said, sizeof said),
        ESPT_JOURNAL_FAILED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal dir");
    TCase *tcase = tcase_create("files");
    conformance_kind = "dir";
    tcase_set_timeout(tcase, 240);
    tcase_add_test(tcase, killed_at_any_moment);
    tcase_add_test(tcase, no_room);
    tcase_add_test(tcase, planted_files);
    tcase_add_test(tcase, frozen_writer);
    tcase_add_test(tcase, folder_is_missing);
    suite_add_tcase(suite, conformance_case());
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
