/* SPDX-License-Identifier: ISC */
/* Runs the harnesses on every seed and every found case, and on small changes of each. This needs
   no clang. */
#include "support/support.h"

#include <dirent.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int fuzz_token(const uint8_t *data, size_t size);
int fuzz_tiers(const uint8_t *data, size_t size);
int fuzz_config(const uint8_t *data, size_t size);
int fuzz_records(const uint8_t *data, size_t size);
int fuzz_reader(const uint8_t *data, size_t size);
int fuzz_when(const uint8_t *data, size_t size);
int fuzz_forms(const uint8_t *data, size_t size);
int fuzz_args(const uint8_t *data, size_t size);
int fuzz_entry(const uint8_t *data, size_t size);
int fuzz_report(const uint8_t *data, size_t size);
int fuzz_head(const uint8_t *data, size_t size);
int fuzz_feed(const uint8_t *data, size_t size);

#define PLACES 512

static const struct {
    const char *name;
    int (*run)(const uint8_t *data, size_t size);
    /* number of bytes of an input that are changed; a command line takes a thousand times longer */
    size_t places;
} harnesses[] = {
    {"token", fuzz_token, PLACES},   {"tiers", fuzz_tiers, PLACES},
    {"config", fuzz_config, PLACES}, {"records", fuzz_records, PLACES},
    {"reader", fuzz_reader, PLACES}, {"when", fuzz_when, PLACES},
    {"forms", fuzz_forms, PLACES},   {"args", fuzz_args, 8},
    {"entry", fuzz_entry, PLACES},   {"report", fuzz_report, PLACES},
    {"head", fuzz_head, PLACES},     {"feed", fuzz_feed, PLACES},
};

static unsigned runs;

/* Runs an input in memory of exactly its size, so that ASan sees a byte too far. */
static void run(int which, const char *data, size_t size)
{
    uint8_t *exact = malloc(size > 0 ? size : 1);
    ck_assert_ptr_nonnull(exact);
    if (size > 0)
        memcpy(exact, data, size);
    harnesses[which].run(exact, size);
    free(exact);
    runs++;
}

static void run_changed(int which, char *data, size_t size)
{
    static const unsigned char values[] = {0, 1, ' ', '\n', '0', '=', '[', ';', 0x7f, 0x80, 0xff};
    size_t step = size / harnesses[which].places + 1;
    for (size_t i = 0; i < size; i += step) {
        char kept = data[i];
        run(which, data, i);
        for (size_t v = 0; v < sizeof values; v++) {
            data[i] = (char)values[v];
            run(which, data, size);
        }
        data[i] = kept;
    }
}

static unsigned replay(int which, const char *kind)
{
    char folder[4096], path[4400];
    unsigned files = 0;
    snprintf(folder, sizeof folder, "%s/../../tests/fuzz/%s/%s", OUT, kind, harnesses[which].name);
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        size_t size;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        char *data = file_read(path, &size);
        ck_assert_msg(data != NULL, "%s", path);
        run(which, data, size);
        run_changed(which, data, size);
        files++;
    }
    if (dir != NULL)
        closedir(dir);
    return files;
}

START_TEST(seeds_and_found_cases)
{
    /* Hundreds of backups in one process: what liblmdb frees stays in the heap for the next one. */
    mallopt(M_MMAP_THRESHOLD, 16 << 20);
    run(_i, "", 0);
    unsigned seeds = replay(_i, "seeds"), found = replay(_i, "found");
    printf("%s: %u seeds, %u found cases, %u runs\n", harnesses[_i].name, seeds, found, runs);
    ck_assert_uint_gt(seeds, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replay");
    TCase *tcase = tcase_create("replay");
    tcase_add_loop_test(tcase, seeds_and_found_cases, 0,
                        (int)(sizeof harnesses / sizeof *harnesses));
    tcase_set_timeout(tcase, 120);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
