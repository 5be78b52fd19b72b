/* SPDX-License-Identifier: ISC */
/* Which symbols the plugin exports and imports, and that its header stands alone. */
#include "host.h"

/* Built with a sanitizer or with coverage counters, which link more than libc. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__ || defined ESPT_COVERAGE
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#define RUN(...) run_ok((const char *const[]){__VA_ARGS__, NULL})
static const char *run_ok(const char *const *argv)
{
    struct run run = run_process(argv, NULL);
    ck_assert_msg(run.status == 0, "%s: %s%s", argv[0], run.out, run.err);
    return run.out;
}

static size_t count(const char *text, const char *word)
{
    size_t found = 0;
    for (; (text = strstr(text, word)) != NULL; text += strlen(word))
        found++;
    return found;
}

START_TEST(exports_one_symbol)
{
    const char *out = RUN("nm", "-D", "--defined-only", "--format=posix", plugin_path());
    ck_assert_msg(strncmp(out, "espt_validator_get T ", 21) == 0 && count(out, "\n") == 1, "%s",
                  out);
}
END_TEST

START_TEST(needs_only_libc)
{
    const char *out = RUN("readelf", "-dW", plugin_path());
    ck_assert_msg(strstr(out, "NODELETE") != NULL, "%s", out);
    if (SANITIZED) {
        puts("SKIPPED: a sanitizer or counters add their own library and constructors");
        return;
    }
    /* on arm64 libc's loader has the canary of the stack protector */
    ck_assert_msg(count(out, "(NEEDED)") == 1 + count(out, "[ld-linux-aarch64.so.1]") &&
                      strstr(out, "[libc.so.6]") != NULL,
                  "%s", out);
    ck_assert_ptr_nonnull(strstr(out, "BIND_NOW"));
    /* only the compiler's frame_dummy: the plugin has no constructors or destructors */
    ck_assert_msg(strstr(out, "(INIT_ARRAYSZ)       8 ") != NULL, "%s", out);
    ck_assert_msg(strstr(out, "(FINI_ARRAYSZ)       8 ") != NULL, "%s", out);
    ck_assert_ptr_null(strstr(RUN("readelf", "-lW", plugin_path()), "TLS"));
}
END_TEST

/* The plugin does not import libc functions that change the process or read its environment. */
START_TEST(imports_nothing_that_depends_on_the_process)
{
    static const char *const names[] = {
        "getenv", "secure_getenv", "setlocale", "pthread_create", "sigaction", "signal", "fork",
        "execve", "prctl", "umask", "atexit", "__cxa_atexit", "exit", "_exit", "syslog", "printf",
        "puts", "setrlimit",
        /* functions whose result depends on the environment or the locale */
        "strerror", "strerror_r", "__xpg_strerror_r", "strerror_l", "strsignal", "perror",
        "gettext", "dgettext", "dcgettext", "dcngettext", "bindtextdomain", "uselocale",
        "newlocale", "nl_langinfo", "localeconv", "localtime", "localtime_r", "mktime", "tzset",
        "strftime", "tmpfile", "tempnam", "mkstemp", "getopt", "wordexp", "glob", "qsort",
        "getpwuid", "getpwnam_r", "getgrnam", "environ", "__environ", "realpath", "system",
        "popen"};
    if (SANITIZED) {
        puts("SKIPPED: a sanitizer or counters ask for some of them");
        return;
    }
    const char *out = RUN("nm", "-D", "--undefined-only", "--format=posix", plugin_path());
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char line[64];
        snprintf(line, sizeof line, "\n%s@", names[i]);
        ck_assert_msg(strstr(out, line) == NULL, "%s is linked", names[i]);
    }
}
END_TEST

/* The sources' folder, found from the plugin in build/VARIANT. */
static const char *header_path(void)
{
    static char path[4096];
    const char *so = plugin_path();
    snprintf(path, sizeof path, "%.*s/../../include/espt/validator.h", (int)(strrchr(so, '/') - so),
             so);
    return path;
}

START_TEST(header_stands_alone)
{
    static const char *const language[][3] = {
        {"cc", "-xc", "-std=c99"},      {"cc", "-xc", "-std=c11"},      {"cc", "-xc", "-std=c17"},
        {"c++", "-xc++", "-std=c++11"}, {"c++", "-xc++", "-std=c++20"},
    };
    const char *header = header_path();
    for (size_t i = 0; i < sizeof language / sizeof *language; i++)
        RUN(language[i][0], language[i][1], language[i][2], "-Wall", "-Wextra", "-pedantic",
            "-Werror", "-fsyntax-only", header);
    const char *text = file_read(header, NULL);
    ck_assert_ptr_nonnull(text);
    ck_assert_uint_eq(count(text, "#include"), 2);
    ck_assert_ptr_nonnull(strstr(text, "#include <stddef.h>"));
    ck_assert_ptr_nonnull(strstr(text, "#include <stdint.h>"));
}
END_TEST

START_TEST(table_is_what_the_header_says)
{
    host_load();
    const espt_validator *(*get)(uint32_t);
    *(void **)&get = dlsym(dlopen(plugin_path(), RTLD_NOW), "espt_validator_get");
    ck_assert_uint_eq(plugin->abi, ESPT_ABI);
    ck_assert_uint_eq(plugin->size, sizeof *plugin);
    ck_assert(plugin->version != NULL && plugin->version[0] != '\0');
    ck_assert_ptr_eq(get(ESPT_ABI + 7), plugin); /* another minor */
    ck_assert_ptr_null(get(0x00020000u));
    ck_assert_ptr_null(get(0x0000ffffu));
    ck_assert_ptr_null(get(0));
}
END_TEST

START_TEST(sizes_stay)
{
    ck_assert_uint_eq(sizeof(espt_query), 64);
    ck_assert_uint_eq(offsetof(espt_query, now), 56);
    ck_assert_uint_eq(sizeof(espt_result), 432);
    ck_assert_uint_eq(offsetof(espt_result, status), 4);
    ck_assert_uint_eq(offsetof(espt_result, token_id), 32);
    ck_assert_uint_eq(offsetof(espt_result, detail), 272);
    ck_assert_int_eq(ESPT_DENY_METRIC, 23);
    ck_assert_int_eq(ESPT_ERR_USAGE, 66);
}
END_TEST

START_TEST(reasons)
{
    static const struct {
        int32_t status;
        const char *word;
    } cases[] = {
        {ESPT_ALLOW, "allow"},          {ESPT_DENY_MALFORMED, "malformed"},
        {ESPT_DENY_UNKNOWN, "unknown"}, {ESPT_DENY_INACTIVE, "inactive"},
        {ESPT_DENY_EXPIRED, "expired"}, {ESPT_DENY_SUSPENDED, "suspended"},
        {ESPT_DENY_TIER, "tier"},       {ESPT_DENY_ENTITY, "entity"},
        {ESPT_DENY_METRIC, "metric"},   {ESPT_ERR_UNAVAILABLE, "unavailable"},
        {ESPT_ERR_CORRUPT, "corrupt"},  {ESPT_ERR_USAGE, "usage"},
        {ESPT_UNSET, "unset"},          {INT32_MIN, "unset"},
        {INT32_MAX, "unset"},
    };
    host_load();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_str_eq(plugin->reason(cases[i].status), cases[i].word);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("symbols");
    TCase *tcase = tcase_create("abi");
    tcase_add_test(tcase, exports_one_symbol);
    tcase_add_test(tcase, needs_only_libc);
    tcase_add_test(tcase, imports_nothing_that_depends_on_the_process);
    tcase_add_test(tcase, header_stands_alone);
    tcase_add_test(tcase, table_is_what_the_header_says);
    tcase_add_test(tcase, sizes_stay);
    tcase_add_test(tcase, reasons);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
