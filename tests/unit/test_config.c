#include "common/config.h"
#include "common/trust.h"
#include "support/support.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LEAST "[store]\npath = s.mdb\n[tiers]\npath = /t/tiers.ini\n"

static struct espt_error err;

static const struct {
    const char *text;
    int line;
    const char *words;
} faults[] = {
    {"", 1, "[store] path is missing"},
    {"[store]\npath = x\n", 1, "[tiers] path is missing"},
    {LEAST "[other]\n", 5, "unknown section"},
    {LEAST "[tokens]\nexpiry = 1d\n", 6, "unknown key in [tokens]"},
    {LEAST "[tokens]\ndefault_expiry = soon\n", 6, "neither never nor a span"},
    {LEAST "[tokens]\ndefault_expiry = 1d\ndefault_expiry = 1d\n", 7, "repeated"},
    {"[store]\npath =\n", 2, "empty"},
    {"[store]\npath = a\xc2\x85z\n", 2, "control character (U+0085); remove it"},
    {"[store]\nmap_size = 16\n", 2, "map_size"},
    {"[store]\nmap_size = 0G\n", 2, "map_size"},
    {"[store]\nmap_size = 16GB\n", 2, "map_size"},
    {"[store]\nmap_size = 99999999999999T\n", 2, "map_size"},
    {"[store]\nmap_size = 18446744073709551617K\n", 2, "map_size"},
    {LEAST "[usage]\nfolder =\n", 6, "empty"},
    {LEAST "[usage]\ntokens = 1023\n", 6, "tokens is not a number from 1024"},
    {LEAST "[usage]\ntokens = 16777217\n", 6, "tokens is not"},
    {LEAST "[usage]\ntokens = 32768x\n", 6, "tokens is not"},
    {LEAST "[usage]\ntokens = 4294968320\n", 6, "tokens is not"},
    {LEAST "[usage]\nmax = 1\n", 6, "unknown key in [usage]"},
};

START_TEST(faults_are_refused)
{
    char place[32];
    struct config config;
    int code = config_parse(&config, "/etc/x.conf", faults[_i].text, strlen(faults[_i].text), &err);
    snprintf(place, sizeof place, "/etc/x.conf:%d: ", faults[_i].line);
    ck_assert_int_eq(code, ESPT_UNUSABLE);
    ck_assert_msg(strncmp(err.message, place, strlen(place)) == 0, "%s", err.message);
    ck_assert_msg(strstr(err.message, faults[_i].words) != NULL, "%s", err.message);
}
END_TEST

START_TEST(defaults_and_folders)
{
    struct config config;
    ck_assert_int_eq(config_parse(&config, "/etc/e/x.conf", LEAST, strlen(LEAST), &err), 0);
    ck_assert_str_eq(config.store, "/etc/e/s.mdb");
    ck_assert_str_eq(config.tiers, "/t/tiers.ini");
    ck_assert_str_eq(config.public_key, "/etc/e/reveal.pub");
    ck_assert_str_eq(config.secret_key, "/etc/e/reveal.key");
    ck_assert_uint_eq(config.map_size, UINT64_C(16) << 30);
    ck_assert_int_eq(config.default_expiry, 365 * 86400);
    ck_assert_str_eq(config.usage, "");
    static const char full[] = LEAST "[tokens]\ndefault_expiry = never\n"
                                     "[usage]\nfolder = /run/u\ntokens = 16777216\n";
    ck_assert_int_eq(config_parse(&config, "x.conf", full, strlen(full), &err), 0);
    ck_assert_int_eq(config.default_expiry, 0);
    ck_assert_str_eq(config.usage, "/run/u");
    ck_assert_uint_eq(config.usage_tokens, 16777216);
    ck_assert_int_eq(config.store[0], '/');
}
END_TEST

static int open_as(const char *path, uid_t owner, enum trust_level level)
{
    int fd = -1;
    int code = trust_open(path, owner, level, &fd, &err);
    if (code == 0)
        close(fd);
    return code;
}

static void refused(const char *path, const char *words, enum trust_level level)
{
    ck_assert_int_eq(open_as(path, geteuid(), level), ESPT_UNUSABLE);
    ck_assert_msg(strstr(err.message, words) != NULL, "%s", err.message);
}

START_TEST(others_are_not_trusted)
{
    const char *folder = temp_folder();
    const char *file = in_folder(folder, "f"), *link = in_folder(folder, "link");
    file_text(file, "x");
    ck_assert_int_eq(open_as(file, geteuid(), TRUST_PUBLIC), 0);
    refused(file, "others may read", TRUST_SECRET);
    ck_assert_int_eq(chmod(file, 0664), 0);
    refused(file, "others may write to it; chmod go-w", TRUST_PUBLIC);
    ck_assert_int_eq(chmod(file, 0600), 0);
    ck_assert_int_eq(open_as(file, geteuid(), TRUST_SECRET), 0);
    ck_assert_int_eq(symlink(file, link), 0);
    ck_assert_int_eq(open_as(link, geteuid(), TRUST_SECRET), 0);
    ck_assert_int_eq(chmod(folder, 0777), 0);
    refused(file, "folder", TRUST_PUBLIC);
    ck_assert_int_eq(chmod(folder, 01777), 0);
    refused(file, "folder", TRUST_PUBLIC);
    ck_assert_int_eq(chmod(folder, 0700), 0);
    refused(folder, "not a regular file", TRUST_PUBLIC);
    const char *fifo = in_folder(folder, "fifo");
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    refused(fifo, "not a regular file", TRUST_PUBLIC);
    refused(in_folder(folder, "gone"), "No such file", TRUST_PUBLIC);
    if (geteuid() == 0) {
        ck_assert_int_eq(chown(file, 65534, 65534), 0);
        refused(file, "another user", TRUST_PUBLIC);
        ck_assert_int_eq(chown(file, 0, 0), 0);
        ck_assert_int_eq(chown(folder, 65534, 65534), 0);
        refused(file, "another user", TRUST_PUBLIC);
        ck_assert_int_eq(open_as(file, 65534, TRUST_PUBLIC), 0);
    }
}
END_TEST

/* In a mount namespace of its own; only root may make one. */
START_TEST(overlayfs_is_refused)
{
    char options[2048];
    const char *folder = temp_folder();
    const char *merged = in_folder(folder, "merged");
    snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s,workdir=%s",
             in_folder(folder, "lower"), in_folder(folder, "upper"), in_folder(folder, "work"));
    mkdir(in_folder(folder, "lower"), 0700);
    mkdir(in_folder(folder, "upper"), 0700);
    mkdir(in_folder(folder, "work"), 0700);
    mkdir(merged, 0700);
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("overlay", merged, "overlay", 0, options) != 0) {
        perror("SKIPPED overlayfs_is_refused: it needs root and overlayfs");
        return;
    }
    const char *file = in_folder(merged, "tokens.mdb");
    file_text(file, "x");
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(trust_filesystem(fd, file, &err), ESPT_UNUSABLE);
    ck_assert_msg(strstr(err.message, "overlayfs") != NULL, "%s", err.message);
    close(fd);
    ck_assert_int_eq(umount(merged), 0);
    fd = open(folder, O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(trust_filesystem(fd, folder, &err), 0);
    close(fd);
}
END_TEST

/* A reader that meets the renaming gets one file or the other. */
START_TEST(replaced_while_it_is_opened)
{
    const char *folder = temp_folder();
    char path[512], next[512];
    snprintf(path, sizeof path, "%s/file", folder);
    snprintf(next, sizeof next, "%s/next", folder);
    file_text(path, "a");
    pid_t child = fork_child();
    if (child == 0) {
        for (;;) {
            int fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
            if (fd < 0 || close(fd) != 0 || rename(next, path) != 0)
                _exit(1);
            usleep(50); /* an opening lasts less, or no number of tries would be enough */
        }
    }
    int code = 0;
    const time_t end = time(NULL) + 2; /* a sanitizer takes its time */
    for (int i = 0; code == 0 && i < 20000 && time(NULL) < end; i++) {
        int fd;
        code = trust_open(path, geteuid(), TRUST_PUBLIC, &fd, &err);
        if (code == 0)
            close(fd);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    ck_assert_msg(code == 0, "%s", err.message);
}
END_TEST

START_TEST(sizes_are_bounded)
{
    const char *folder = temp_folder();
    const char *file = in_folder(folder, "f");
    char *text;
    size_t len;
    file_text(file, "12345678");
    ck_assert_int_eq(trust_read(file, geteuid(), TRUST_PUBLIC, 7, &text, &len, &err),
                     ESPT_UNUSABLE);
    ck_assert_msg(strstr(err.message, "f:1: larger than 7") != NULL, "%s", err.message);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *tcase = tcase_create("config");
    tcase_add_loop_test(tcase, faults_are_refused, 0, sizeof faults / sizeof *faults);
    tcase_add_test(tcase, defaults_and_folders);
    tcase_add_test(tcase, others_are_not_trusted);
    tcase_add_test(tcase, overlayfs_is_refused);
    tcase_add_test(tcase, replaced_while_it_is_opened);
    tcase_add_test(tcase, sizes_are_bounded);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
