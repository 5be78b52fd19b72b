/* SPDX-License-Identifier: ISC */
/*
 * Many threads validate, while the process forks, files are edited, stores are replaced and tokens
 * are revoked. No valid token is ever denied. No revoked token is allowed once esp-tokenctl has
 * returned.
 */
#include "host.h"

#include <pthread.h>
#include <sys/wait.h>

#define THREADS 4
#define TOKENS 24
#define ROUNDS 24

/* The allocator of AddressSanitizer keeps the lock that another thread held at the fork. */
#ifdef __SANITIZE_ADDRESS__
#define FORKS false
#else
#define FORKS true
#endif

static struct text good, doomed[TOKENS];
static atomic_int revoked; /* number of revoked tokens in `doomed`, from the first on */
static atomic_bool stop;
static atomic_int wrong;
static atomic_long calls;

static void setup(void)
{
    char name[16];
    host_setup();
    file_text(in_folder(folder, "tiers.ini"),
              "[lite]\nrank = 10\nmax_tokens = unlimited\ndefault = yes\nmetrics = kpi.*\n");
    good = text_in(DO("entity", "add", "shop", "--kind", "customer"));
    for (int i = 0; i < TOKENS; i++) {
        snprintf(name, sizeof name, "n%d", i);
        doomed[i] = text_in(DO("create", "-q", "shop", name));
    }
}

/* Threads and forked children must not use ck_assert; they count failures. */
static int32_t ask(const struct text *text)
{
    const espt_query query = {.size = sizeof query, .token = text->bytes, .token_len = TEXT_LEN};
    espt_result result = {.size = sizeof result};
    int allowed = plugin->validate(ctx, &query, &result);
    if (allowed != (result.status == ESPT_ALLOW))
        atomic_fetch_add(&wrong, 1);
    if (allowed && plugin->allows(ctx, &result, "kpi.x", 5) != 1)
        atomic_fetch_add(&wrong, 1);
    return result.status;
}

static void *validate_all(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;
    while (!atomic_load(&stop)) {
        if (ask(&good) != ESPT_ALLOW)
            atomic_fetch_add(&wrong, 1);
        seed = seed * 1103515245 + 12345;
        int which = (int)(seed >> 16) % TOKENS;
        int before = atomic_load(&revoked); /* the tokens whose revocation has returned */
        int32_t status = ask(&doomed[which]);
        if (status == ESPT_ALLOW ? which < before : status != ESPT_DENY_INACTIVE)
            atomic_fetch_add(&wrong, 1);
        atomic_fetch_add(&calls, 1);
    }
    return NULL;
}

/* Runs in a child that was forked while other threads were at any point. Validates and reloads. */
static int child(int first)
{
    char err[512];
    atomic_store(&wrong, 0);
    for (int i = 0; i < 200; i++) {
        if (ask(&good) != ESPT_ALLOW || (first > 0 && ask(&doomed[first - 1]) == ESPT_ALLOW))
            return 1;
        if (i % 50 == 0 && plugin->refresh(ctx, err, sizeof err) != 1 &&
            strstr(err, "changed while it was read") == NULL &&
            strstr(err, "replaced meanwhile") == NULL)
            return 2;
    }
    return atomic_load(&wrong) == 0 ? 0 : 3;
}

static void edit_tiers(int round)
{
    static const char *const extra[] = {"geo.*", "asn.* geo.*"};
    char table[256];
    const char *next = in_folder(folder, "next.ini");
    snprintf(table, sizeof table,
             "[lite]\nrank = 10\nmax_tokens = unlimited\ndefault = yes\nmetrics = kpi.* %s\n",
             extra[round % 2]);
    file_text(next, table);
    ck_assert_int_eq(rename(next, in_folder(folder, "tiers.ini")), 0);
}

START_TEST(revocation_holds_during_forks_and_reloads)
{
    pthread_t threads[THREADS];
    pid_t children[ROUNDS];
    char name[16], err[512];
    if (!FORKS)
        puts("SKIPPED: no forks beside threads with AddressSanitizer");
    for (uintptr_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, validate_all, (void *)(i + 1)), 0);
    for (int round = 0; round < ROUNDS; round++) {
        edit_tiers(round);
        ck_assert_msg(plugin->refresh(ctx, err, sizeof err) == 1, "%s", err);
        snprintf(name, sizeof name, "shop/n%d", round);
        DO("edit", name, "--status", "inactive");
        atomic_store(&revoked, round + 1);
        children[round] = FORKS ? fork_child() : 0;
        if (FORKS && children[round] == 0)
            _exit(child(round + 1));
        usleep(10000);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int round = 0; FORKS && round < ROUNDS; round++) {
        int status;
        ck_assert_int_eq(waitpid(children[round], &status, 0), children[round]);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child %d: %d", round, status);
    }
    ck_assert_int_eq(atomic_load(&wrong), 0);
    ck_assert_int_gt(atomic_load(&calls), 100);
    ck_assert_int_eq(atomic_load(&warnings), 0);
}
END_TEST

static void *refresh_all(void *arg)
{
    (void)arg;
    while (!atomic_load(&stop)) {
        plugin->refresh(ctx, NULL, 0);
        if (ask(&good) != ESPT_ALLOW)
            atomic_fetch_add(&wrong, 1);
        atomic_fetch_add(&calls, 1);
    }
    return NULL;
}

/* All threads reload at once. ASan and TSan see whether a replaced object is still used. */
START_TEST(all_reload_at_once)
{
    pthread_t threads[THREADS];
    const char *next = keep_string(strdup(in_folder(folder, "next.mdb")));
    const char *store = keep_string(strdup(in_folder(folder, "tokens.mdb")));
    size_t len;
    const char *bytes = file_read(store, &len); /* no process writes, so the copy is consistent */
    for (uintptr_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(
            pthread_create(&threads[i], NULL, i % 2 == 0 ? refresh_all : validate_all, (void *)i),
            0);
    for (int round = 0; round < 100; round++) {
        edit_tiers(round);
        file_write(next, bytes, len, 0640);
        ck_assert_int_eq(rename(next, store), 0);
        usleep(5000);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(atomic_load(&wrong), 0);
    ck_assert_int_gt(atomic_load(&calls), 100);
    ck_assert_msg(plugin->refresh(ctx, NULL, 0) == 1 && ask(&good) == ESPT_ALLOW, "%s", last_log);
    free((char *)(uintptr_t)next);
    free((char *)(uintptr_t)store);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("threads");
    TCase *tcase = tcase_create("together");
    tcase_add_checked_fixture(tcase, setup, host_teardown);
    tcase_add_test(tcase, revocation_holds_during_forks_and_reloads);
    tcase_add_test(tcase, all_reload_at_once);
    tcase_set_timeout(tcase, 120);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
