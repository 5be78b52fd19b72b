/*
 * Readers beside a writer that commits, nests, aborts, drops, spills, meets a full disk and is
 * killed. What each key holds is a function of the key and the transaction's id, so that every
 * answer is compared with the exact state of its snapshot. Readers wait at random between any two
 * steps; and the writer waits where a disk would make it, between its pages and its meta page.
 *
 * The control shows that harm would be seen: with the reader's bound loosened by one, it is.
 *
 * ESPT_TORTURE_SECONDS=60 or more makes transactions that spill, too: 600 MB of disk are needed.
 */
#include "stress/reader_copy.h"
#include "stress/writer.h"
#include "support/raw_store.h"
#include "support/support.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 4
#define PROCESSES 2
#define SHORT_SECONDS 6
#define CONTROL_SECONDS 60
#define PATIENCE_MS 120000

/* --- readers --- */

struct visitor {
    const struct reader_copy *copy;
    struct reader *reader;
    uint64_t seed;
};

static void look_once(const struct visitor *visitor)
{
    enum table table = used[draw(USED)];
    uint32_t n = draw(KEYS);
    struct record_key key = nth_key(table, n);
    uint8_t value[RECORD_MAX], right[RECORD_MAX];
    size_t len = 0, right_len = 0;
    struct snapshot snapshot;
    struct place place = {0};
    uint64_t id;
    patient = draw(64) == 0;
    enum reader_status status = visitor->copy->begin(&snapshot, visitor->reader);
    if (status == READER_OK) {
        place = visitor->copy->seek(&snapshot, table, &key);
        atomic_fetch_add(&shared->met, place.node != 0);
        status = visitor->copy->take(&snapshot, table, &key, &place, value, &len);
        if (visitor->copy->end(&snapshot) != READER_OK)
            status = READER_AGAIN;
        else if (status == READER_OK && (table == TABLE_AUTH || table == TABLE_RESELLERS) &&
                 draw(4) == 0) {
            memcpy(&id, key.bytes, sizeof id);
            visitor->copy->remember(visitor->reader, snapshot.state.nonce, table, id, &place);
        }
    } else if (status == READER_CORRUPT) {
        status = READER_AGAIN; /* a meta page in the writing */
    }
    atomic_fetch_add(&shared->looks, 1);
    if (status == READER_AGAIN) {
        atomic_fetch_add(&shared->agains, 1);
        return;
    }
    bool there = expected(table, n, snapshot.transaction, right, &right_len);
    if (status == READER_NONE)
        atomic_fetch_add(&shared->missing, there);
    else if (status != READER_OK)
        atomic_fetch_add(&shared->corrupt, 1);
    else if (!there || len != right_len || memcmp(value, right, len) != 0 ||
             snapshot.state.revision != snapshot.transaction)
        atomic_fetch_add(&shared->wrong, 1);
}

static void *run_reader(void *arg)
{
    const struct visitor *visitor = arg;
    chance = visitor->seed;
    while (!atomic_load(&shared->stop))
        look_once(visitor);
    return NULL;
}

/* In a process of its own: on its parent's mapping, or on its own. */
static pid_t start_process(struct visitor visitor, bool own_mapping)
{
    pid_t child = fork();
    if (child != 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct reader reader;
    struct espt_error err;
    if (own_mapping) {
        if (raw_reader(&reader, path, &err) != 0)
            abort();
        visitor.reader = &reader;
    }
    run_reader(&visitor);
    _exit(0);
}

static unsigned long failures(void)
{
    return atomic_load(&shared->missing) + atomic_load(&shared->wrong) +
           atomic_load(&shared->corrupt);
}

static void end_well(pid_t child)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* However slow the machine is just now. */
static bool busy_enough(void)
{
    return atomic_load(&shared->commits) > 100 && atomic_load(&shared->failures) > 10;
}

static void torture(const struct reader_copy *copy, int64_t seconds, bool until_failure)
{
    path = in_folder(temp_folder(), "store");
    struct raw_store store;
    raw_open(&store, path, MDB_NOSYNC);
    raw_close(&store);
    pid_t writers = fork();
    if (writers == 0)
        run_writers();

    struct reader reader;
    struct espt_error err;
    ck_assert_msg(raw_reader(&reader, path, &err) == 0, "%s", err.message);
    pid_t processes[PROCESSES];
    pthread_t threads[THREADS];
    struct visitor visitors[THREADS];
    for (unsigned i = 0; i < PROCESSES; i++)
        processes[i] = start_process((struct visitor){copy, &reader, 100 + i}, i % 2 == 0);
    for (unsigned i = 0; i < THREADS; i++) {
        visitors[i] = (struct visitor){copy, &reader, 200 + i};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_reader, &visitors[i]), 0);
    }
    const int64_t start = now_ms();
    for (int64_t ms = 0;
         ms < seconds * 1000 || (!until_failure && !busy_enough() && ms < PATIENCE_MS);
         ms = now_ms() - start) {
        if (until_failure && failures() > 0)
            break;
        wait_us(10000);
    }
    atomic_store(&shared->stop, true);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < PROCESSES; i++)
        end_well(processes[i]);
    end_well(writers);
    reader_close(&reader);
    printf(
        "%lu looks, %lu at once, %lu again, beside %lu commits, %lu failed ones, %lu kills and %lu "
        "spills: ",
        atomic_load(&shared->looks), atomic_load(&shared->met), atomic_load(&shared->agains),
        atomic_load(&shared->commits), atomic_load(&shared->failures), atomic_load(&shared->kills),
        atomic_load(&shared->spills));
    printf("%lu missing, %lu wrong, %lu corrupt\n", atomic_load(&shared->missing),
           atomic_load(&shared->wrong), atomic_load(&shared->corrupt));
}

static void share(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(shared != MAP_FAILED);
}

START_TEST(test_readers)
{
    const char *text = getenv("ESPT_TORTURE_SECONDS");
    unsigned seconds = text != NULL ? (unsigned)strtoul(text, NULL, 10) : SHORT_SECONDS;
    share();
    atomic_store(&shared->spill, seconds >= 60);
    torture(&delayed_reader, seconds, false);
    ck_assert_uint_eq(failures(), 0);
    ck_assert_uint_gt(atomic_load(&shared->looks), atomic_load(&shared->agains));
    ck_assert_uint_gt(atomic_load(&shared->met), 0);
    ck_assert(busy_enough());
}
END_TEST

START_TEST(test_control)
{
#ifdef __SANITIZE_THREAD__
    puts("SKIPPED test_control: under ThreadSanitizer readers are too slow to meet the harm");
    return;
#endif
    share();
    torture(&control_reader, CONTROL_SECONDS, true);
    ck_assert_uint_gt(failures(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stress");
    TCase *tcase = tcase_create("stress");
    tcase_set_timeout(tcase, 0);
    tcase_add_test(tcase, test_readers);
    tcase_add_test(tcase, test_control);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
