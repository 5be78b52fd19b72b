/* SPDX-License-Identifier: ISC */
/* What every journal plugin must pass, even a read-only one: its symbol, and its settings. */
#ifndef TESTS_FLEET_JOURNAL_CONFORMANCE_OPEN_H
#define TESTS_FLEET_JOURNAL_CONFORMANCE_OPEN_H

#include "fleet/journal_calls.h"

START_TEST(conformance_symbols)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/esp_journal_%s.so", OUT, conformance_kind);
    const char *const argv[] = {"nm", "-D", "--defined-only", "--format=posix", path, NULL};
    struct run run = run_process(argv, NULL);
    ck_assert_int_eq(run.status, 0);
    ck_assert_msg(strncmp(run.out, "espt_journal_get T ", 19) == 0 &&
                      strchr(run.out, '\n') == strrchr(run.out, '\n'),
                  "%s", run.out);
}
END_TEST

START_TEST(conformance_settings_are_checked)
{
    static const char *const wrong[] = {"", "no equals", "= x", "frob = 1", "path", "; only\n"};
    const espt_journal_plugin *p = load();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        espt_journal *j = NULL;
        said[0] = '\0';
        ck_assert_int_eq(
            p->open(&j, wrong[i], "one", ESPT_JOURNAL_WHOLE, LIMIT_MS, said, sizeof said),
            ESPT_JOURNAL_FAILED);
        ck_assert_ptr_null(j);
        ck_assert_msg(said[0] != '\0' && strchr(said, '\n') == NULL, "%s", wrong[i]);
    }
}
END_TEST

#endif
