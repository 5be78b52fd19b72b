/* SPDX-License-Identifier: ISC */
/* `tier check FILE` checks only the content of a candidate, wherever it is stored, before it reads
   the store. */
#include "cli/drive.h"

#include <sys/stat.h>
#include <unistd.h>

static const char good[] = "[lite]\nrank = 10\nmax_tokens = 1\ndefault = yes\n";

static const char *candidate(const char *folder, const char *text)
{
    const char *path = in_folder(folder, "x.ini");
    file_text(path, text);
    return path;
}

static void says(struct run run, int status, const char *words)
{
    ck_assert_msg(run.status == status, "status %d: %s%s", run.status, run.out, run.err);
    ck_assert_msg(strstr(run.err, words) != NULL, "no %s: %s", words, run.err);
}

/* The file is in /tmp, where any user may create files, and others may write to it. */
START_TEST(whoever_may_write_to_it)
{
    const char *folder, *config = store_folder(&folder), *place = temp_folder();
    const char *path = candidate(place, good);
    ck_assert(chmod(place, 01777) == 0 && chmod(path, 0666) == 0);
    struct run run = CTL(config, NULL, "tier", "check", path);
    says(run, 0, "");
    ck_assert_str_eq(run.err, "");
    candidate(place, "[lite]\nrank = 0\n");
    run = CTL(config, NULL, "tier", "check", path);
    says(run, 5, "x.ini:2: rank");
    ck_assert_ptr_null(strstr(run.err, "chmod"));
    /* the table in use must still pass the trust rules */
    ck_assert_int_eq(chmod(in_folder(folder, "tiers.ini"), 0666), 0);
    says(CTL(config, NULL, "tier", "check"), 5, "chmod go-w");
}
END_TEST

START_TEST(from_a_pipe)
{
    const char *config = store_folder(NULL);
    says(CTL(config, good, "tier", "check", "/dev/stdin"), 0, "");
    says(CTL(config, "[lite]\nrank = 0\n", "tier", "check", "/dev/stdin"), 5, "/dev/stdin:2: rank");
}
END_TEST

/* `tier check` also works on a machine without a store. */
START_TEST(without_a_store)
{
    const char *folder, *config = store_folder(&folder), *place = temp_folder();
    const char *path = candidate(place, good);
    ck_assert_int_eq(unlink(in_folder(folder, "tokens.mdb")), 0);
    struct run run = CTL(config, NULL, "tier", "check", path);
    says(run, 0, "only the table itself was checked");
    ck_assert_str_eq(run.out, "no findings\n");
    candidate(place, "[lite]\nrank = 0\n");
    run = CTL(config, NULL, "tier", "check", path);
    says(run, 5, "x.ini:2: rank");
    ck_assert_ptr_null(strstr(run.err, "no store"));
    says(CTL("/nowhere/esp-token.conf", NULL, "tier", "check", path), 5, "x.ini:2: rank");
    candidate(place, good);
    says(CTL("/nowhere/esp-token.conf", NULL, "tier", "check", path), 5, "no configuration");
}
END_TEST

START_TEST(what_is_no_table)
{
    const char *config = store_folder(NULL), *place = temp_folder();
    says(CTL(config, NULL, "tier", "check", place), 5, "directory");
    says(CTL(config, NULL, "tier", "check", "/dev/zero"), 5, "larger than");
    says(CTL(config, NULL, "tier", "check", in_folder(place, "nothing")), 5, "no such file");
}
END_TEST

START_TEST(saved_by_other_programs)
{
    static const char crs[] = "[lite]\rrank = 10\rmax_tokens = 1\rdefault = yes\r";
    const char *config = store_folder(NULL), *place = temp_folder();
    char wide[2 * sizeof good + 2] = "\xff\xfe", path[512];
    for (size_t i = 0; i < sizeof good; i++) {
        wide[2 + 2 * i] = good[i];
        wide[3 + 2 * i] = '\0';
    }
    snprintf(path, sizeof path, "%s", in_folder(place, "x.ini"));
    file_write(path, wide, 2 * sizeof good, 0644);
    says(CTL(config, NULL, "tier", "check", path), 5,
         "x.ini:1: the file is UTF-16; save it as UTF-8");
    file_write(path, wide + 2, 2 * sizeof good - 2, 0644); /* without the byte order mark */
    says(CTL(config, NULL, "tier", "check", path), 5,
         "x.ini:1: the file is UTF-16; save it as UTF-8");
    for (size_t i = 0; i < sizeof good; i++) {
        wide[2 * i] = '\0';
        wide[1 + 2 * i] = good[i];
    }
    file_write(path, wide, 2 * sizeof good, 0644);
    says(CTL(config, NULL, "tier", "check", path), 5, "UTF-16");
    file_text(path, crs);
    says(CTL(config, NULL, "tier", "check", path), 5, "line ends of LF or CRLF");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tier_check");
    TCase *tcase = tcase_create("tier_check");
    tcase_add_test(tcase, whoever_may_write_to_it);
    tcase_add_test(tcase, from_a_pipe);
    tcase_add_test(tcase, without_a_store);
    tcase_add_test(tcase, what_is_no_table);
    tcase_add_test(tcase, saved_by_other_programs);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
