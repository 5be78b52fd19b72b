/* SPDX-License-Identifier: ISC */
/* Every verdict as a host sees it, in the order of specification §7. */
#include "common/crc32.h"
#include "common/token.h"
#include "host.h"

#include <fcntl.h>
#include <sys/stat.h>

/*
 * big (reseller, advanced) ── shop (customer, lite), idle (customer, lite, inactive)
 * small (reseller, advanced) ── other (customer, lite)
 * lone, lonely (customers, lite, without a reseller)
 */
static struct text big, shop, idle, small, other, lone, lonely;

static void setup(void)
{
    host_setup();
    big = text_in(DO("entity", "add", "big", "--kind", "reseller", "--tier", "advanced"));
    shop = text_in(DO("entity", "add", "shop", "--kind", "customer", "--reseller", "big"));
    idle = text_in(DO("entity", "add", "idle", "--kind", "customer", "--reseller", "big"));
    small = text_in(DO("entity", "add", "small", "--kind", "reseller", "--tier", "advanced"));
    other = text_in(DO("entity", "add", "other", "--kind", "customer", "--reseller", "small"));
    lone = text_in(DO("entity", "add", "lone", "--kind", "customer"));
    lonely = text_in(DO("entity", "add", "lonely", "--kind", "customer"));
    DO("entity", "edit", "idle", "--status", "inactive");
}

/* Makes a well-formed text with the same id and another secret. */
static struct text forged(struct text text)
{
    text.bytes[20] = text.bytes[20] == 'x' ? 'y' : 'x';
    base62_encode(crc32(0, text.bytes, TOKEN_CHECKED_LEN), text.bytes + TOKEN_CHECKED_LEN,
                  TOKEN_CHECKSUM_LEN);
    return text;
}

static bool all_zero(const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (((const char *)bytes)[i] != 0)
            return false;
    }
    return true;
}

/* Checks that the result shows only the id if the secret did not match, and that each text is
   followed by zeros. */
static void check_fields(const espt_result *r, bool matched)
{
    if (!matched) {
        ck_assert(r->expires == 0 && r->tier_rank == 0 && r->kind == 0);
        ck_assert(r->entity[0] == '\0' && r->reseller[0] == '\0' && r->tier[0] == '\0');
    }
    const struct {
        const char *at;
        size_t size;
    } texts[] = {{r->token_id, sizeof r->token_id},
                 {r->entity, sizeof r->entity},
                 {r->reseller, sizeof r->reseller},
                 {r->tier, sizeof r->tier},
                 {r->detail, sizeof r->detail}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        size_t len = strnlen(texts[i].at, texts[i].size);
        ck_assert_msg(all_zero(texts[i].at + len, texts[i].size - len), "text %zu", i);
    }
    ck_assert_uint_eq(r->size, sizeof *r);
    ck_assert_ptr_null(strstr(r->detail, "esptk_"));
}

START_TEST(allows_and_names_the_entity)
{
    espt_result r;
    ck_assert_int_eq(validate_now(&shop, "kpi.join_time", NULL, 0, &r), ESPT_ALLOW);
    check_fields(&r, true);
    ck_assert_int_eq(strncmp(r.token_id, shop.bytes + 6, 11), 0);
    ck_assert_str_eq(r.entity, "shop");
    ck_assert_str_eq(r.reseller, "big");
    ck_assert_str_eq(r.tier, "lite");
    ck_assert_int_eq(r.tier_rank, 10);
    ck_assert_uint_eq(r.kind, 2);
    ck_assert(r.expires > time(NULL) && r.revision > 0);
    uint64_t revision = r.revision;

    ck_assert_int_eq(validate_now(&big, "asn.traffic", NULL, 0, &r), ESPT_ALLOW);
    ck_assert_str_eq(r.entity, "big");
    ck_assert_str_eq(r.reseller, "");
    ck_assert_int_eq(r.tier_rank, 20);
    ck_assert_uint_eq(r.kind, 1);
    ck_assert_uint_eq(r.revision, revision);

    DO("create", "big", "for ever", "--expires", "never");
    ck_assert_int_eq(validate_now(&big, NULL, NULL, 0, &r), ESPT_ALLOW);
    ck_assert_uint_gt(r.revision, revision);
    struct text for_ever = text_in(DO("create", "-q", "big", "again", "--expires", "never"));
    ck_assert_int_eq(validate_now(&for_ever, NULL, NULL, INT64_MAX, &r), ESPT_ALLOW);
    ck_assert_int_eq(r.expires, 0);
}
END_TEST

START_TEST(malformed)
{
    struct text bad[8];
    for (size_t i = 0; i < 8; i++)
        bad[i] = shop;
    bad[0].bytes[53] = '\0';                                /* too short */
    bad[1].bytes[0] = 'E';                                  /* prefix */
    bad[2].bytes[30] = '-';                                 /* alphabet */
    bad[3].bytes[30] = bad[3].bytes[30] == 'a' ? 'b' : 'a'; /* checksum */
    memset(bad[4].bytes + 6, 'z', 11);                      /* id above 64 bits */
    base62_encode(crc32(0, bad[4].bytes, TOKEN_CHECKED_LEN), bad[4].bytes + TOKEN_CHECKED_LEN,
                  TOKEN_CHECKSUM_LEN);
    bad[5].bytes[0] = '\0';
    bad[6].bytes[53] = '\n';
    bad[7].bytes[17] = '-';
    for (size_t i = 0; i < 8; i++) {
        espt_result r;
        ck_assert_int_eq(validate_now(&bad[i], NULL, NULL, 0, &r), ESPT_DENY_MALFORMED);
        check_fields(&r, false);
        ck_assert_str_eq(r.token_id, "");
        ck_assert_uint_eq(r.revision, 0);
        ck_assert_str_ne(r.detail, "");
    }
}
END_TEST

START_TEST(unknown)
{
    struct text another_secret = forged(shop), another_id = shop;
    base62_encode(1, another_id.bytes + 6, 11);
    another_id = forged(another_id);
    const struct text *texts[] = {&another_secret, &another_id};
    for (size_t i = 0; i < 2; i++) {
        espt_result r;
        ck_assert_int_eq(validate_now(texts[i], "x!", "nobody", 0, &r), ESPT_DENY_UNKNOWN);
        check_fields(&r, false);
        ck_assert_int_eq(strncmp(r.token_id, texts[i]->bytes + 6, 11), 0);
        ck_assert_uint_gt(r.revision, 0);
    }
}
END_TEST

static void tiers_without_lite(bool without)
{
    static char *shipped;
    char err[512] = "";
    const char *path = in_folder(folder, "tiers.ini");
    if (shipped == NULL)
        shipped = file_read(path, NULL);
    file_text(path, without ? "[advanced]\nrank = 20\nmax_tokens = 5\ndefault = yes\n" : shipped);
    ck_assert_msg(plugin->refresh(ctx, err, sizeof err) == 1, "%s", err);
}

/* Every subset of faults gives the status that comes first in the order. This includes all pairs.
 */
START_TEST(the_first_fault_in_order_is_the_status)
{
    enum { INACTIVE = 1u, EXPIRED = 2u, SUSPENDED = 4u, TIER = 8u, ENTITY = 16u, METRIC = 32u };
    for (int outer = 0; outer < 8; outer++) {
        /* the three faults that change the store or the table are slow */
        bool inactive = (outer & 1) != 0, suspended = (outer & 2) != 0, tier = (outer & 4) != 0;
        DO("edit", "shop/default", "--status", inactive ? "inactive" : "active");
        DO("entity", "edit", "shop", "--status", suspended ? "inactive" : "active");
        tiers_without_lite(tier);
        for (int inner = 0; inner < 8; inner++) {
            unsigned faults = (inactive ? INACTIVE : 0) | (suspended ? SUSPENDED : 0) |
                              (tier ? TIER : 0) | ((inner & 1) != 0 ? EXPIRED : 0) |
                              ((inner & 2) != 0 ? ENTITY : 0) | ((inner & 4) != 0 ? METRIC : 0);
            int expected = faults == 0 ? ESPT_ALLOW : ESPT_DENY_INACTIVE + __builtin_ctz(faults);
            espt_result r;
            int64_t now = (faults & EXPIRED) != 0 ? INT64_MAX : 0;
            const char *entity = (faults & ENTITY) != 0 ? "other" : "shop";
            const char *metric = (faults & METRIC) != 0 ? "asn.traffic" : "geo.world";
            int status = validate_now(&shop, metric, entity, now, &r);
            ck_assert_msg(status == expected, "faults %u: %s", faults, plugin->reason(status));
            check_fields(&r, true);
            ck_assert_str_eq(r.entity, "shop");
            ck_assert_str_eq(r.tier, "lite");
            ck_assert_int_eq(r.tier_rank, tier ? 0 : 10);

            struct text wrong = forged(shop), broken = shop;
            broken.bytes[0] = 'x';
            ck_assert_int_eq(validate_now(&wrong, metric, entity, now, &r), ESPT_DENY_UNKNOWN);
            check_fields(&r, false);
            ck_assert_int_eq(validate_now(&broken, metric, entity, now, &r), ESPT_DENY_MALFORMED);
        }
    }
}
END_TEST

START_TEST(expires_at_its_second)
{
    espt_result r;
    struct text text =
        text_in(DO("create", "-q", "big", "short", "--expires", "2100-01-02T03:04:05Z"));
    const int64_t end = 4102542245;
    ck_assert_int_eq(validate_now(&text, NULL, NULL, end - 1, &r), ESPT_ALLOW);
    ck_assert_int_eq(r.expires, end);
    ck_assert_int_eq(validate_now(&text, NULL, NULL, end, &r), ESPT_DENY_EXPIRED);
    ck_assert_msg(strstr(r.detail, "2100-01-02T03:04:05Z") != NULL, "%s", r.detail);
    ck_assert_int_eq(validate_now(&text, NULL, NULL, -1, &r), ESPT_ALLOW);
}
END_TEST

START_TEST(changes_are_in_force_at_once)
{
    espt_result r;
    ck_assert_int_eq(verdict(&shop), ESPT_ALLOW);
    DO("edit", "shop/default", "--status", "inactive");
    ck_assert_int_eq(verdict(&shop), ESPT_DENY_INACTIVE);
    DO("edit", "shop/default", "--status", "active");
    ck_assert_int_eq(verdict(&shop), ESPT_ALLOW);
    DO("entity", "edit", "big", "--status", "inactive");
    ck_assert_int_eq(validate_now(&shop, NULL, NULL, 0, &r), ESPT_DENY_SUSPENDED);
    ck_assert_ptr_nonnull(strstr(r.detail, "reseller"));
    ck_assert_int_eq(verdict(&big), ESPT_DENY_SUSPENDED);
    ck_assert_int_eq(verdict(&other), ESPT_ALLOW);
    DO("entity", "edit", "big", "--status", "active", "--name", "huge");
    ck_assert_int_eq(validate_now(&shop, NULL, NULL, 0, &r), ESPT_ALLOW);
    ck_assert_str_eq(r.reseller, "huge");
    DO("entity", "edit", "shop", "--reseller", "small", "--tier", "advanced");
    ck_assert_int_eq(validate_now(&shop, "asn.traffic", NULL, 0, &r), ESPT_ALLOW);
    ck_assert_str_eq(r.reseller, "small");
    ck_assert_int_eq(validate_now(&big, NULL, "shop", 0, &r), ESPT_DENY_ENTITY);
    ck_assert_int_eq(validate_now(&small, NULL, "shop", 0, &r), ESPT_ALLOW);
    DO("remove", "shop/default", "--yes", "--last");
    ck_assert_int_eq(verdict(&shop), ESPT_DENY_UNKNOWN);
}
END_TEST

START_TEST(data_of_other_entities)
{
    static char long_name[10000];
    memset(long_name, 'a', sizeof long_name - 1);
    const struct {
        const struct text *text;
        const char *entity;
        int status;
    } cases[] = {
        {&shop, "shop", ESPT_ALLOW},
        {&shop, "big", ESPT_DENY_ENTITY},
        {&shop, "idle", ESPT_DENY_ENTITY},
        {&shop, "other", ESPT_DENY_ENTITY},
        {&big, "big", ESPT_ALLOW},
        {&big, "shop", ESPT_ALLOW},
        {&big, "idle", ESPT_ALLOW}, /* suspended customers too */
        {&big, "other", ESPT_DENY_ENTITY},
        {&big, "small", ESPT_DENY_ENTITY},
        {&big, "lone", ESPT_DENY_ENTITY},
        {&lone, "lone", ESPT_ALLOW},
        {&lone, "lonely", ESPT_DENY_ENTITY}, /* neither has a reseller */
        {&idle, "idle", ESPT_DENY_SUSPENDED},
        {&big, "nobody", ESPT_DENY_ENTITY},
        {&big, "SHOP", ESPT_DENY_ENTITY},
        {&big, "", ESPT_DENY_ENTITY},
        {&big, "none", ESPT_DENY_ENTITY},
        {&big, "shop ", ESPT_DENY_ENTITY},
        {&big, "../shop", ESPT_DENY_ENTITY},
        {&big, long_name, ESPT_DENY_ENTITY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        espt_result r;
        int status = validate_now(cases[i].text, NULL, cases[i].entity, 0, &r);
        ck_assert_msg(status == cases[i].status, "%zu (%.20s): %s", i, cases[i].entity,
                      plugin->reason(status));
        check_fields(&r, true);
    }
}
END_TEST

START_TEST(metrics_by_tier)
{
    static const struct {
        const char *metric;
        int lite, advanced;
    } cases[] = {
        {"kpi.peak_audience", ESPT_ALLOW, ESPT_ALLOW},
        {"topology.map", ESPT_ALLOW, ESPT_ALLOW},
        {"asn.traffic", ESPT_DENY_METRIC, ESPT_ALLOW},
        {"asn", ESPT_DENY_METRIC, ESPT_DENY_METRIC},
        {"kpi", ESPT_DENY_METRIC, ESPT_DENY_METRIC},
        {"secret.sauce", ESPT_DENY_METRIC, ESPT_DENY_METRIC},
        {"", ESPT_DENY_METRIC, ESPT_DENY_METRIC},
        {"kpi.*", ESPT_DENY_METRIC, ESPT_DENY_METRIC},
        {"KPI.x", ESPT_DENY_METRIC, ESPT_DENY_METRIC},
        {"kpi.x\n", ESPT_DENY_METRIC, ESPT_DENY_METRIC},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *metric = cases[i].metric;
        const int expected[] = {cases[i].lite, cases[i].advanced};
        const struct text *texts[] = {&lone, &big};
        for (size_t k = 0; k < 2; k++) {
            espt_result r, any;
            int status = validate_now(texts[k], metric, NULL, 0, &r);
            ck_assert_msg(status == expected[k], "%s: %s", metric, plugin->reason(status));
            ck_assert_int_eq(validate_now(texts[k], NULL, NULL, 0, &any), ESPT_ALLOW);
            ck_assert_int_eq(plugin->allows(ctx, &any, metric, strlen(metric)),
                             status == ESPT_ALLOW);
            ck_assert_int_eq(plugin->allows(ctx, &r, metric, strlen(metric)), status == ESPT_ALLOW);
            ck_assert_ptr_null(strchr(r.detail, '\n'));
        }
    }
}
END_TEST

/* Damages the store's file: overwrites every page, or one of the first two. */
START_TEST(damage_denies)
{
    const int pages[] = {0, 1, 2};
    struct stat st;
    const char *store = in_folder(folder, "tokens.mdb");
    int fd = open(store, O_RDWR | O_CLOEXEC);
    ck_assert_int_eq(fstat(fd, &st), 0);
    const char *whole = file_read(store, NULL);
    char *noise = malloc((size_t)st.st_size);
    memset(noise, 0xff, (size_t)st.st_size);
    for (size_t i = 0; i < 3; i++) {
        off_t at = pages[i] * 4096L;
        size_t len = pages[i] < 2 ? 4096 : (size_t)(st.st_size - at);
        ck_assert_int_eq(pwrite(fd, noise, len, at), (ssize_t)len);
        espt_result r;
        ck_assert_int_eq(validate_now(&big, NULL, NULL, 0, &r), ESPT_ERR_CORRUPT);
        check_fields(&r, false);
        ck_assert_int_eq(strncmp(r.token_id, big.bytes + 6, 11), 0);
        ck_assert_uint_eq(r.revision, 0);
        ck_assert_int_eq(plugin->refresh(ctx, NULL, 0), 0);
        ck_assert_int_eq(pwrite(fd, whole + at, len, at), (ssize_t)len);
        ck_assert_int_eq(verdict(&big), ESPT_ALLOW);
    }
    free(noise);
    close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("validate");
    TCase *tcase = tcase_create("verdicts");
    tcase_add_checked_fixture(tcase, setup, host_teardown);
    tcase_add_test(tcase, allows_and_names_the_entity);
    tcase_add_test(tcase, malformed);
    tcase_add_test(tcase, unknown);
    tcase_add_test(tcase, the_first_fault_in_order_is_the_status);
    tcase_add_test(tcase, expires_at_its_second);
    tcase_add_test(tcase, changes_are_in_force_at_once);
    tcase_add_test(tcase, data_of_other_entities);
    tcase_add_test(tcase, metrics_by_tier);
    tcase_add_test(tcase, damage_denies);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
