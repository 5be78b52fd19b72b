/* SPDX-License-Identifier: ISC */
/* The clipboard, with a substitute for xclip that keeps the text in a file. */
#include "cli/drive.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char fake_xclip[] = "#!/bin/sh\n"
                                 "if [ -e \"$CLIP.hangs\" ]; then\n"
                                 "echo $$ >> \"$CLIP.hangs\"; exec sleep 300; fi\n"
                                 "echo \"$@\" >> \"$CLIP.args\"\n"
                                 "env > \"$CLIP.env\"\n"
                                 "case \"$1\" in\n"
                                 "-o) exec cat \"$CLIP\" ;;\n"
                                 "esac\n"
                                 "cat > \"$CLIP\"\n"
                                 "sleep 6 &\n"; /* keeps running, as the real xclip does */

static const char *clip;

static const char *with_xclip(void)
{
    const char *folder, *config = populated(&folder);
    char path[1024];
    file_write(in_folder(folder, "xclip"), fake_xclip, strlen(fake_xclip), 0755);
    snprintf(path, sizeof path, "%s:%s", folder, getenv("PATH"));
    clip = in_folder(folder, "clip");
    setenv("PATH", path, 1);
    setenv("CLIP", clip, 1);
    setenv("DISPLAY", ":none", 1);
    setenv("XDG_RUNTIME_DIR", folder, 1);
    unsetenv("WAYLAND_DISPLAY");
    unsetenv("TMUX");
    return config;
}

/* Waits at most `seconds` until the file holds `text`. */
static bool comes_to_hold(const char *text, int seconds)
{
    for (int i = 0; i < seconds * 20; i++) {
        const char *held = file_read(clip, NULL);
        if (held != NULL && strcmp(held, text) == 0)
            return true;
        usleep(50000);
    }
    return false;
}

START_TEST(copied_then_cleared)
{
    const char *config = with_xclip(), *text = revealed(config, "acme/default");
    struct run run = CTL(config, NULL, "copy", "acme/default", "--clear", "1");
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_str_eq(run.out, "");
    ck_assert_str_eq(run.err, "esp-tokenctl: copied acme/default to the clipboard (xclip); it is "
                              "cleared in 1 s\n");
    ck_assert_str_eq(file_read(clip, NULL), text);
    ck_assert(comes_to_hold("", 10));
}
END_TEST

START_TEST(what_came_later_stays)
{
    const char *config = with_xclip();
    ck_assert_int_eq(CTL(config, NULL, "copy", "acme/default", "--clear", "1").status, 0);
    file_text(clip, "something else");
    sleep(3);
    ck_assert_str_eq(file_read(clip, NULL), "something else");
}
END_TEST

/* The same text is copied again: the first process does not clear it when its time ends. */
START_TEST(copied_again)
{
    const char *config = with_xclip(), *text = revealed(config, "acme/default");
    ck_assert_int_eq(CTL(config, NULL, "copy", "acme/default", "--clear", "2").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "copy", "acme/default", "--clear", "6").status, 0);
    sleep(4);
    ck_assert_str_eq(file_read(clip, NULL), text);
    ck_assert(comes_to_hold("", 20));
    ck_assert_int_eq(CTL(config, NULL, "copy", "acme/default", "--clear", "1").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "copy", "acme/default", "--clear", "0").status, 0);
    sleep(3);
    ck_assert_str_eq(file_read(clip, NULL), text);
    /* another display has another clipboard */
    ck_assert_int_eq(CTL(config, NULL, "copy", "acme/default", "--clear", "1").status, 0);
    setenv("DISPLAY", ":another", 1);
    ck_assert_int_eq(CTL(config, NULL, "copy", "acme/default", "--clear", "0").status, 0);
    ck_assert(comes_to_hold("", 10));
}
END_TEST

/* If the file of the last copy is writable for others, or has no folder, each process clears its
   own copy. */
START_TEST(nobody_knows_of_the_last)
{
    const char *config = with_xclip(), *folder = getenv("XDG_RUNTIME_DIR");
    const char *const find[] = {"sh", "-c", "echo \"$0\"/esp-token-copy-*", folder, NULL};
    ck_assert_int_eq(CTL(config, NULL, "copy", "acme/default", "--clear", "0").status, 0);
    char *last = keep_string(strdup(run_process(find, NULL).out));
    last[strcspn(last, "\n")] = '\0';
    file_write(last, "another's number", 16, 0666);
    ck_assert_int_eq(chmod(last, 0666), 0);
    ck_assert_int_eq(CTL(config, NULL, "copy", "acme/default", "--clear", "1").status, 0);
    ck_assert(comes_to_hold("", 10));
    ck_assert_str_eq(file_read(last, NULL), "another's number");
    unsetenv("XDG_RUNTIME_DIR");
    setenv("DISPLAY", clip, 1); /* a display that no other test uses */
    ck_assert_int_eq(CTL(config, NULL, "copy", "acme/default", "--clear", "1").status, 0);
    ck_assert(comes_to_hold("", 10));
}
END_TEST

/* The display hangs, and so does every program that uses it. */
START_TEST(hangs)
{
    const char *config = with_xclip();
    char path[1024], *end;
    snprintf(path, sizeof path, "%s.hangs", clip);
    file_text(path, "");
    setenv("TERM", "dumb", 1);
    struct run run = CTL(config, NULL, "copy", "acme/default");
    ck_assert_int_eq(run.status, 5);
    ck_assert_ptr_nonnull(strstr(run.err, "no clipboard"));
    const long pid = strtol(file_read(path, NULL), &end, 10);
    ck_assert_int_gt(pid, 1);
    ck_assert_str_eq(end, "\n");
    ck_assert_int_eq(kill((pid_t)pid, 0), -1);
}
END_TEST

START_TEST(text_goes_by_pipe_alone)
{
    const char *config = with_xclip();
    char path[1024];
    ck_assert_int_eq(CTL(config, NULL, "show", "acme/default", "--copy").status, 0);
    snprintf(path, sizeof path, "%s.args", clip);
    ck_assert_ptr_null(strstr(file_read(path, NULL), TEXT_PATTERN));
    snprintf(path, sizeof path, "%s.env", clip);
    ck_assert_ptr_null(strstr(file_read(path, NULL), TEXT_PATTERN));
    json_t *json = done(CTL(config, NULL, "--json", "copy", "acme/default", "--clear", "0"));
    HAS_KEYS(json, TOKEN_KEYS);
    json_decref(json);
}
END_TEST

/* With --copy, a new text goes to the clipboard and not to the screen. */
START_TEST(new_text_is_copied_alone)
{
    const char *config = with_xclip();
    struct run run = CTL(config, NULL, "create", "acme", "second", "--copy");
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_ptr_nonnull(strstr(run.out, "\nname      second\n"));
    ck_assert_ptr_null(strstr(run.out, TEXT_PATTERN));
    ck_assert_ptr_nonnull(strstr(run.err, "copied acme/second to the clipboard"));
    ck_assert_str_eq(file_read(clip, NULL), revealed(config, "acme/second"));
    run = CTL(config, NULL, "--json", "rotate", "acme/second", "--copy");
    json_t *json = done(run);
    HAS_KEYS(json, TOKEN_KEYS, "old");
    ck_assert_str_eq(file_read(clip, NULL), revealed(config, "acme/second"));
    json_decref(json);
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "third", "--copy", "-q").status, 2);
    ck_assert_int_eq(CTL(config, NULL, "show", "acme/third").status, 3);
}
END_TEST

/* Neither xclip nor the process that waits to clear holds the pipe that $(...) reads. */
START_TEST(script_does_not_wait)
{
    const char *config = with_xclip();
    char command[2048];
    snprintf(command, sizeof command, "x=$('%s' -c '%s' copy acme/default --clear 6 2>&1)",
             ctl_path(), config);
    time_t begin = time(NULL);
    ck_assert_int_eq(run_process((const char *const[]){"sh", "-c", command, NULL}, NULL).status, 0);
    ck_assert_int_le(time(NULL) - begin, 3);
}
END_TEST

START_TEST(no_clipboard)
{
    const char *config = populated(NULL);
    unsetenv("DISPLAY");
    unsetenv("WAYLAND_DISPLAY");
    unsetenv("TMUX");
    setenv("TERM", "dumb", 1);
    struct run run = CTL(config, NULL, "copy", "acme/default");
    ck_assert_int_eq(run.status, 5);
    ck_assert_ptr_nonnull(strstr(run.err, "install"));
    ck_assert_ptr_null(strstr(run.err, TEXT_PATTERN));
    run = CTL(config, NULL, "create", "acme", "second", "--copy");
    ck_assert_int_eq(run.status, 5);
    ck_assert_str_eq(run.out, "");
    ck_assert_ptr_nonnull(strstr(run.err, "the token is created"));
    ck_assert_int_eq(CTL(config, NULL, "show", "acme/second").status, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clipboard");
    TCase *tests = tcase_create("clipboard");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, copied_then_cleared);
    tcase_add_test(tests, what_came_later_stays);
    tcase_add_test(tests, copied_again);
    tcase_add_test(tests, nobody_knows_of_the_last);
    tcase_add_test(tests, hangs);
    tcase_add_test(tests, text_goes_by_pipe_alone);
    tcase_add_test(tests, new_text_is_copied_alone);
    tcase_add_test(tests, script_does_not_wait);
    tcase_add_test(tests, no_clipboard);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
