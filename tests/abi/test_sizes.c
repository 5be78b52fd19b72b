/* SPDX-License-Identifier: ISC */
/* Arguments of careless, older and newer hosts. The plugin touches no byte outside them. */
#include "host.h"

#include <errno.h>
#include <sys/mman.h>

static struct text text;

static void setup(void)
{
    host_setup();
    text = text_in(DO("entity", "add", "shop", "--kind", "customer"));
}

static espt_query query_for(const char *token, size_t len)
{
    return (espt_query){.size = sizeof(espt_query), .token = token, .token_len = len};
}

static int32_t validate_query(const espt_query *query)
{
    espt_result result;
    memset(&result, 0xa5, sizeof result);
    result.size = sizeof result;
    int allowed = plugin->validate(ctx, query, &result);
    ck_assert_int_eq(allowed, result.status == ESPT_ALLOW);
    if (result.status == ESPT_ERR_USAGE)
        ck_assert(result.token_id[0] == '\0' && result.entity[0] == '\0' && result.revision == 0);
    return result.status;
}

/* Copies `len` bytes to memory that ends directly before an inaccessible page. */
static char *before_guard(const void *bytes, size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(map, MAP_FAILED);
    ck_assert_int_eq(mprotect(map + page, page, PROT_NONE), 0);
    memset(map, 'a', page);
    if (len > 0)
        memcpy(map + page - len, bytes, len);
    return map + page - len;
}

START_TEST(small_results)
{
    const espt_query query = query_for(text.bytes, TEXT_LEN);
    for (uint32_t size = 4; size < sizeof(espt_result); size++) {
        espt_result result;
        memset(&result, 0xa5, sizeof result);
        result.size = size;
        ck_assert_int_eq(plugin->validate(ctx, &query, &result), 0);
        ck_assert_uint_eq(result.size, size);
        if (size >= 8)
            ck_assert_int_eq(result.status, ESPT_ERR_USAGE);
        const unsigned char *byte = (const unsigned char *)&result;
        for (size_t i = 8; i < sizeof result; i++)
            ck_assert_msg(byte[i] == (i < size ? 0 : 0xa5), "size %u, byte %zu", size, i);
    }
    uint32_t *none = (uint32_t *)(void *)before_guard(&(uint32_t){0}, sizeof(uint32_t));
    ck_assert_int_eq(plugin->validate(ctx, &query, (espt_result *)(void *)none), 0);
}
END_TEST

START_TEST(larger_results_are_zeroed_beyond)
{
    struct {
        espt_result result;
        unsigned char beyond[64], after[64];
    } larger;
    const espt_query query = query_for(text.bytes, TEXT_LEN);
    memset(&larger, 0xa5, sizeof larger);
    larger.result.size = sizeof larger.result + sizeof larger.beyond;
    ck_assert_int_eq(plugin->validate(ctx, &query, &larger.result), 1);
    for (size_t i = 0; i < 64; i++)
        ck_assert(larger.beyond[i] == 0 && larger.after[i] == 0xa5);
    ck_assert_uint_eq(larger.result.size, sizeof larger.result + sizeof larger.beyond);
    ck_assert_int_eq(plugin->allows(ctx, &larger.result, "kpi.x", 5), 1);
}
END_TEST

START_TEST(queries_of_other_sizes)
{
    struct {
        espt_query query;
        unsigned char beyond[32];
    } larger = {.query = query_for(text.bytes, TEXT_LEN)};
    for (uint32_t size = 0; size < sizeof(espt_query); size++) {
        larger.query.size = size;
        ck_assert_int_eq(validate_query(&larger.query), ESPT_ERR_USAGE);
    }
    larger.query.size = sizeof larger;
    ck_assert_int_eq(validate_query(&larger.query), ESPT_ALLOW);
    for (size_t i = 0; i < sizeof larger.beyond; i++) {
        larger.beyond[i] = 1;
        ck_assert_int_eq(validate_query(&larger.query), ESPT_ERR_USAGE);
        larger.beyond[i] = 0;
    }
}
END_TEST

START_TEST(nulls_and_flags)
{
    espt_query query = query_for(text.bytes, TEXT_LEN);
    espt_result result = {.size = sizeof result};
    ck_assert_int_eq(validate_query(&query), ESPT_ALLOW);
    ck_assert_int_eq(plugin->validate(ctx, &query, NULL), 0);
    ck_assert_int_eq(validate_query(NULL), ESPT_ERR_USAGE);
    ck_assert_int_eq(plugin->validate(NULL, &query, &result), 0);
    ck_assert_int_eq(result.status, ESPT_ERR_USAGE);
    for (uint32_t flag = 1; flag != 0; flag <<= 1) {
        query.flags = flag;
        ck_assert_int_eq(validate_query(&query), ESPT_ERR_USAGE);
    }
    query = query_for(NULL, 0);
    ck_assert_int_eq(validate_query(&query), ESPT_DENY_MALFORMED);
    query = query_for(NULL, TEXT_LEN);
    ck_assert_int_eq(validate_query(&query), ESPT_ERR_USAGE);
    query = query_for(text.bytes, SIZE_MAX);
    ck_assert_int_eq(validate_query(&query), ESPT_DENY_MALFORMED);
    query = query_for(text.bytes, TEXT_LEN);
    query.metric_len = query.entity_len = 99; /* the lengths of NULL texts are ignored */
    ck_assert_int_eq(validate_query(&query), ESPT_ALLOW);
    query.metric = "";
    query.metric_len = 0;
    ck_assert_int_eq(validate_query(&query), ESPT_DENY_METRIC);
    query.entity = "";
    query.entity_len = 0;
    ck_assert_int_eq(validate_query(&query), ESPT_DENY_ENTITY);
}
END_TEST

START_TEST(allows_only_what_was_allowed)
{
    const espt_query query = query_for(text.bytes, TEXT_LEN);
    espt_result result = {.size = sizeof result}, bad;
    ck_assert_int_eq(plugin->validate(ctx, &query, &result), 1);
    ck_assert_int_eq(plugin->allows(ctx, &result, "kpi.x", 5), 1);
    ck_assert_int_eq(plugin->allows(ctx, &result, "asn.x", 5), 0);
    ck_assert_int_eq(plugin->allows(ctx, &result, "", 0), 0);
    ck_assert_int_eq(plugin->allows(ctx, &result, NULL, 0), 0);
    ck_assert_int_eq(plugin->allows(ctx, &result, NULL, 5), 0);
    ck_assert_int_eq(plugin->allows(NULL, &result, "kpi.x", 5), 0);
    ck_assert_int_eq(plugin->allows(ctx, NULL, "kpi.x", 5), 0);
    for (int32_t status = -1; status < 70; status++) {
        bad = result;
        bad.status = status;
        ck_assert_int_eq(plugin->allows(ctx, &bad, "kpi.x", 5), status == ESPT_ALLOW);
    }
    bad = result;
    bad.size = sizeof bad - 1;
    ck_assert_int_eq(plugin->allows(ctx, &bad, "kpi.x", 5), 0);
    bad = result;
    memset(bad.tier, 'x', sizeof bad.tier); /* without a terminator */
    ck_assert_int_eq(plugin->allows(ctx, &bad, "kpi.x", 5), 0);
    memset(&bad, 0, sizeof bad);
    ck_assert_int_eq(plugin->allows(ctx, &bad, "kpi.x", 5), 0);
}
END_TEST

/* Texts of any length without a terminator, each directly before an inaccessible page. */
START_TEST(reads_no_byte_beyond)
{
    char name[200];
    memset(name, 'a', sizeof name);
    for (size_t len = 0; len <= TEXT_LEN; len++) {
        const espt_query query = query_for(before_guard(text.bytes, len), len);
        ck_assert_int_eq(validate_query(&query),
                         len == TEXT_LEN ? ESPT_ALLOW : ESPT_DENY_MALFORMED);
    }
    for (size_t len = 0; len <= sizeof name; len += 3) {
        espt_query query = query_for(text.bytes, TEXT_LEN);
        query.metric = before_guard(name, len);
        query.metric_len = len;
        ck_assert_int_eq(validate_query(&query), ESPT_DENY_METRIC);
        query.entity = query.metric;
        query.entity_len = len;
        ck_assert_int_eq(validate_query(&query), ESPT_DENY_ENTITY);
    }
    espt_query query = query_for(text.bytes, TEXT_LEN);
    query.metric = before_guard("kpi.x", 5);
    query.metric_len = 5;
    query.entity = before_guard("shop", 4);
    query.entity_len = 4;
    const espt_query *last = (const espt_query *)(void *)before_guard(&query, sizeof query);
    ck_assert_int_eq(validate_query(last), ESPT_ALLOW);
}
END_TEST

/* Impossible lengths, for texts directly before an inaccessible page. */
START_TEST(huge_lengths)
{
    static const size_t lengths[] = {129,          4096,          INT32_MAX, UINT32_MAX,
                                     SIZE_MAX / 2, SIZE_MAX - 63, SIZE_MAX};
    struct text reseller = text_in(DO("entity", "add", "acme", "--kind", "reseller"));
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        const size_t huge = lengths[i];
        espt_result result = {.size = sizeof result};
        espt_query query = query_for(before_guard(text.bytes, TEXT_LEN), huge);
        ck_assert_int_eq(validate_query(&query), ESPT_DENY_MALFORMED);
        query = query_for(reseller.bytes, TEXT_LEN);
        query.metric = before_guard("kpi.x", 5);
        query.metric_len = huge;
        ck_assert_int_eq(validate_query(&query), ESPT_DENY_METRIC);
        query.metric = NULL;
        query.entity = before_guard("shop", 4);
        query.entity_len = huge;
        ck_assert_int_eq(validate_query(&query), ESPT_DENY_ENTITY);
        query = query_for(reseller.bytes, TEXT_LEN);
        ck_assert_int_eq(plugin->validate(ctx, &query, &result), 1);
        ck_assert_int_eq(plugin->allows(ctx, &result, before_guard("kpi.x", 5), huge), 0);
    }
}
END_TEST

/* Results of every size up to this version's, each directly before an inaccessible page. */
START_TEST(results_at_the_end_of_memory)
{
    const espt_query query = query_for(text.bytes, TEXT_LEN);
    for (uint32_t size = sizeof size; size <= sizeof(espt_result); size++) {
        espt_result result = {.size = size};
        espt_result *last = (espt_result *)(void *)before_guard(&result, size);
        ck_assert_int_eq(plugin->validate(ctx, &query, last), size == sizeof result);
        ck_assert_int_eq(plugin->allows(ctx, last, "kpi.x", 5), size == sizeof result);
        ck_assert_int_eq(plugin->validate(ctx, NULL, last), 0);
    }
}
END_TEST

START_TEST(any_address_and_shared_memory)
{
    char query_room[sizeof(espt_query) + 8], result_room[sizeof(espt_result) + 8];
    for (size_t shift = 0; shift < 8; shift++) {
        const espt_query query = query_for(text.bytes, TEXT_LEN);
        espt_result result = {.size = sizeof result};
        memcpy(query_room + shift, &query, sizeof query);
        memcpy(result_room + shift, &result, sizeof result);
        espt_result *at = (espt_result *)(void *)(result_room + shift);
        ck_assert_int_eq(
            plugin->validate(ctx, (const espt_query *)(void *)(query_room + shift), at), 1);
        memcpy(&result, at, sizeof result);
        ck_assert_str_eq(result.entity, "shop");
        ck_assert_int_eq(plugin->allows(ctx, at, "kpi.x", 5), 1);
    }
    /* the query's entity is a text in the result that is filled */
    espt_query query = query_for(text.bytes, TEXT_LEN);
    espt_result result = {.size = sizeof result, .entity = "shop"};
    query.entity = result.entity;
    query.entity_len = 4;
    ck_assert_int_eq(plugin->validate(ctx, &query, &result), 1);
}
END_TEST

/* A text that overlaps the result at any offset, so that the call overwrites it. */
START_TEST(texts_within_the_result)
{
    enum { BEFORE = 64 };
    static _Alignas(8) char room[BEFORE + sizeof(espt_result) + BEFORE];
    espt_result *result = (espt_result *)(void *)(room + BEFORE);
    for (size_t at = 0; at <= sizeof room - TEXT_LEN; at++) {
        if (at + TEXT_LEN > BEFORE && at < BEFORE + sizeof result->size)
            continue; /* would overwrite the result's size */
        espt_query query = query_for(room + at, TEXT_LEN);
        memset(room, 0, sizeof room);
        memcpy(room + at, text.bytes, TEXT_LEN);
        result->size = sizeof *result;
        ck_assert_int_eq(plugin->validate(ctx, &query, result), 1);
        ck_assert_str_eq(result->entity, "shop");
        ck_assert_str_eq(result->detail, "allowed");

        query = query_for(text.bytes, TEXT_LEN);
        memcpy(room + at, "shop", 4);
        query.entity = room + at;
        query.entity_len = 4;
        ck_assert_int_eq(plugin->validate(ctx, &query, result), 1);

        query = query_for(text.bytes, TEXT_LEN);
        memcpy(room + at, "none.such", 9);
        query.metric = room + at;
        query.metric_len = 9;
        ck_assert_int_eq(plugin->validate(ctx, &query, result), 0);
        ck_assert_int_eq(result->status, ESPT_DENY_METRIC);
        ck_assert_ptr_nonnull(strstr(result->detail, " none.such"));
    }
}
END_TEST

START_TEST(open_and_close)
{
    char err[512];
    espt_ctx *mark = (espt_ctx *)(void *)&err, *other = mark;
    plugin->close(NULL);
    const char *missing = in_folder(folder, "missing.conf");
    ck_assert_int_eq(plugin->open(&other, missing, NULL, NULL, err, sizeof err), 0);
    ck_assert_ptr_eq(other, mark);
    ck_assert_msg(strstr(err, "missing.conf") != NULL && strchr(err, '\n') == NULL, "%s", err);
    ck_assert_int_eq(plugin->open(&other, missing, NULL, NULL, NULL, 0), 0);
    ck_assert_int_eq(plugin->open(NULL, config, NULL, NULL, err, sizeof err), 0);
    memset(err, 'x', sizeof err);
    ck_assert_int_eq(plugin->open(&other, missing, NULL, NULL, err, 8), 0);
    ck_assert(strnlen(err, 8) == 7 && err[8] == 'x');
    ck_assert_int_eq(plugin->open(&other, missing, NULL, NULL, err, 0), 0);
    ck_assert_int_eq(plugin->open(&other, config, NULL, NULL, NULL, 0), 1);
    ck_assert_ptr_ne(other, mark);
    ck_assert_int_eq(plugin->refresh(other, NULL, 0), 1);
    plugin->close(other);
    ck_assert_int_eq(plugin->refresh(NULL, err, sizeof err), 0);
    file_text(in_folder(folder, "tiers.ini"), "[lite]\nrank = no\n");
    ck_assert_int_eq(plugin->open(&other, config, NULL, NULL, err, sizeof err), 0);
    ck_assert_msg(strstr(err, "tiers.ini:2:") != NULL, "%s", err);
}
END_TEST

/* The path may be longer than the host's buffer. The error and the remedy, which follow it, are
 * kept.
 */
START_TEST(reason_behind_a_long_path)
{
    static const char reason[] = ": there is no configuration; run 'esp-tokenctl";
    char path[1024], whole[1024], err[256];
    espt_ctx *other;
    size_t len = (size_t)snprintf(path, sizeof path, "%s", folder);
    while (len < 600)
        len += (size_t)snprintf(path + len, sizeof path - len, "/\xc3\xa4\xc3\xb6");
    ck_assert_int_eq(plugin->open(&other, path, NULL, NULL, whole, sizeof whole), 0);
    const char *behind = strstr(whole, reason);
    ck_assert_msg(behind != NULL, "%s", whole);
    for (size_t size = 200; size <= sizeof err; size++) {
        ck_assert_int_eq(plugin->open(&other, path, NULL, NULL, err, size), 0);
        ck_assert_uint_lt(strlen(err), size);
        ck_assert_ptr_nonnull(strstr(err, "..."));
        ck_assert_str_eq(err + strlen(err) - strlen(behind), behind);
        ck_assert_int_eq(strncmp(err, folder, 8), 0);
        for (const char *c = err; *c != '\0'; c++) /* no UTF-8 character is split */
            ck_assert(((*c & 0xe0) == 0xc0) == ((c[*c != '\0'] & 0xc0) == 0x80));
    }
    for (size_t size = 1; size < 64; size++) {
        memset(err, 'x', sizeof err);
        ck_assert_int_eq(plugin->open(&other, path, NULL, NULL, err, size), 0);
        ck_assert_uint_lt(strnlen(err, size), size);
        ck_assert_int_eq(err[size], 'x');
    }
}
END_TEST

START_TEST(errno_is_the_hosts)
{
    const espt_query query = query_for(text.bytes, TEXT_LEN);
    espt_result result = {.size = sizeof result};
    espt_ctx *other;
    char err[512];
    errno = 4711;
    plugin->validate(ctx, &query, &result);
    plugin->allows(ctx, &result, "kpi.x", 5);
    unlink(in_folder(folder, "tiers.ini"));
    errno = 4711;
    ck_assert_int_eq(plugin->refresh(ctx, err, sizeof err), 0);
    ck_assert_int_eq(plugin->open(&other, config, NULL, NULL, err, sizeof err), 0);
    plugin->close(NULL);
    ck_assert_int_eq(errno, 4711);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sizes");
    TCase *tcase = tcase_create("arguments");
    tcase_add_checked_fixture(tcase, setup, host_teardown);
    tcase_add_test(tcase, small_results);
    tcase_add_test(tcase, larger_results_are_zeroed_beyond);
    tcase_add_test(tcase, queries_of_other_sizes);
    tcase_add_test(tcase, nulls_and_flags);
    tcase_add_test(tcase, allows_only_what_was_allowed);
    tcase_add_test(tcase, reads_no_byte_beyond);
    tcase_add_test(tcase, huge_lengths);
    tcase_add_test(tcase, results_at_the_end_of_memory);
    tcase_add_test(tcase, any_address_and_shared_memory);
    tcase_add_test(tcase, texts_within_the_result);
    tcase_add_test(tcase, open_and_close);
    tcase_add_test(tcase, reason_behind_a_long_path);
    tcase_add_test(tcase, errno_is_the_hosts);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
