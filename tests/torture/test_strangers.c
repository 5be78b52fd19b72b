/* SPDX-License-Identifier: ISC */
/* The host's own libraries define the names that the plugin uses: no call of the plugin reaches
   them. */
#include "common/crc32.h"
#include "common/token.h"
#include "torture/world.h"

static struct text good;

static const char *tool(const char *name)
{
    static char paths[4][4096];
    static size_t next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/tests/torture/%s", OUT, name);
    return path;
}

static void setup(void)
{
    world_open();
    good = world_add("shop", KIND_CUSTOMER, NULL, NULL);
    world_close();
    tier_table_free(world_tiers);
}

/* The token with another secret; its form is valid. */
static struct text another_secret(void)
{
    struct text text = good;
    text.bytes[20] = text.bytes[20] == 'a' ? 'b' : 'a';
    base62_encode(crc32(0, text.bytes, TOKEN_CHECKED_LEN), text.bytes + TOKEN_CHECKED_LEN,
                  TOKEN_CHECKSUM_LEN);
    return text;
}

static void must_say(const struct text *text, const char *word, const char *preload,
                     const char *library)
{
    char input[64], setting[4200];
    snprintf(input, sizeof input, "%s\n", text->bytes);
    snprintf(setting, sizeof setting, "LD_PRELOAD=%s", preload != NULL ? preload : "");
    struct run run = run_process((const char *const[]){"env", setting, tool("plain_host"),
                                                       plugin_path(), config, library, NULL},
                                 input);
    ck_assert_msg(run.status == 0, "%s %s: status %d: %s", setting, library, run.status, run.err);
    char line[64];
    snprintf(line, sizeof line, "%s\n", word);
    ck_assert_str_eq(run.out, line);
}

START_TEST(the_hosts_libraries_are_not_reached)
{
    static const char *const fakes[] = {"fake_abort.so", "fake_lie.so"};
    const struct text bad = another_secret();
    for (size_t i = 0; i < 2; i++) {
        const char *fake = tool(fakes[i]);
        void *library = dlopen(fake, RTLD_NOW | RTLD_LOCAL);
        ck_assert_msg(library != NULL, "%s", dlerror());
        static const char *const names[] = {"crypto_hash_sha256", "sodium_memcmp", "sodium_memzero",
                                            "ini_parse_stream",   "reader_open",   "verdict_of"};
        for (size_t n = 0; n < sizeof names / sizeof *names; n++)
            ck_assert_msg(dlsym(library, names[n]) != NULL, "%s has no %s", fake, names[n]);
        must_say(&good, "allow", NULL, fake);
        must_say(&bad, "unknown", NULL, fake);
        if (SANITIZED) {
            puts("SKIPPED: a sanitizer must be loaded before all else");
            continue;
        }
        must_say(&good, "allow", fake, NULL);
        must_say(&bad, "unknown", fake, NULL);
    }
}
END_TEST

/* The plugin answers correctly beside the real libraries, in the version that the machine has. */
START_TEST(beside_the_real_libraries)
{
    must_say(&good, "allow", NULL, "libsodium.so.23");
    must_say(&good, "allow", NULL, "libinih.so.1");
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("strangers");
    TCase *tcase = tcase_create("strangers");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, the_hosts_libraries_are_not_reached);
    tcase_add_test(tcase, beside_the_real_libraries);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
