/* SPDX-License-Identifier: ISC */
/* common/config.h: faults with FILE:LINE:, defaults, and the trust in the file. */
#include "common/config.h"
#include "common/trust.h"
#include "support/namespace.h"
#include "support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LEAST "[store]\npath = s.mdb\n[tiers]\npath = /t/tiers.ini\n"

#define ADDRESS "listen = 127.0.0.1:1\n"
#define NINE_ADDRESSES ADDRESS ADDRESS ADDRESS ADDRESS ADDRESS ADDRESS ADDRESS ADDRESS ADDRESS

static struct espt_error err;

static const struct {
    const char *text;
    int line;
    const char *words;
} faults[] = {
    {"", 1, "[store] path is missing"},
    {"[store]\npath = x\n", 1, "[tiers] path is missing"},
    {LEAST "[other]\n", 5, "unknown section 'other'; the sections are store"},
    {LEAST "[tokens]\nexpiry = 1d\n", 6,
     "unknown key 'expiry'; [tokens] has default_expiry, max_expiry, max_overlap"},
    {LEAST "[tokens]\ndefault_expiry = soon\n", 6, "neither never nor a span"},
    {LEAST "[tokens]\ndefault_expiry = 1d\ndefault_expiry = 1d\n", 7, "set twice"},
    {"[store]\npath =\n", 2, "empty"},
    {"[store]\npath = a\xc2\x85z\n", 2, "control character (U+0085); remove it"},
    {"[store]\nmap_size = 16\n", 2, "map_size"},
    {"[store]\nmap_size = 0G\n", 2, "map_size"},
    {"[store]\nmap_size = 16GB\n", 2, "map_size"},
    {"[store]\nmap_size = 99999999999999T\n", 2, "map_size"},
    {"[store]\nmap_size = 18446744073709551617K\n", 2, "map_size"},
    {LEAST "[fleet]\njournal = ../dir\n", 6, "journal is not the name of a plugin"},
    {LEAST "[fleet]\nname = no name\n", 6, "write the name of this site"},
    {LEAST "[fleet]\nname = hq-1\n", 1, "[fleet] journal is missing"},
    {LEAST "[fleet]\njournal = dir\n", 1, "[fleet] name is missing"},
    {LEAST "[usage]\nfolder =\n", 6, "empty"},
    {LEAST "[usage]\ntokens = 1023\n", 6, "tokens is not a number from 1024"},
    {LEAST "[usage]\ntokens = 16777217\n", 6, "tokens is not"},
    {LEAST "[usage]\ntokens = 32768x\n", 6, "tokens is not"},
    {LEAST "[usage]\ntokens = 4294968320\n", 6, "tokens is not"},
    {LEAST "[portal]\nport = 1\n", 6, "unknown key 'port'; [portal] has listen, identity, peers"},
    {LEAST "[portal]\nport = 1\n", 6, "user, example_url"},
    {LEAST "[usage]\nmax = 1\n", 6, "unknown key 'max'; [usage] has folder, tokens"},
    {LEAST "[notify]\ncommand =\n", 6, "does not begin with an absolute path"},
    {LEAST "[notify]\ncommand = mail\n", 6, "does not begin with an absolute path"},
    {LEAST
     "[notify]\ncommand = /a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a\n",
     6, "too long"},
    {LEAST "[notify]\nstages =\n", 6, "stages is empty"},
    {LEAST "[notify]\nstages = 30d soon\n", 6, "a stage is neither expired nor a span"},
    {LEAST "[notify]\nstages = 11y\n", 6, "a stage is neither"},
    {LEAST "[notify]\nstages = 7d 168h\n", 6, "given twice"},
    {LEAST "[notify]\nstages = expired expired\n", 6, "given twice"},
    {LEAST "[notify]\nstages = 1d 2d 3d 4d 5d 6d 7d 8d 9d 10d 11d 12d 13d 14d 15d 16d 17d\n", 6,
     "more than 16"},
    {LEAST "[notify]\ntimeout = 0\n", 6, "timeout is not"},
    {LEAST "[notify]\ntimeout = 3601\n", 6, "timeout is not"},
    {LEAST "[notify]\ntimeout = 60s\n", 6, "timeout is not"},
    {LEAST "[portal]\nlisten = localhost:1\n", 6, "listen is neither"},
    {LEAST "[portal]\nlisten = 127.0.0.1:0\n", 6, "listen is neither"},
    {LEAST "[portal]\nlisten = 127.0.0.1:65536\n", 6, "listen is neither"},
    {LEAST "[portal]\nlisten = 127.0.0.1\n", 6, "listen is neither"},
    {LEAST "[portal]\nlisten = ::1:8443\n", 6, "listen is neither"},
    {LEAST "[portal]\nlisten = [::1]8443\n", 6, "listen is neither"},
    {LEAST "[portal]\nlisten = [127.0.0.1]:1\n", 6, "listen is neither"},
    {LEAST "[portal]\nlisten = portal.sock\n", 6, "listen is neither"},
    {LEAST "[portal]\n" NINE_ADDRESSES, 14, "more than 8 times"},
    {LEAST "[portal]\nidentity = links\n", 6, "identity is not"},
    {LEAST "[portal]\npeers = www-data\n", 6, "peers are"},
    {LEAST "[portal]\npeers = 1,2\n", 6, "peers are"},
    {LEAST "[portal]\npeers = 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n", 6, "peers are"},
    {LEAST "[portal]\nreveal = 1\n", 6, "reveal is neither"},
    {LEAST "[portal]\nidle = 2d\n", 6, "idle is not a span"},
    {LEAST "[portal]\nsession = never\n", 6, "session is not a span"},
    {LEAST "[portal]\npublic_url = tokens.example\n", 6, "public_url is not"},
    {LEAST "[portal]\npublic_url = https://a.example/b\n", 6, "public_url is not"},
    {LEAST "[portal]\npublic_url = https://user@a.example\n", 6, "public_url is not"},
    {LEAST "[portal]\npublic_url = https://\n", 6, "public_url is not"},
    {LEAST "[portal]\nexample_url = https://a.example/'x'\n", 6, "example_url is not"},
    {LEAST "[portal]\nuser = a b\n", 6, "user is not"},
    {LEAST "[portal]\nuser = a\nuser = b\n", 7, "set twice"},
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
    ck_assert_str_eq(config.notify.command, "");
    ck_assert_uint_eq(config.notify.timeout, 60);
    ck_assert_uint_eq(config.notify.count, 4);
    ck_assert_uint_eq(config.notify.stage[0].seconds, 30 * 86400);
    ck_assert_str_eq(config.notify.stage[3].word, "expired");
    static const char full[] = LEAST "[tokens]\ndefault_expiry = never\n"
                                     "[usage]\nfolder = /run/u\ntokens = 16777216\n"
                                     "[notify]\ncommand = /bin/x -y  z\nstages = expired\t2w\n"
                                     "timeout = 3600\n";
    ck_assert_int_eq(config_parse(&config, "x.conf", full, strlen(full), &err), 0);
    ck_assert_int_eq(config.default_expiry, 0);
    ck_assert_str_eq(config.usage, "/run/u");
    ck_assert_uint_eq(config.usage_tokens, 16777216);
    ck_assert_str_eq(config.notify.command, "/bin/x -y  z");
    ck_assert_uint_eq(config.notify.timeout, 3600);
    ck_assert_uint_eq(config.notify.count, 2);
    ck_assert_uint_eq(config.notify.stage[0].seconds, 0);
    ck_assert_uint_eq(config.notify.stage[1].seconds, 14 * 86400);
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

/* The parts of [portal] are read, and must fit each other. Hosts check each key, and do not need
   the parts to fit. */
START_TEST(portal)
{
    static const struct {
        const char *keys, *words; /* words NULL: it fits */
    } sections[] = {
        {ADDRESS
         "listen = [::1]:2\nlisten = /run/p.sock\nidentity = both\npeers = 33 1000\nreveal = no\n"
         "idle = 5m\nsession = 1h\npublic_url = HTTPS://A.example:8/\nuser = nobody\n",
         "public_url is not"},
        {ADDRESS
         "listen = [::1]:2\nlisten = /run/p.sock\nidentity = both\npeers = 33 1000\nreveal = no\n"
         "idle = 5m\nsession = 1h\npublic_url = https://A.example:8/\nuser = nobody\n"
         "example_url = https://b.example/v1\n",
         NULL},
        {"", "listen is missing"},
        {ADDRESS, "public_url is missing"},
        {ADDRESS "identity = proxy\n", "needs a proxy"},
        {ADDRESS "identity = proxy\npeers = 1\n", "peers are known at a socket"},
        {"listen = 192.0.2.1:1\npublic_url = https://a.example\n", "not loopback"},
        {ADDRESS "public_url = https://a.example\ntls_key = k\n", "tls_certificate"},
        {ADDRESS "public_url = https://a.example\nidle = 2h\nsession = 1h\n", "idle is longer"},
    };
    char text[1024];
    const char *path = in_folder(temp_folder(), "x.conf");
    struct config config;
    struct config_portal settings;
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        snprintf(text, sizeof text, LEAST "[portal]\n%s", sections[i].keys);
        file_text(path, text);
        const int code = config_load_portal(&config, &settings, path, geteuid(), &err);
        ck_assert_int_eq(code, sections[i].words == NULL ? 0 : ESPT_UNUSABLE);
        ck_assert_msg(code == 0 || strstr(err.message, sections[i].words) != NULL, "%s",
                      err.message);
        if (i > 0)
            ck_assert_int_eq(config_load(&config, path, geteuid(), &err), 0);
        if (code != 0)
            continue;
        ck_assert_uint_eq(settings.listens, 3);
        ck_assert_str_eq(settings.listen[2], "/run/p.sock");
        ck_assert(settings.link && settings.proxy && !settings.reveal);
        ck_assert(settings.peers == 2 && settings.peer[1] == 1000);
        ck_assert(settings.idle == 300 && settings.session == 3600);
        ck_assert_str_eq(settings.public_url, "https://a.example:8");
        ck_assert_str_eq(settings.example_url, "https://b.example/v1");
    }
}
END_TEST

START_TEST(others_are_not_trusted)
{
    const char *folder = temp_folder();
    const char *file = in_folder(folder, "f"), *link = in_folder(folder, "link");
    file_text(file, "x");
    ck_assert_int_eq(open_as(file, geteuid(), TRUST_PUBLIC), 0);
    refused(file, "others may read", TRUST_SECRET);
    ck_assert_int_eq(chmod(file, 0664), 0);
    refused(file, "others may write to it; run 'chmod go-w", TRUST_PUBLIC);
    ck_assert_int_eq(chmod(file, 0600), 0);
    ck_assert_int_eq(open_as(file, geteuid(), TRUST_SECRET), 0);
    ck_assert_int_eq(symlink(file, link), 0);
    ck_assert_int_eq(open_as(link, geteuid(), TRUST_SECRET), 0);
    ck_assert_int_eq(chmod(folder, 0777), 0);
    refused(file, "folder", TRUST_PUBLIC);
    ck_assert_int_eq(chmod(folder, 01777), 0);
    refused(file, "folder", TRUST_PUBLIC);
    ck_assert_int_eq(chmod(folder, 0700), 0);
    const char *sub = in_folder(folder, "sub");
    ck_assert_int_eq(mkdir(sub, 0755), 0);
    refused(sub, "not a regular file", TRUST_PUBLIC);
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

/* Runs in its own mount namespace, which only root may create. */
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
    if (!mounts_apart("overlayfs_is_refused"))
        return;
    if (mount("overlay", merged, "overlay", 0, options) != 0) {
        printf("SKIPPED overlayfs_is_refused: it needs overlayfs: %s\n", strerror(errno));
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

/* A reader that opens the file during a rename gets the old file or the new one. */
START_TEST(replaced_during_open)
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
        }
    }
    int code = 0;
    const time_t end = time(NULL) + 2; /* enough for a slow sanitizer build */
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
    tcase_add_test(tcase, portal);
    tcase_add_test(tcase, others_are_not_trusted);
    tcase_add_test(tcase, overlayfs_is_refused);
    tcase_add_test(tcase, replaced_during_open);
    tcase_add_test(tcase, sizes_are_bounded);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
