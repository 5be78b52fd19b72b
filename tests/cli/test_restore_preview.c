/* SPDX-License-Identifier: ISC */
/*
 * A restore undoes the changes since the backup. Before it, the command shows which tokens would
 * work again. --keep-removed leaves those changes in force.
 */
#include "cli/terminal.h"

/* clang-format off: host.h declares names that drive.h uses for parameters */
#include "abi/host.h"
/* clang-format on */

#include <signal.h>
#include <sys/stat.h>
#include <time.h>

static const char *copy; /* the backup, made before all later changes */
enum { REMOVED, OFF, ENDED, SUSPENDED, GONE, LEFT, ROTATED, WATCHED };
static const char *const names[WATCHED] = {"acme/removed", "acme/off",     "acme/ended",
                                           "bolt/default", "gone/default", "acme/left",
                                           "zed/default"};
static const char *texts[WATCHED];

static void does(struct run run)
{
    ck_assert_msg(run.status == 0, "%d: %s%s", run.status, run.out, run.err);
}

static int32_t verdict_of(const char *text)
{
    espt_query query = {.size = sizeof query, .token = text, .token_len = strlen(text)};
    espt_result result = {.size = sizeof result};
    plugin->validate(ctx, &query, &result);
    return result.status;
}

static void are(const int32_t *wanted)
{
    for (size_t i = 0; i < WATCHED; i++)
        ck_assert_msg(verdict_of(texts[i]) == wanted[i], "%s: %d", names[i], verdict_of(texts[i]));
}

/* Once, before all tests. */
static void prepare(void)
{
    config = populated(&folder);
    for (size_t i = REMOVED; i <= ENDED; i++)
        does(CTL(config, NULL, "create", "acme", names[i] + 5));
    does(CTL(config, NULL, "create", "acme", "left"));
    does(CTL(config, NULL, "entity", "add", "gone", "--kind", "customer", "--reseller", "acme"));
    for (size_t i = 0; i < WATCHED; i++)
        texts[i] = keep_string(strdup(revealed(config, names[i])));
    copy = keep_string(strdup(in_folder(temp_folder(), "a.mdb")));
    does(CTL(config, NULL, "backup", copy));
    does(CTL(config, NULL, "remove", "acme/removed", "--yes"));
    does(CTL(config, NULL, "edit", "acme/off", "--status", "inactive"));
    does(CTL(config, NULL, "rotate", "acme/ended", "--overlap", "0"));
    does(CTL(config, NULL, "entity", "edit", "bolt", "--status", "inactive", "--as", "acme"));
    does(CTL(config, NULL, "entity", "remove", "gone", "--yes"));
    does(CTL(config, NULL, "rotate", "zed/default", "--overlap", "7d"));
}

static void setup(void)
{
    char err[512] = "";
    config = copied(&folder);
    ck_assert_int_eq(mkdir(in_folder(folder, "usage"), 0700), 0);
    host_load();
    ck_assert_msg(plugin->open(&ctx, config, NULL, NULL, err, sizeof err) == 1, "%s", err);
}

static const int32_t kept[WATCHED] = {ESPT_DENY_UNKNOWN,   ESPT_DENY_INACTIVE, ESPT_DENY_UNKNOWN,
                                      ESPT_DENY_SUSPENDED, ESPT_DENY_UNKNOWN,  ESPT_ALLOW,
                                      ESPT_ALLOW};
static const int32_t undone[WATCHED] = {ESPT_ALLOW, ESPT_ALLOW, ESPT_ALLOW, ESPT_ALLOW,
                                        ESPT_ALLOW, ESPT_ALLOW, ESPT_ALLOW};

static void tells(const char *text)
{
    static const char *const parts[] = {
        "3 tokens that were removed", "acme/removed", "1 token that was switched off (acme/off)",
        "1 entity that was switched off (bolt)", "1 entity that was removed (gone)"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        ck_assert_msg(strstr(text, parts[i]) != NULL, "%s: %s", parts[i], text);
}

START_TEST(what_works_again_is_told)
{
    are(kept);
    struct run run = CTL(config, NULL, "restore", copy, "--yes");
    does(run);
    tells(run.err);
    ck_assert_ptr_nonnull(strstr(run.err, "--keep-removed"));
    are(undone);
}
END_TEST

START_TEST(what_was_removed_stays_so)
{
    struct run run = CTL(config, NULL, "restore", copy, "--yes", "--keep-removed");
    does(run);
    tells(run.err);
    ck_assert_ptr_nonnull(strstr(run.err, "the restore keeps these changes"));
    are(kept);
    does(CTL(config, NULL, "log", "verify"));
    struct run check = CTL(config, NULL, "check");
    ck_assert_msg(check.status == 0, "%s", check.out);
    ck_assert_ptr_nonnull(
        strstr(CTL(config, NULL, "log").out, "restore       token acme/\"removed\""));
    ck_assert_int_eq(CTL(config, NULL, "entity", "show", "gone").status, 3);
    /* the level that switched an item off is kept */
    does(CTL(config, NULL, "entity", "edit", "bolt", "--status", "active", "--as", "acme"));
    ck_assert_int_eq(
        CTL(config, NULL, "edit", "acme/off", "--status", "active", "--as", "acme").status, 4);
    /* the old secret of a rotated token expires when it would have */
    json_t *json = done(CTL(config, NULL, "--json", "show", "zed/default"));
    char week[32];
    const time_t when = time(NULL) + 8 * 86400;
    strftime(week, sizeof week, "%Y-%m-%d", gmtime(&when));
    ck_assert_int_lt(strcmp(text_of(json, "expires"), week), 0);
    json_decref(json);
}
END_TEST

START_TEST(in_a_document)
{
    struct run run = CTL(config, NULL, "--json", "restore", copy, "--yes");
    json_t *json = done(run), *restored = json_object_get(json, "restored");
    HAS_KEYS(restored, "file", "kept", "made", "works_again");
    json_t *again = json_object_get(restored, "works_again");
    HAS_KEYS(again, "removed", "switched_off", "ended", "suspended", "entities_removed", "first");
    ck_assert_int_eq(json_integer_value(json_object_get(again, "removed")), 3);
    ck_assert_int_eq(json_integer_value(json_object_get(again, "switched_off")), 1);
    ck_assert_int_eq(json_integer_value(json_object_get(again, "suspended")), 1);
    ck_assert_int_eq(strncmp(text_of(restored, "made"), "20", 2), 0);
    json_decref(json);
    json = document(run.err);
    tells(text_of(json_object_get(json, "warning"), "message"));
    json_decref(json);
    /* there are no changes since the backup */
    does(CTL(config, NULL, "backup", in_folder(folder, "b.mdb")));
    run = CTL(config, NULL, "--json", "restore", in_folder(folder, "b.mdb"), "--yes");
    json = done(run);
    HAS_KEYS(json_object_get(json, "restored"), "file", "kept");
    ck_assert_str_eq(run.err, "");
    json_decref(json);
}
END_TEST

static void leak(const char *to)
{
    does(CTL(to, NULL, "remove", "acme/left", "--yes"));
}

/* The changes are shown before the question, with the backup's age. They must still be the same
   after the answer. */
START_TEST(at_the_prompt)
{
    const char *args[] = {"restore", copy, NULL};
    struct seen seen = at_terminal(config, args, "y\n", leak);
    ck_assert_msg(seen.status == 4 && strstr(seen.text, "changed meanwhile") != NULL, "%s",
                  seen.text);
    ck_assert_ptr_nonnull(strstr(seen.text, "made 20"));
    ck_assert_ptr_nonnull(strstr(seen.text, "tokens that were removed"));
    ck_assert(strstr(seen.text, "tokens that were removed") < strstr(seen.text, "[y/N]"));
    const char *bare[] = {"restore", copy, "--no-manifest", "--keep-removed", NULL};
    seen = at_terminal(config, bare, "y\n", NULL);
    ck_assert_msg(seen.status == 0, "%s", seen.text);
    ck_assert_ptr_nonnull(strstr(seen.text, "last changed 20"));
    ck_assert_ptr_nonnull(strstr(seen.text, "the restore keeps these changes"));
    ck_assert_int_eq(verdict_of(texts[LEFT]), ESPT_DENY_UNKNOWN);
}
END_TEST

/* A token that expired at its own time is not a lost change. A token whose expiration was moved
   earlier is. */
START_TEST(an_earlier_end_is_kept)
{
    does(CTL(config, NULL, "edit", "acme/left", "--expires", "12h"));
    struct run run = CTL(config, NULL, "restore", copy, "--yes", "--keep-removed");
    does(run);
    json_t *json = done(CTL(config, NULL, "--json", "show", "acme/left"));
    char tomorrow[32];
    const time_t when = time(NULL) + 2 * 86400;
    strftime(tomorrow, sizeof tomorrow, "%Y-%m-%d", gmtime(&when));
    ck_assert_int_lt(strcmp(text_of(json, "expires"), tomorrow), 0);
    json_decref(json);
}
END_TEST

/* Many removals are replayed in several transactions. A reseller is removed after its customers. */
START_TEST(many)
{
    char *lines = calloc(3000, 8);
    for (int i = 0; i < 3000; i++)
        snprintf(lines + strlen(lines), 8, "t%d\n", i);
    file_text(in_folder(folder, "tiers.ini"),
              "[lite]\nrank = 10\nmax_tokens = 5000\ndefault = yes\n"
              "[advanced]\nrank = 20\nmax_tokens = 5000\n");
    does(CTL(config, NULL, "entity", "add", "far", "--kind", "reseller"));
    does(CTL(config, NULL, "entity", "add", "near", "--kind", "customer", "--reseller", "far"));
    does(CTL(config, lines, "create", "near", "--from", "-"));
    free(lines);
    copy = keep_string(strdup(in_folder(temp_folder(), "b.mdb")));
    does(CTL(config, NULL, "backup", copy));
    does(CTL(config, NULL, "entity", "remove", "near", "--yes"));
    does(CTL(config, NULL, "entity", "remove", "far", "--yes"));
    const char *before = CTL(config, NULL, "--json", "list").out;
    struct run run = CTL(config, NULL, "restore", copy, "--yes", "--keep-removed");
    does(run);
    ck_assert_ptr_nonnull(strstr(run.err, "3002 tokens that were removed"));
    ck_assert_str_eq(CTL(config, NULL, "--json", "list").out, before);
    ck_assert_int_eq(CTL(config, NULL, "entity", "show", "far").status, 3);
    does(CTL(config, NULL, "check"));
    does(CTL(config, NULL, "log", "verify"));
}
END_TEST

/* If the store is missing or cannot be read, the removed tokens are not known. */
START_TEST(a_store_that_cannot_be_read)
{
    const char *store = keep_string(strdup(in_folder(folder, "tokens.mdb")));
    for (int gone = 0; gone < 2; gone++) {
        file_write(store, "no store", 8, 0640);
        if (gone)
            ck_assert_int_eq(unlink(store), 0);
        struct run run = CTL(config, NULL, "restore", copy, "--yes", "--keep-removed");
        ck_assert_msg(run.status == 5 && strstr(run.err, "restore without --keep-removed") != NULL,
                      "%d %s", run.status, run.err);
    }
    struct run run = CTL(config, NULL, "restore", copy, "--yes");
    does(run);
    ck_assert_ptr_nonnull(strstr(run.err, "could not be compared"));
}
END_TEST

static pid_t write_on(void)
{
    pid_t child = fork_child();
    if (child == 0) {
        for (;;) {
            const char *const argv[] = {ctl_path(),  "-c",       config,   "edit",
                                        "acme/left", "--status", "active", NULL};
            run_process(argv, NULL);
        }
    }
    return child;
}

/* With --yes nothing was shown, so changes by other writers do not make the restore fail. */
START_TEST(unasked_beside_writers)
{
    pid_t writer = write_on();
    int refused = 0;
    for (int i = 0; i < 15; i++) {
        struct run run = CTL(config, NULL, "restore", copy, "--yes");
        refused += run.status != 0;
    }
    kill(writer, SIGKILL);
    waitpid(writer, NULL, 0);
    ck_assert_int_eq(refused, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("restore preview");
    TCase *tcase = tcase_create("preview");
    tcase_add_unchecked_fixture(tcase, prepare, NULL);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 180);
    tcase_add_test(tcase, what_works_again_is_told);
    tcase_add_test(tcase, what_was_removed_stays_so);
    tcase_add_test(tcase, in_a_document);
    tcase_add_test(tcase, at_the_prompt);
    tcase_add_test(tcase, an_earlier_end_is_kept);
    tcase_add_test(tcase, many);
    tcase_add_test(tcase, a_store_that_cannot_be_read);
    tcase_add_test(tcase, unasked_beside_writers);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
