/* SPDX-License-Identifier: ISC */
/* doctor: problems of other processes and of the machine: group, units, clock, disk, hosts, readers
   and locks. The test has its own mounts, so that it can change the machine's files. */
#include "support/raw_store.h"

/* clang-format off: host.h and doctor.h declare names that others use for parameters */
#include "cli/doctor.h"
/* clang-format on */

#include <dlfcn.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#define SKIP() puts("SKIPPED TEST: it needs root and mounts of its own")

/* Starts a process that runs `fn` and then waits until end() kills it. Returns once `fn` is done.
 */
static pid_t beside(void (*fn)(void))
{
    int ready[2];
    char byte;
    ck_assert_int_eq(pipe(ready), 0);
    const pid_t child = fork_child();
    if (child == 0) {
        signal(SIGTERM, SIG_DFL); /* Check's handler would end the whole test */
        fn();
        if (write(ready[1], "x", 1) == 1)
            pause();
        _exit(0);
    }
    close(ready[1]);
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return child;
}

static void end(pid_t child)
{
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
}

/* --- hosts --- */

static const char *plugin;

static void load_plugin(void)
{
    if (dlopen(plugin, RTLD_NOW) == NULL)
        _exit(1);
}

static void copy_plugin(const char *path)
{
    size_t len;
    const char *bytes = file_read(plugin_path(), &len);
    file_write(path, bytes, len, 0755);
}

START_TEST(hosts_of_an_older_validator)
{
    plugin = keep_string(strdup(in_folder(folder, "esp_validator.so")));
    copy_plugin(plugin);
    host = beside(load_plugin);
    is_good();
    const char *next = keep_string(strdup(in_folder(folder, "next.so")));
    copy_plugin(next);
    ck_assert_int_eq(rename(next, plugin), 0);
    finds("hosts", "warning", "still uses a validator that was replaced or removed");
    ck_assert_int_eq(unlink(plugin), 0);
    finds("hosts", "warning", "still uses a validator that was replaced or removed");
    end(host);
    is_good();
}
END_TEST

/* --- readers and locks --- */

static struct raw_store raw;

static void read_for_ever(void)
{
    MDB_txn *txn;
    raw_open(&raw, in_folder(folder, "tokens.mdb"), 0);
    if (mdb_txn_begin(raw.env, NULL, MDB_RDONLY, &txn) != 0)
        _exit(1);
}

START_TEST(a_reader_that_is_stuck)
{
    const pid_t reader = beside(read_for_ever);
    is_good();
    for (int i = 0; i < 12; i++)
        ck_assert_int_eq(
            CTL(config, NULL, "edit", "zed/default", "--note", i % 2 == 0 ? "a" : "b").status, 0);
    const char *remedy = finds("readers", "warning", "transactions old, so the store grows");
    must_sh(remedy);
    ck_assert_int_eq(waitpid(reader, NULL, 0), reader);
    is_good();
}
END_TEST

static void hold_lock(void)
{
    const int fd = open(in_folder(folder, "tokens.mdb.writer"), O_RDWR);
    if (fd < 0 || flock(fd, LOCK_EX) != 0)
        _exit(1);
}

START_TEST(a_stopped_writer)
{
    int status;
    const pid_t writer = beside(hold_lock);
    is_good();
    kill(writer, SIGSTOP);
    ck_assert_int_eq(waitpid(writer, &status, WUNTRACED), writer);
    const char *remedy = finds("readers", "error", "is stopped and holds this lock");
    must_sh(remedy);
    is_good();
    end(writer);
}
END_TEST

/* --- group --- */

START_TEST(the_group_of_hosts)
{
    char command[4096];
    if (geteuid() != 0 || !own_etc("group")) {
        SKIP();
        return;
    }
    must_sh("sed -i /^esp-token:/d /etc/group");
    ck_assert_str_eq(finds("group", "warning", "there is no group"), "groupadd --system esp-token");
    mend();
    /* the store belongs to a group that hosts are not in */
    snprintf(command, sizeof command, "chgrp root %s/tokens.mdb && chmod 0640 %s/tokens.mdb",
             folder, folder);
    must_sh(command);
    ck_assert_ptr_nonnull(strstr(finds("files", "warning", "may not read it"), "chgrp esp-token "));
    mend();
    snprintf(command, sizeof command, "chmod 0600 %s/tokens.mdb", folder);
    must_sh(command);
    finds("files", "warning", "may not read it");
    mend();
    chmod(folder, 0700);
    finds("files", "warning", "may not enter it");
    mend();
    snprintf(command, sizeof command, "chgrp root %s/usage && chmod 1770 %s/usage", folder, folder);
    must_sh(command);
    finds("usage", "warning", "may not make files in it");
    mend();
}
END_TEST

/* --- units, clock, two configurations --- */

/* Installs a fake systemctl and a fake timedatectl, whose answers are in files. */
static void fake_system(void)
{
    static const char systemctl[] =
        "#!/bin/sh\n"
        "for last in \"$@\"; do :; done\n"
        "case $1 in\n"
        "show) cat HERE/$last 2>/dev/null || cat HERE/unit ;;\n"
        "enable) printf 'LoadState=loaded\\nActiveState=active\\nUnitFileState=enabled\\n' "
        ">HERE/$last ;;\n"
        "start) sed -i s/ActiveState=inactive/ActiveState=active/ HERE/$last ;;\n"
        "daemon-reload) rm HERE/*.timer ;;\n"
        "esac\n";
    static const char timedatectl[] = "#!/bin/sh\n"
                                      "case $1 in\n"
                                      "show) cat HERE/ntp ;;\n"
                                      "set-ntp) echo NTPSynchronized=yes >HERE/ntp ;;\n"
                                      "esac\n";
    const char *fakes = keep_string(strdup(in_folder(temp_folder(), "fakes")));
    ck_assert_int_eq(mkdir(fakes, 0755), 0);
    ck_assert_int_eq(mount("none", "/run", "tmpfs", 0, NULL), 0);
    must_sh("mkdir -p /run/systemd/system /etc/esp-token");
    file_write(in_folder(fakes, "systemctl"), systemctl, sizeof systemctl - 1, 0755);
    file_write(in_folder(fakes, "timedatectl"), timedatectl, sizeof timedatectl - 1, 0755);
    ck_assert_int_eq(mount(fakes, "/usr/local/sbin", NULL, MS_BIND, NULL), 0);
    must_sh(
        "sed -i s,HERE,/usr/local/sbin,g /usr/local/sbin/systemctl /usr/local/sbin/timedatectl");
    file_text("/usr/local/sbin/unit",
              "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\n");
    file_text("/usr/local/sbin/ntp", "NTPSynchronized=yes\n");
}

/* The installed configuration, in this test's own /etc. */
static void install(const char *more)
{
    char *text;
    ck_assert_int_ge(asprintf(&text,
                              "[store]\npath = %s/tokens.mdb\n[tiers]\npath = %s/tiers.ini\n"
                              "[reveal]\npublic_key = %s/reveal.pub\nsecret_key = %s/reveal.key\n"
                              "[usage]\nfolder = %s/usage\n%s",
                              folder, folder, folder, folder, folder, more),
                     0);
    file_text("/etc/esp-token/esp-token.conf", text);
    free(text);
    config = NULL;
}

static bool own_system(const char *test)
{
    if (geteuid() != 0 || !own_etc(test)) {
        SKIP();
        return false;
    }
    fake_system();
    return true;
}

START_TEST(units)
{
    if (!own_system("units"))
        return;
    install("");
    is_good();
    ck_assert(looked("looked_at", "units", "esp-token-usage.timer"));
    ck_assert(looked("looked_at", "clock", "synchronized"));
    static const char timer[] = "/usr/local/sbin/esp-token-usage.timer";
    file_text(timer, "LoadState=loaded\nActiveState=inactive\nUnitFileState=disabled\n");
    finds("units", "warning", "esp-token-usage.timer: it is not enabled");
    mend();
    file_text(timer, "LoadState=loaded\nActiveState=inactive\nUnitFileState=enabled\n");
    finds("units", "warning", "esp-token-usage.timer: it is not active");
    mend();
    file_text(timer, "LoadState=not-found\nActiveState=inactive\nUnitFileState=\n");
    finds("units", "warning", "esp-token-usage.timer: it is not installed");
    mend();
    file_text("/usr/local/sbin/esp-token-usage.service",
              "LoadState=loaded\nActiveState=failed\nUnitFileState=static\n");
    ck_assert_str_eq(finds("units", "error", "esp-token-usage.service: its last run failed"),
                     "journalctl --unit=esp-token-usage.service");
    unlink("/usr/local/sbin/esp-token-usage.service");
    /* the timer of notices matters once a program is named */
    file_text("/usr/local/sbin/esp-token-notify.timer",
              "LoadState=loaded\nActiveState=inactive\nUnitFileState=disabled\n");
    is_good();
    install("[notify]\ncommand = /bin/true\n");
    finds("units", "warning", "esp-token-notify.timer: it is not enabled");
    mend();
}
END_TEST

/* The service of a portal, or the socket that starts it. */
START_TEST(the_units_of_a_portal)
{
    if (!own_system("units of a portal"))
        return;
    static const char service[] = "/usr/local/sbin/esp-token-portal.service",
                      starter[] = "/usr/local/sbin/esp-token-portal.socket",
                      off[] = "LoadState=loaded\nActiveState=inactive\nUnitFileState=disabled\n";
    file_text(service, off);
    file_text(starter, off);
    install("");
    is_good();
    install("[portal]\nlisten = 127.0.0.1:1\npublic_url = http://localhost:1\nuser = nobody\n");
    ck_assert_str_eq(finds("units", "warning", "esp-token-portal.service: it is not enabled"),
                     "systemctl enable --now esp-token-portal.service");
    ck_assert_str_eq(finds("portal", "warning", "no portal listens on 127.0.0.1:1"),
                     "systemctl start esp-token-portal.service");
    file_text(starter, "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\n");
    ck_assert(looked("looked_at", "units", "esp-token-portal.socket"));
    ck_assert(!looked("looked_at", "units", "esp-token-portal.service"));
    /* systemd listens in its place */
    const struct sockaddr_un address = {.sun_family = AF_UNIX,
                                        .sun_path = "/run/esp-token-portal.sock"};
    const int passed = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(passed, (const struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(passed, 8), 0);
    is_good();
    ck_assert(looked("looked_at", "portal", "is not used: systemd listens on"));
    close(passed);
}
END_TEST

START_TEST(the_clock)
{
    char line[256];
    if (own_system("clock")) {
        file_text("/usr/local/sbin/ntp", "NTPSynchronized=no\n");
        finds("clock", "warning", "not synchronized");
        mend();
    }
    /* 2100-01-01, in the upper 42 bits of an id */
    snprintf(
        line, sizeof line,
        "{\"export\":\"esp-token\",\"version\":1,\"sealed\":false}\n"
        "{\"token\":{\"id\":\"CcDbrO9YRHs\",\"entity\":\"acme\",\"name\":\"later\",\"expires\":"
        "null,\"sha256\":\"%064d\"}}\n",
        7);
    const struct run run = CTL(config, line, "import", "-");
    ck_assert_msg(run.status == 0, "%s", run.err);
    finds("clock", "error", "the clock is behind the newest token");
}
END_TEST

START_TEST(two_configurations)
{
    const char *other = keep_string(strdup(config));
    if (!own_system("two configurations"))
        return;
    install("");
    is_good();
    setenv("ESP_TOKEN_CONFIG", other, 1);
    ck_assert_str_eq(finds("config", "warning", "exists too"), "unset ESP_TOKEN_CONFIG");
    unsetenv("ESP_TOKEN_CONFIG");
    is_good();
}
END_TEST

/* --- space --- */

START_TEST(a_full_disk)
{
    static const char *const options[] = {"size=48m", "nr_inodes=120"};
    static const char *const words[] = {"MiB are free on its file system; free some space",
                                        "its file system has room for"};
    const char *disk = keep_string(strdup(in_folder(folder, "disk")));
    if (!apart) {
        SKIP();
        return;
    }
    ck_assert_int_eq(mkdir(disk, 0755), 0);
    ck_assert_int_eq(mount("none", disk, "tmpfs", 0, options[_i]), 0);
    ck_assert_int_eq(chmod(disk, 0755), 0);
    ck_assert_int_eq(CTL(NULL, NULL, "init", in_folder(disk, "s")).status, 0);
    config = keep_string(strdup(in_folder(disk, "s/esp-token.conf")));
    if (_i == 0) {
        is_good();
        char *filler = calloc(1, 41 << 20);
        file_write(in_folder(disk, "filler"), filler, 41 << 20, 0600);
        free(filler);
        finds("space", "error", words[0]);
        unlink(in_folder(disk, "filler"));
        is_good();
    } else {
        char name[32];
        for (int i = 0; i < 60; i++) {
            snprintf(name, sizeof name, "f%d", i);
            file_write(in_folder(disk, name), "", 0, 0600);
        }
        finds("space", "warning", words[1]);
    }
}
END_TEST

/* --- another user --- */

/* Nothing is reported as good, or as wrong, that this user cannot see. */
START_TEST(as_a_user)
{
    int status;
    const char *out = keep_string(strdup(in_folder(folder, "out")));
    if (!apart) {
        SKIP();
        return;
    }
    file_write(out, "", 0, 0666);
    chmod(out, 0666);
    const pid_t child = fork_child();
    if (child == 0) {
        dup2(open(out, O_WRONLY), STDOUT_FILENO);
        if (setgid(65534) == 0 && setuid(65534) == 0)
            execl(ctl_path(), ctl_path(), "-c", config, "doctor", NULL);
        _exit(126);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    const char *text = file_read(out, NULL);
    ck_assert_msg(strstr(text, "error") == NULL || strstr(text, "0 errors") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "skipped  store    ") != NULL &&
                      strstr(text, "skipped  key      ") != NULL &&
                      strstr(text, "this user may not see; run as root") != NULL,
                  "%s", text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("doctor and the system");
    TCase *tcase = tcase_create("doctor");
    tcase_add_checked_fixture(tcase, doctor_setup, NULL);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, hosts_of_an_older_validator);
    tcase_add_test(tcase, a_reader_that_is_stuck);
    tcase_add_test(tcase, a_stopped_writer);
    tcase_add_test(tcase, the_group_of_hosts);
    tcase_add_test(tcase, units);
    tcase_add_test(tcase, the_units_of_a_portal);
    tcase_add_test(tcase, the_clock);
    tcase_add_test(tcase, two_configurations);
    tcase_add_loop_test(tcase, a_full_disk, 0, 2);
    tcase_add_test(tcase, as_a_user);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
