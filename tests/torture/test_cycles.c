/* SPDX-License-Identifier: ISC */
/*
 * A host that loads the plugin for each login and unloads it after, as PAM does, any number of
 * times; and a host whose threads end after the plugin was closed and unloaded.
 *
 * ESPT_TORTURE_ROUNDS=1000 makes 10,000 cycles.
 */
#include "abi/host.h"
#include "torture/world.h"

#include <dirent.h>
#include <malloc.h>
#include <pthread.h>

#define BRIEF 60
#define WARM 100     /* cycles until libc has allocated what it keeps */
#define RARE 7       /* the rarest kind of cycle is one in this many */
#define CHUNK_MIN 32 /* the smallest that malloc() allocates */

static struct text good;

/* What a leak would increase. */
struct footprint {
    size_t files, maps, heap, resident;
    pthread_key_t key; /* the next free descriptor */
};

static struct footprint measure(void)
{
    struct footprint now = {0};
    char line[512];
    DIR *dir = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(dir);
    while (readdir(dir) != NULL)
        now.files++;
    closedir(dir);
    FILE *maps = fopen("/proc/self/maps", "re");
    ck_assert_ptr_nonnull(maps);
    while (fgets(line, sizeof line, maps) != NULL)
        now.maps++;
    fclose(maps);
    FILE *statm = fopen("/proc/self/statm", "re");
    ck_assert(statm != NULL && fscanf(statm, "%*u %zu", &now.resident) == 1);
    fclose(statm);
    now.heap = mallinfo2().uordblks;
    ck_assert_int_eq(pthread_key_create(&now.key, NULL), 0);
    ck_assert_int_eq(pthread_key_delete(now.key), 0);
    return now;
}

static void cycle(unsigned n)
{
    void *library = dlopen(plugin_path(), RTLD_NOW | RTLD_LOCAL);
    ck_assert_msg(library != NULL, "%s", dlerror());
    const espt_validator *(*get)(uint32_t);
    *(void **)&get = dlsym(library, "espt_validator_get");
    plugin = get(ESPT_ABI);
    host_open();
    espt_result result;
    ck_assert_int_eq(validate_now(&good, "kpi.x", NULL, 0, &result), ESPT_ALLOW);
    ck_assert_int_eq(plugin->allows(ctx, &result, "asn.x", 5), 0);
    if (n % RARE == 0)
        ck_assert_int_eq(plugin->refresh(ctx, NULL, 0), 1);
    if (n % 5 == 0) { /* and an open that fails half-way */
        espt_ctx *none;
        file_text(in_folder(folder, "bad.conf"),
                  "[store]\npath = tiers.ini\n[tiers]\npath = tiers.ini\n");
        ck_assert_int_eq(plugin->open(&none, in_folder(folder, "bad.conf"), NULL, NULL, NULL, 0),
                         0);
    }
    host_teardown();
    ck_assert_int_eq(dlclose(library), 0);
}

START_TEST(nothing_grows)
{
    const unsigned cycles = rounds(BRIEF) * 10;
    world_open();
    good = world_add("shop", KIND_CUSTOMER, NULL, NULL);
    world_close();
    for (unsigned n = 0; n < WARM; n++)
        cycle(n);
    struct footprint before = measure();
    for (unsigned n = 0; n < cycles; n++)
        cycle(n);
    struct footprint after = measure();
    printf("%u cycles: %zu files, %zu maps, %zu bytes of heap, %zu pages, next key %u\n", cycles,
           after.files, after.maps, after.heap, after.resident, after.key);
    ck_assert_uint_eq(after.files, before.files);
    ck_assert_uint_eq(after.key, before.key);
    if (SANITIZED) {
        puts("SKIPPED: a sanitizer's own memory grows");
        return;
    }
    ck_assert_uint_eq(after.maps, before.maps);
    /* libc counts the chunks in its per-thread cache as in use, and what runs once a second shifts
       them by a few. The smallest leak in the rarest kind of cycle grows to twice this. */
    ck_assert_uint_lt(after.heap, before.heap + cycles / RARE / 2 * CHUNK_MIN);
    ck_assert_uint_le(after.resident, before.resident + 256);
}
END_TEST

static pthread_barrier_t asked, unloaded;

static void *ask_then_end(void *arg)
{
    (void)arg;
    intptr_t status = verdict(&good);
    pthread_barrier_wait(&asked);
    pthread_barrier_wait(&unloaded);
    return (void *)status;
}

START_TEST(a_thread_ends_after_dlclose)
{
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    world_open();
    good = world_add("shop", KIND_CUSTOMER, NULL, NULL);
    world_close();
    for (int n = 0; n < 20; n++) {
        void *library = dlopen(plugin_path(), RTLD_NOW | RTLD_LOCAL);
        host_load();
        host_open();
        pthread_barrier_init(&asked, NULL, THREADS + 1);
        pthread_barrier_init(&unloaded, NULL, THREADS + 1);
        for (int i = 0; i < THREADS; i++)
            ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_then_end, NULL), 0);
        pthread_barrier_wait(&asked);
        host_teardown();
        ck_assert(dlclose(library) == 0 &&
                  dlclose(library) == 0); /* also host_load()'s reference */
        pthread_barrier_wait(&unloaded);
        for (int i = 0; i < THREADS; i++) {
            void *status;
            ck_assert_int_eq(pthread_join(threads[i], &status), 0);
            ck_assert_int_eq((intptr_t)status, ESPT_ALLOW);
        }
        pthread_barrier_destroy(&asked);
        pthread_barrier_destroy(&unloaded);
    }
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("cycles");
    TCase *tcase = tcase_create("cycles");
    tcase_add_test(tcase, nothing_grows);
    tcase_add_test(tcase, a_thread_ends_after_dlclose);
    tcase_set_timeout(tcase, 0);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
