/* SPDX-License-Identifier: ISC */
/*
 * STORE.uses: the sums of the reports of other machines, for a process of this machine that does
 * not ask the journal. Only this machine reads the file, so its numbers are in native byte order.
 */
#include "fleet/uses.h"

#include "common/trust.h"
#include "store/db/publish.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char magic[8] = "ESPTuse1";
#define FILE_MAX (512UL << 20)

struct head {
    char magic[sizeof magic];
    uint64_t count;
    char unknown[sizeof((struct elsewhere *)0)->unknown];
};

static int name_of(const struct config *config, char ret[static PATH_MAX], struct espt_error *err)
{
    const int len = snprintf(ret, PATH_MAX, "%s.uses", config->store);
    return len < PATH_MAX
               ? 0
               : espt_fail(err, ESPT_UNUSABLE, "%s: the name is too long", config->store);
}

int fleet_uses_keep(const struct config *config, const struct elsewhere *of, struct espt_error *err)
{
    char path[PATH_MAX];
    bool made = false;
    const size_t items = of->count * sizeof *of->items, len = sizeof(struct head) + items;
    int code = name_of(config, path, err);
    if (code != 0)
        return code;
    char *bytes = malloc(len);
    if (bytes == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    struct head head = {.count = of->count};
    memcpy(head.magic, magic, sizeof magic);
    memcpy(head.unknown, of->unknown, sizeof head.unknown);
    memcpy(bytes, &head, sizeof head);
    if (items > 0)
        memcpy(bytes + sizeof head, of->items, items);
    code = publish_file(path, bytes, len, 0600, &made, err);
    if (code == 0 && !made)
        code = publish_over(path, bytes, len, 0600, err);
    free(bytes);
    return code;
}

/* False: these are not the bytes of such a file, or there is no memory. */
static bool take(struct elsewhere *ret, const char *bytes, size_t len)
{
    struct head head;
    if (len < sizeof head)
        return false;
    memcpy(&head, bytes, sizeof head);
    const size_t items = len - sizeof head;
    if (memcmp(head.magic, magic, sizeof magic) != 0 || items % sizeof *ret->items != 0 ||
        items / sizeof *ret->items != head.count ||
        memchr(head.unknown, '\0', sizeof head.unknown) == NULL)
        return false;
    ret->items = malloc(items + 1);
    if (ret->items == NULL)
        return false;
    memcpy(ret->items, bytes + sizeof head, items);
    ret->count = head.count;
    memcpy(ret->unknown, head.unknown, sizeof ret->unknown);
    return true;
}

int fleet_uses_kept(const struct config *config, struct elsewhere *ret, struct espt_error *err)
{
    char path[PATH_MAX], *bytes = NULL;
    size_t len;
    *ret = (struct elsewhere){0};
    int code = name_of(config, path, err);
    if (code == 0)
        code = trust_read(path, geteuid(), TRUST_SECRET, FILE_MAX, &bytes, &len, err);
    if (code == 0 && !take(ret, bytes, len))
        code = espt_fail(err, ESPT_UNUSABLE, "%s: it is damaged; remove it", path);
    free(bytes);
    return code;
}
