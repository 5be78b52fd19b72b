/* SPDX-License-Identifier: ISC */
/* Many contexts in one process, on one store and on several; and 200 threads at once. */
#include "torture/world.h"

#include <pthread.h>

#define STORES 3
/* a sanitizer leaves address space for fewer mappings of 16 GiB */
#define CONTEXTS (SANITIZED ? 30 : 120)
#define CONTEXTS_MAX 120
#define OWNERS (SANITIZED ? 10 : 1) /* one thread in this many has its own context */
#define THREADS 200
#define ROUNDS 40

static struct {
    const char *folder, *config;
    struct text text;
} stores[STORES];
static espt_ctx *contexts[CONTEXTS_MAX]; /* alternating between the stores */

static void setup(void)
{
    for (int i = 0; i < STORES; i++) {
        config = NULL;
        world_open();
        stores[i].text = world_add("shop", KIND_CUSTOMER, NULL, NULL);
        stores[i].folder = folder;
        stores[i].config = config;
        world_close();
    }
    tier_table_free(world_tiers);
    host_load();
}

static int32_t ask(espt_ctx *of, const struct text *text)
{
    const espt_query query = {.size = sizeof query, .token = text->bytes, .token_len = TEXT_LEN};
    espt_result result = {.size = sizeof result};
    if (plugin->validate(of, &query, &result) == 1 && plugin->allows(of, &result, "kpi.x", 5) != 1)
        return ESPT_UNSET;
    return result.status;
}

static void open_nth(int i)
{
    ck_assert_int_eq(plugin->open(&contexts[i], stores[i % STORES].config, NULL, NULL, NULL, 0), 1);
}

START_TEST(each_context_answers_from_its_own_store)
{
    for (int i = 0; i < CONTEXTS; i++)
        open_nth(i);
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < CONTEXTS; i++) {
            for (int s = 0; s < STORES; s++)
                ck_assert_int_eq(ask(contexts[i], &stores[s].text),
                                 s == i % STORES ? ESPT_ALLOW : ESPT_DENY_UNKNOWN);
        }
        for (int i = round % 2; i < CONTEXTS; i += 2) { /* close some contexts, keep the others */
            plugin->close(contexts[i]);
            open_nth(i);
        }
    }
    for (int i = CONTEXTS - 1; i >= 0; i--)
        plugin->close(contexts[i]);
}
END_TEST

static atomic_bool stop, revoked;
static atomic_int wrong;
static atomic_long calls;
static pthread_barrier_t together;

/* Uses the shared contexts and the thread's own. */
static void *live(void *arg)
{
    const int self = (int)(intptr_t)arg;
    espt_ctx *own = contexts[self % STORES];
    pthread_barrier_wait(&together);
    if (self % OWNERS == 0 &&
        plugin->open(&own, stores[self % STORES].config, NULL, NULL, NULL, 0) != 1) {
        atomic_fetch_add(&wrong, 1);
        return NULL;
    }
    for (int n = self; !atomic_load(&stop); n++) {
        const int which = n % CONTEXTS, store = which % STORES;
        const bool late = atomic_load(&revoked);
        int32_t status = ask(contexts[which], &stores[store].text);
        if (store == 0 ? late && status != ESPT_DENY_INACTIVE : status != ESPT_ALLOW)
            atomic_fetch_add(&wrong, 1);
        if (ask(own, &stores[(self + 1) % STORES].text) != ESPT_DENY_UNKNOWN)
            atomic_fetch_add(&wrong, 1);
        if (n % 64 == 0 && plugin->refresh(contexts[which], NULL, 0) != 1)
            atomic_fetch_add(&wrong, 1);
        atomic_fetch_add(&calls, 2);
    }
    if (self % OWNERS == 0)
        plugin->close(own);
    return NULL;
}

START_TEST(two_hundred_threads_at_once)
{
    pthread_t threads[THREADS];
    char next[512], path[512];
    for (int i = 0; i < CONTEXTS; i++)
        open_nth(i);
    ck_assert_int_eq(pthread_barrier_init(&together, NULL, THREADS), 0);
    for (intptr_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, live, (void *)i), 0);
    for (int round = 0; round < ROUNDS; round++) { /* tables change while the threads validate */
        const char *where = stores[round % STORES].folder;
        snprintf(next, sizeof next, "%s/next.ini", where);
        snprintf(path, sizeof path, "%s/tiers.ini", where);
        file_text(next, world_table);
        ck_assert_int_eq(rename(next, path), 0);
        usleep(20000);
        if (round == ROUNDS / 2) {
            config = stores[0].config;
            DO("edit", "shop/default", "--status", "inactive");
            atomic_store(&revoked, true);
        }
    }
    atomic_store(&stop, true);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < CONTEXTS; i++)
        plugin->close(contexts[i]);
    printf("%ld validations by %d threads\n", atomic_load(&calls), THREADS);
    ck_assert_int_eq(atomic_load(&wrong), 0);
    ck_assert_int_gt(atomic_load(&calls), THREADS * 10);
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("contexts");
    TCase *tcase = tcase_create("contexts");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, each_context_answers_from_its_own_store);
    tcase_add_test(tcase, two_hundred_threads_at_once);
    tcase_set_timeout(tcase, 120);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
