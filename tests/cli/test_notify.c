/* SPDX-License-Identifier: ISC */
/* notify: which tokens get a notice, that each notice is sent once, and programs that misbehave. */
#include "cli/drive.h"
#include "cli/terminal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *folder, *config, *program, *out;

/* Writes the program that notify runs; `body` is a script for sh. */
static void script(const char *body)
{
    char *text;
    ck_assert_int_ge(asprintf(&text, "#!/bin/sh\nout=%s\n%s\n", out, body), 0);
    file_write(program, text, strlen(text), 0755);
    free(text);
}

static void configure(const char *rest)
{
    char *text;
    ck_assert_int_ge(asprintf(&text, "%s\n[notify]\ncommand = %s 'a b' $x\n%s",
                              file_read(config, NULL), program, rest),
                     0);
    file_text(config, text);
    free(text);
}

static void add_token(const char *entity, const char *name, const char *expires)
{
    ck_assert_int_eq(CTL(config, NULL, "create", entity, name, "--expires", expires).status, 0);
}

/* acme is a reseller with room for tokens, bolt its customer; their first tokens expire in a
   year. */
static void setup(void)
{
    config = keep_string(strdup(populated(&folder)));
    program = keep_string(strdup(in_folder(folder, "program")));
    out = keep_string(strdup(in_folder(folder, "out")));
    count_no_uses(config);
    script("cat >>$out");
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = text; at != NULL && (at = strstr(at, part)) != NULL; at++)
        count++;
    return count;
}

static const char *received(void)
{
    const char *text = file_read(out, NULL);
    return text != NULL ? text : "";
}

static struct run notify(void)
{
    return CTL(config, NULL, "notify");
}

static void sends(size_t notices)
{
    const size_t before = count_of(received(), "\n");
    const struct run run = notify();
    ck_assert_msg(run.status == 0 && run.err[0] == '\0', "%d %s", run.status, run.err);
    ck_assert_uint_eq(count_of(received(), "\n") - before, notices);
}

/* --- which notices are sent --- */

START_TEST(each_token_and_stage_once)
{
    configure("");
    add_token("acme", "month", "29d");
    add_token("acme", "week", "6d");
    add_token("acme", "day", "20h");
    ck_assert_int_eq(
        CTL(config, NULL, "edit", "bolt/default", "--expires", "6d", "--note", "it's \"x\" é")
            .status,
        0);
    ck_assert_int_eq(CTL(config, NULL, "entity", "edit", "acme", "--contact", "a@acme").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "entity", "edit", "bolt", "--contact", "b@bolt").status, 0);
    json_t *json = done(CTL(config, NULL, "--json", "notify"));
    ck_assert_uint_eq(json_array_size(json_object_get(json, "notices")), 4);
    HAS_KEYS(json, "notices", "due", "sent", "failed", "dry_run");
    ck_assert_int_eq(json_integer_value(json_object_get(json, "sent")), 4);
    HAS_KEYS(json_array_get(json_object_get(json, "notices"), 0), "id", "name", "entity", "stage",
             "expires", "outcome", "message");
    json_decref(json);

    const char *at = received();
    ck_assert_uint_eq(count_of(at, "\n"), 4);
    ck_assert_uint_eq(count_of(at, "\"stage\":\"30d\""), 1);
    ck_assert_uint_eq(count_of(at, "\"stage\":\"7d\""), 2);
    ck_assert_uint_eq(count_of(at, "\"stage\":\"1d\""), 1);
    ck_assert_ptr_null(strstr(at, TEXT_PATTERN));
    for (char *line; (line = strchr(at, '\n')) != NULL; at = line + 1) {
        json_t *notice = document(keep_string(strndup(at, (size_t)(line - at))));
        HAS_KEYS(notice, "stage", "expires", "token", "entity", "reseller");
        const json_t *token = json_object_get(notice, "token");
        HAS_KEYS(token, "id", "name", "note", "created");
        HAS_KEYS(json_object_get(notice, "entity"), "name", "kind", "contact");
        if (strcmp(text_of(json_object_get(notice, "entity"), "name"), "bolt") == 0) {
            ck_assert_str_eq(text_of(token, "note"), "it's \"x\" é");
            ck_assert_str_eq(text_of(json_object_get(notice, "entity"), "contact"), "b@bolt");
            ck_assert_str_eq(text_of(json_object_get(notice, "reseller"), "name"), "acme");
            ck_assert_str_eq(text_of(json_object_get(notice, "reseller"), "contact"), "a@acme");
        } else {
            ck_assert(json_is_null(json_object_get(notice, "reseller")));
        }
        json_decref(notice);
    }
    sends(0);
    ck_assert_str_eq(notify().out, "no notices are due\n");
    /* another expiration makes the stages begin again, and the next stage follows */
    ck_assert_int_eq(CTL(config, NULL, "edit", "acme/day", "--expires", "5d").status, 0);
    sends(1);
    ck_assert_int_eq(CTL(config, NULL, "edit", "acme/day", "--expires", "never").status, 0);
    sends(0);
}
END_TEST

START_TEST(expired_ones_too)
{
    char when[32];
    const time_t soon = time(NULL) + 2;
    struct tm tm;
    configure("");
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&soon, &tm));
    add_token("acme", "brief", when);
    while (count_of(received(), "\"stage\":\"expired\"") == 0) {
        const struct run run = notify();
        ck_assert_int_eq(run.status, 0);
        usleep(100000);
    }
    ck_assert_uint_le(count_of(received(), "\n"), 2); /* 1d and expired, unless it was slow */
    sends(0);
}
END_TEST

/* No notice for tokens that expired more than 30 days ago, as an import can create them. */
START_TEST(nothing_about_the_long_past)
{
    configure("");
    static const char line[] =
        "{\"export\":\"esp-token\",\"version\":1,\"sealed\":false}\n"
        "{\"token\":{\"entity\":\"acme\",\"name\":\"%s\",\"foreign\":true,\"expires\":\"%s\","
        "\"sha256\":\"%064d\"}}\n";
    char text[512], when[32];
    const time_t times[2] = {time(NULL) - 31 * 86400, time(NULL) - 29 * 86400};
    for (int i = 0; i < 2; i++) {
        struct tm tm;
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&times[i], &tm));
        snprintf(text, sizeof text, line, i == 0 ? "long" : "lately", when, i);
        ck_assert_int_eq(CTL(config, text, "import", "-").status, 0);
    }
    sends(1);
    ck_assert_ptr_nonnull(strstr(received(), "lately"));
}
END_TEST

START_TEST(some_never)
{
    configure("");
    add_token("acme", "off", "5d");
    add_token("acme", "turned", "5d");
    ck_assert_int_eq(CTL(config, NULL, "edit", "zed/default", "--expires", "5d").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "edit", "bolt/default", "--expires", "5d").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "edit", "acme/off", "--status", "inactive").status, 0);
    ck_assert_int_eq(
        CTL(config, NULL, "rotate", "acme/turned", "--overlap", "2d", "--expires", "1y").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "entity", "edit", "zed", "--status", "inactive").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "entity", "edit", "acme", "--status", "inactive").status, 0);
    sends(0);
    ck_assert_str_eq(notify().out, "no notices are due\n");
    /* the notice is not recorded as sent, so it is sent once the tokens work again */
    ck_assert_int_eq(CTL(config, NULL, "entity", "edit", "acme", "--status", "active").status, 0);
    sends(1);
    ck_assert_ptr_nonnull(strstr(received(), "\"bolt\""));
}
END_TEST

START_TEST(within_and_dry_run)
{
    add_token("acme", "month", "29d");
    add_token("acme", "week", "6d");
    struct run run = CTL(config, NULL, "notify", "--dry-run"); /* without a command */
    ck_assert_msg(run.status == 0 && strstr(run.out, "2 notices would be sent") != NULL, "%s",
                  run.out);
    run = notify();
    ck_assert_msg(run.status == 5 && strstr(run.err, "[notify] command is missing") != NULL, "%s",
                  run.err);
    configure("stages = 40d expired 2d\n");
    run = CTL(config, NULL, "notify", "--dry-run", "--within", "7d");
    ck_assert_msg(strstr(run.out, "due   40d") != NULL && strstr(run.out, "acme/week") != NULL &&
                      strstr(run.out, "1 notice would be sent") != NULL,
                  "%s", run.out);
    ck_assert_str_eq(received(), "");
    ck_assert_int_eq(CTL(config, NULL, "notify", "--within", "7d").status, 0);
    ck_assert_uint_eq(count_of(received(), "\n"), 1);
    sends(1);
    run = CTL(config, NULL, "notify", "--within", "soon");
    ck_assert_msg(run.status == 2 && strstr(run.err, "--within: 'soon': not a span") != NULL, "%s",
                  run.err);
}
END_TEST

START_TEST(kept_by_backup_and_check)
{
    configure("");
    add_token("acme", "week", "6d");
    sends(1);
    const char *copy = in_folder(folder, "copy.mdb");
    ck_assert_int_eq(CTL(config, NULL, "backup", copy).status, 0);
    ck_assert_int_eq(CTL(config, NULL, "edit", "acme/week", "--expires", "5d").status, 0);
    sends(1);
    ck_assert_int_eq(CTL(config, NULL, "restore", copy, "--yes").status, 0);
    sends(0);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "remove", "acme/week", "--yes").status, 0);
    struct run run = CTL(config, NULL, "check");
    ck_assert_msg(run.status == 0, "%s", run.out);
}
END_TEST

/* --- the program --- */

START_TEST(small_surroundings)
{
    script("{ env; pwd; ls /proc/self/fd; printf '<%s>' \"$@\"; cat; } >>$out; echo loud");
    configure("");
    add_token("acme", "week", "6d");
    setenv("SECRET", "tell nobody", 1);
    struct run run = notify();
    ck_assert_msg(run.status == 0 && strstr(run.out, "loud") == NULL, "%s%s", run.out, run.err);
    const char *text = received();
    ck_assert_msg(strstr(text, "PATH=/usr/local/sbin:") != NULL &&
                      strstr(text, "LC_ALL=C.UTF-8\n") != NULL,
                  "%s", text);
    ck_assert_ptr_null(strstr(text, "SECRET"));
    ck_assert_ptr_nonnull(strstr(text, "\n/\n0\n1\n2\n3\n")); /* 3: the folder that ls reads */
    ck_assert_ptr_nonnull(strstr(text, "<'a><b'><$x>"));      /* no shell */
}
END_TEST

START_TEST(a_failure_is_reported_and_tried_again)
{
    script("grep -q '\"bad\"' && { echo one >&2; printf 'no \\033[2J route \\n' >&2; exit 3; }\n"
           "echo fine >>$out");
    configure("");
    add_token("acme", "bad", "5d");
    add_token("acme", "good", "5d");
    struct run run = notify();
    ck_assert_int_eq(run.status, 5);
    ck_assert_str_eq(received(), "fine\n"); /* the others are sent */
    ck_assert_ptr_nonnull(strstr(run.err, "acme/bad: the notice 7d was not sent: "));
    ck_assert_ptr_nonnull(strstr(run.err, " ended with status 3: no ?[2J route\n"));
    ck_assert_ptr_nonnull(
        strstr(run.err, "1 of 2 notices were not sent; the next run tries it again"));
    json_t *json = document(CTL(config, NULL, "--json", "notify").out);
    const json_t *notice = json_array_get(json_object_get(json, "notices"), 0);
    ck_assert_str_eq(text_of(notice, "outcome"), "failed");
    ck_assert_ptr_nonnull(strstr(text_of(notice, "message"), "status 3"));
    json_decref(json);
    script("kill -9 $$");
    run = notify();
    ck_assert_ptr_nonnull(
        strstr(run.err, "1 of 1 notice was not sent; the next run tries it again"));
    ck_assert_msg(strstr(run.err, "was ended by signal 9") != NULL, "%s", run.err);
    script("cat >>$out");
    sends(1);
    ck_assert_ptr_nonnull(strstr(received(), "\"bad\""));
}
END_TEST

static bool is_gone(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    const char *stat = file_read(path, NULL);
    return stat == NULL || strstr(stat, ") Z ") != NULL;
}

/* The program ignores SIGTERM, and so does its own child. */
START_TEST(a_hanging_program_is_ended)
{
    script("trap '' TERM\nsleep 1000 & echo $! >$out\nwait\nsleep 1000");
    configure("timeout = 1\n");
    add_token("acme", "week", "6d");
    struct run run = notify();
    ck_assert_int_eq(run.status, 5);
    ck_assert_msg(strstr(run.err, "did not end within 1 second and was ended") != NULL, "%s",
                  run.err);
    const pid_t left = atoi(received());
    ck_assert_int_gt(left, 1);
    while (!is_gone(left))
        usleep(10000);
}
END_TEST

/* The program writes more than a pipe holds, and leaves a child that keeps the pipe open. */
START_TEST(a_talkative_program_does_not_block)
{
    script("head -c 300000 /dev/zero | tr '\\0' x >&2; echo >&2; echo end >&2\n"
           "sleep 1000 & echo $! >$out; exit 4");
    configure("");
    add_token("acme", "week", "6d");
    struct run run = notify();
    kill(atoi(received()), SIGKILL);
    ck_assert_msg(strstr(run.err, "ended with status 4: end\n") != NULL, "%s", run.err);
}
END_TEST

START_TEST(a_program_that_cannot_start_stops_the_run)
{
    configure("");
    add_token("acme", "one", "6d");
    add_token("acme", "two", "6d");
    file_write(program, "#!/nonexistent/interpreter\n", 27, 0755);
    struct run run = notify();
    ck_assert_msg(run.status == 5 && strstr(run.err, "its first line") != NULL, "%s", run.err);
    file_write(program, "", 0, 0755);
    script("cat >>$out");
    sends(2);
}
END_TEST

static void refused(const char *words)
{
    struct run run = notify();
    ck_assert_int_eq(run.status, 5);
    ck_assert_msg(strstr(run.err, words) != NULL && strstr(run.err, "[notify] command") != NULL,
                  "%s", run.err);
    ck_assert_str_eq(received(), "");
}

START_TEST(the_program_is_checked)
{
    configure("");
    add_token("acme", "week", "6d");
    chmod(program, 0644);
    refused("run 'chmod +x ");
    chmod(program, 0775);
    refused("others may write to it; run 'chmod go-w ");
    chmod(program, 0755);
    chmod(folder, 0777);
    ck_assert_int_eq(notify().status, 5);
    chmod(folder, 0755);
    ck_assert_int_eq(unlink(program), 0);
    refused("No such file");
    if (geteuid() == 0) {
        script("cat >>$out");
        ck_assert_int_eq(chown(program, 65000, 65000), 0);
        refused("belongs to another user");
    }
}
END_TEST

/* No lock and no transaction is held while the program runs: it may change the store itself. */
START_TEST(the_program_may_use_the_store)
{
    char *body;
    ck_assert_int_ge(asprintf(&body,
                              "%s -c %s edit acme/week --note told --wait 0 2>&1 && cat >>$out",
                              ctl_path(), config),
                     0);
    script(body);
    free(body);
    configure("");
    add_token("acme", "week", "6d");
    sends(1);
    sends(0);
}
END_TEST

/* --- two at once, and interrupts --- */

static pid_t begin_notify(void)
{
    const pid_t child = fork_child();
    if (child == 0) {
        dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
        execl(ctl_path(), ctl_path(), "-c", config, "notify", NULL);
        _exit(127);
    }
    while (received()[0] == '\0')
        usleep(10000);
    return child;
}

static int end_of(pid_t child)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void wait_script(void)
{
    char *body;
    ck_assert_int_ge(
        asprintf(&body, "cat >>$out; while [ ! -e %s/go ]; do sleep 0.05; done", folder), 0);
    script(body);
    free(body);
}

START_TEST(two_do_not_both_send)
{
    wait_script();
    configure("");
    add_token("acme", "week", "6d");
    const pid_t first = begin_notify();
    struct run run = CTL(config, NULL, "notify", "--wait", "0");
    ck_assert_msg(run.status == 5 &&
                      strstr(run.err, "another 'esp-tokenctl notify' is still running") != NULL,
                  "%s", run.err);
    ck_assert_int_eq(CTL(config, NULL, "notify", "--dry-run", "--wait", "0").status, 0);
    file_text(in_folder(folder, "go"), "");
    run = notify(); /* waits for the first one */
    ck_assert_int_eq(run.status, 0);
    ck_assert_int_eq(end_of(first), 0);
    ck_assert_uint_eq(count_of(received(), "\n"), 1);
}
END_TEST

/* notify is killed: only the notice whose program was running is sent again. */
START_TEST(killed_while_the_program_runs)
{
    script("cat >>$out");
    configure("");
    add_token("acme", "one", "6d");
    sends(1);
    wait_script();
    ck_assert_int_eq(unlink(out), 0);
    add_token("acme", "two", "6d");
    const pid_t first = begin_notify();
    kill(first, SIGKILL);
    ck_assert_int_eq(end_of(first), 128 + SIGKILL);
    file_text(in_folder(folder, "go"), "");
    sends(1);
    sends(0);
    ck_assert_uint_eq(count_of(received(), "\"two\""), 2);
}
END_TEST

START_TEST(interrupted)
{
    wait_script();
    configure("");
    add_token("acme", "one", "6d");
    add_token("acme", "two", "6d");
    const pid_t first = begin_notify();
    kill(first, SIGINT);
    ck_assert_int_eq(end_of(first), 128 + SIGINT);
    ck_assert_uint_eq(count_of(received(), "\n"), 1);
    file_text(in_folder(folder, "go"), "");
    sends(2);
}
END_TEST

START_TEST(a_lock_file_of_a_stranger_is_refused)
{
    configure("");
    add_token("acme", "week", "6d");
    char path[4096];
    snprintf(path, sizeof path, "%s/tokens.mdb.notify", folder);
    file_write(path, "", 0, 0666);
    chmod(path, 0666);
    struct run run = notify();
    ck_assert_msg(run.status == 5 && strstr(run.err, ".notify: its mode") != NULL, "%s", run.err);
    ck_assert_str_eq(received(), "");
}
END_TEST

/* A bar at a terminal; its traces are erased before anything else is printed. */
START_TEST(at_a_terminal)
{
    script("sleep 0.6; cat >>$out");
    configure("");
    add_token("acme", "one", "6d");
    add_token("acme", "two", "6d");
    struct seen seen = AT_TERMINAL(config, NULL, NULL, "notify");
    ck_assert_int_eq(seen.status, 0);
    ck_assert_msg(strstr(seen.text, "% ") != NULL && strstr(seen.text, "\r\033[K") != NULL, "%s",
                  seen.text);
    ck_assert_ptr_nonnull(strstr(seen.text, "2 notices sent, 0 failed"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("notify");
    TCase *tcase = tcase_create("notify");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, each_token_and_stage_once);
    tcase_add_test(tcase, expired_ones_too);
    tcase_add_test(tcase, nothing_about_the_long_past);
    tcase_add_test(tcase, some_never);
    tcase_add_test(tcase, within_and_dry_run);
    tcase_add_test(tcase, kept_by_backup_and_check);
    tcase_add_test(tcase, small_surroundings);
    tcase_add_test(tcase, a_failure_is_reported_and_tried_again);
    tcase_add_test(tcase, a_hanging_program_is_ended);
    tcase_add_test(tcase, a_talkative_program_does_not_block);
    tcase_add_test(tcase, a_program_that_cannot_start_stops_the_run);
    tcase_add_test(tcase, the_program_is_checked);
    tcase_add_test(tcase, the_program_may_use_the_store);
    tcase_add_test(tcase, two_do_not_both_send);
    tcase_add_test(tcase, killed_while_the_program_runs);
    tcase_add_test(tcase, interrupted);
    tcase_add_test(tcase, a_lock_file_of_a_stranger_is_refused);
    tcase_add_test(tcase, at_a_terminal);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
