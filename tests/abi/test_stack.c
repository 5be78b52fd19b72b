/* SPDX-License-Identifier: ISC */
/* How much stack each call uses: at most what validator.h states, so that threads with the minimum
   stack survive. */
#include "host.h"

#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__ || defined ESPT_COVERAGE
#define AS_SHIPPED 0
#else
#define AS_SHIPPED 1
#endif

#define CALL_NEEDS (8 * 1024) /* validator.h */
#define OPEN_NEEDS (8 * 1024)
#define PAINTED (256 * 1024)
#define PAINT 0xa5
#ifdef __x86_64__
#define LEAST 16384 /* PTHREAD_STACK_MIN of Linux */
#else
#define LEAST 131072
#endif

static struct text text;
static const char *tiers, *store;

static const char plain[] = "[lite]\nrank = 10\nmax_tokens = 5\ndefault = yes\nmetrics = kpi.*\n";
static const char wider[] =
    "[lite]\nrank = 10\nmax_tokens = 5\ndefault = yes\nmetrics = kpi.* asn.*\n";

static void setup(void)
{
    host_setup();
    tiers = keep_string(strdup(in_folder(folder, "tiers.ini")));
    store = keep_string(strdup(in_folder(folder, "tokens.mdb")));
    text = text_in(DO("entity", "add", "shop", "--kind", "customer"));
}

/* --- the calls; their own frames use little stack --- */

static espt_result result;
static int answered;

static void call_validate(void)
{
    static espt_query query;
    query = (espt_query){.size = sizeof query,
                         .token = text.bytes,
                         .token_len = TEXT_LEN,
                         .metric = "asn.x",
                         .metric_len = 5};
    result.size = sizeof result;
    answered = plugin->validate(ctx, &query, &result);
}

static void call_allows(void)
{
    answered = plugin->allows(ctx, &result, "kpi.x", 5);
}

static void call_refresh(void)
{
    answered = plugin->refresh(ctx, NULL, 0);
}

static void quiet_log(void *arg, int level, const char *message, size_t len)
{
    (void)arg, (void)level, (void)message, (void)len;
    atomic_fetch_add(&warnings, 1);
}

static void call_open(void)
{
    static char err[512];
    answered = plugin->open(&ctx, config, quiet_log, NULL, err, sizeof err);
}

static void call_close(void)
{
    plugin->close(ctx);
}

/* --- measured --- */

struct measure {
    void (*call)(void);
    char *top;
};

static void *measured(void *arg)
{
    struct measure *measure = arg;
    measure->top = __builtin_frame_address(0);
    measure->call();
    return NULL;
}

/* Measures how much stack below its caller's frame a call uses. */
static size_t depth_of(void (*call)(void))
{
    pthread_t thread;
    pthread_attr_t attr;
    struct measure measure = {.call = call};
    unsigned char *stack =
        mmap(NULL, PAINTED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(stack, MAP_FAILED);
    memset(stack, PAINT, PAINTED);
    ck_assert(pthread_attr_init(&attr) == 0 && pthread_attr_setstack(&attr, stack, PAINTED) == 0);
    ck_assert_int_eq(pthread_create(&thread, &attr, measured, &measure), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    size_t untouched = 0;
    while (stack[untouched] == PAINT)
        untouched++;
    size_t depth = (size_t)(measure.top - (char *)stack) - untouched;
    munmap(stack, PAINTED);
    pthread_attr_destroy(&attr);
    return depth;
}

static void takes_at_most(const char *what, void (*call)(void), size_t limit)
{
    const size_t depth = depth_of(call);
    printf("%s: %zu bytes of stack\n", what, depth);
    ck_assert_msg(!AS_SHIPPED || depth <= limit, "%s: %zu bytes of stack", what, depth);
}

static void edit(const char *words)
{
    file_text(tiers, words);
    usleep(1300000); /* the file has settled, and the next check is due */
}

static void replace_store(const char *bytes, size_t len)
{
    const char *next = in_folder(folder, "next");
    file_write(next, bytes, len, 0640);
    ck_assert_int_eq(rename(next, store), 0);
}

START_TEST(as_the_header_says)
{
    size_t len;
    char *whole = file_read(store, &len);
    host_teardown();
    takes_at_most("open", call_open, OPEN_NEEDS);
    ck_assert_int_eq(answered, 1);
    takes_at_most("validate", call_validate, CALL_NEEDS);
    takes_at_most("allows", call_allows, CALL_NEEDS);
    takes_at_most("refresh", call_refresh, CALL_NEEDS);
    edit(wider);
    takes_at_most("validate by an edited table", call_validate, CALL_NEEDS);
    ck_assert_int_eq(answered, 1);
    edit(plain);
    takes_at_most("allows by an edited table", call_allows, CALL_NEEDS);
    ck_assert_int_eq(answered, 1);
    edit("[lite]\nrank = 10\nmax_tokens = 5\ndefault = yes\nmetrix = kpi.*\n");
    atomic_store(&warnings, 0);
    takes_at_most("validate with a broken table", call_validate, CALL_NEEDS);
    ck_assert_int_eq(atomic_load(&warnings), 1);
    takes_at_most("refresh with a broken table", call_refresh, CALL_NEEDS);
    replace_store(whole, len);
    takes_at_most("refresh with a new store", call_refresh, CALL_NEEDS);
    replace_store("no store", 8);
    usleep(1100000);
    takes_at_most("validate without a store", call_validate, CALL_NEEDS);
    ck_assert_int_eq(result.status, ESPT_ERR_UNAVAILABLE);
    takes_at_most("close", call_close, CALL_NEEDS);
    takes_at_most("open of no store", call_open, OPEN_NEEDS);
    ck_assert_int_eq(answered, 0);
    file_text(tiers, "broken");
    takes_at_most("open with a broken table", call_open, OPEN_NEEDS);
    ck_assert_int_eq(answered, 0);
}
END_TEST

/* The longest path that the kernel accepts, with the most links that it follows. */
START_TEST(with_the_longest_path)
{
    char path[PATH_MAX], name[201];
    memset(name, 'd', 200);
    name[200] = '\0';
    snprintf(path, sizeof path, "%s", folder);
    while (strlen(path) + 240 < PATH_MAX) {
        strcat(strcat(path, "/"), name);
        ck_assert_int_eq(mkdir(path, 0755), 0);
    }
    strcat(path, "/t");
    file_text(path, plain);
    char next[PATH_MAX] = "";
    for (int i = 0; i < 20; i++) {
        char link[64];
        snprintf(link, sizeof link, "link%d", i);
        ck_assert_int_eq(symlink(i == 0 ? path : next, in_folder(folder, link)), 0);
        snprintf(next, sizeof next, "%s", link);
    }
    file_text(config, "[store]\npath = tokens.mdb\n[tiers]\npath = link19\n");
    host_teardown();
    takes_at_most("open with the longest path", call_open, OPEN_NEEDS);
    ck_assert_int_eq(answered, 1);
    file_text(path, wider);
    usleep(1300000);
    takes_at_most("validate with the longest path", call_validate, CALL_NEEDS);
    ck_assert_int_eq(answered, 1);
    file_text(path, "broken");
    takes_at_most("refresh with the longest path", call_refresh, CALL_NEEDS);
    ck_assert_int_eq(answered, 0);
}
END_TEST

/* --- survived --- */

static void *in_thread(void *arg)
{
    void (*call)(void);
    memcpy(&call, arg, sizeof call);
    call();
    return NULL;
}

static void with_the_least(void (*call)(void))
{
    pthread_t thread;
    pthread_attr_t attr;
    ck_assert_int_eq(pthread_attr_init(&attr), 0);
    ck_assert_int_eq(pthread_attr_setstacksize(&attr, AS_SHIPPED ? LEAST : 1 << 20), 0);
    ck_assert_int_eq(pthread_create(&thread, &attr, in_thread, &call), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attr);
}

START_TEST(a_thread_with_the_least_stack)
{
    size_t len;
    char *whole = file_read(store, &len);
    host_teardown();
    with_the_least(call_open);
    ck_assert_int_eq(answered, 1);
    edit(wider);
    with_the_least(call_validate);
    ck_assert_int_eq(answered, 1);
    edit("broken");
    atomic_store(&warnings, 0);
    with_the_least(call_validate);
    ck_assert(answered == 1 && atomic_load(&warnings) == 1);
    with_the_least(call_refresh);
    ck_assert_int_eq(answered, 0);
    edit(plain);
    with_the_least(call_allows);
    ck_assert_int_eq(answered, 1);
    replace_store(whole, len);
    usleep(1100000);
    with_the_least(call_validate);
    ck_assert_int_eq(result.status, ESPT_DENY_METRIC);
    ck_assert_int_eq(unlink(store), 0);
    with_the_least(call_refresh);
    with_the_least(call_validate);
    ck_assert_int_eq(result.status, ESPT_ERR_UNAVAILABLE);
}
END_TEST

int main(void)
{
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 1); /* a file system on which uses are counted */
    Suite *suite = suite_create("stack");
    TCase *tcase = tcase_create("stack");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, as_the_header_says);
    tcase_add_test(tcase, with_the_longest_path);
    tcase_add_test(tcase, a_thread_with_the_least_stack);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
