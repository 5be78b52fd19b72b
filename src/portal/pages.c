/* SPDX-License-Identifier: ISC */
#include "portal/pages.h"

#include "build_config.h"
#include "common/trust.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_MAX 64
#define FILE_MAX (1U << 20)
#define OPENAPI "openapi.json" /* served as /api/v1/openapi.json alone */

static const struct {
    const char *ending, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".json", "application/json"},
    {".woff2", "font/woff2"},
    {".png", "image/png"},
    {".webmanifest", "application/manifest+json"},
};

static const char *type_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof *types; i++) {
        if (strcmp(dot, types[i].ending) == 0)
            return types[i].type;
    }
    return NULL;
}

static bool name_ok(const char *name)
{
    return strlen(name) < sizeof((struct page_file *)0)->name && name[0] != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == strlen(name) &&
           type_of(name) != NULL;
}

static int read_file(struct pages *pages, const char *folder, const char *name,
                     struct espt_error *err)
{
    char path[PATH_MAX], hex[33];
    uint8_t hash[16];
    struct page_file *file = &pages->file[pages->count];
    if (!name_ok(name))
        return 0;
    if (pages->count == FILES_MAX)
        return espt_fail(err, ESPT_UNUSABLE, "%s: more than %d files", folder, FILES_MAX);
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return espt_fail(err, ESPT_UNUSABLE, "%s: the path is too long", folder);
    int code = trust_read(path, geteuid(), TRUST_PUBLIC, FILE_MAX, &file->text, &file->len, err);
    if (code != 0)
        return code;
    memcpy(file->name, name, strlen(name) + 1); /* name_ok() bounds it */
    file->type = type_of(name);
    crypto_generichash(hash, sizeof hash, (const uint8_t *)file->text, file->len, NULL, 0);
    sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
    snprintf(file->etag, sizeof file->etag, "\"%s\"", hex);
    pages->count++;
    return 0;
}

static int read_folder(struct pages *pages, const char *folder, struct espt_error *err)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int code = 0;
    if (dir == NULL)
        return espt_fail(err, ESPT_MISSING, "%s: %s", folder, espt_errno_text(errno));
    while (code == 0 && (entry = readdir(dir)) != NULL)
        code = read_file(pages, folder, entry->d_name, err);
    closedir(dir);
    return code;
}

int pages_load(struct pages *ret_pages, struct espt_error *err)
{
    static const char *const places[] = {"portal", "../share/esp-token/portal", ESPT_PAGES};
    char self[PATH_MAX / 2] = "", folder[PATH_MAX];
    struct pages pages = {.file = calloc(FILES_MAX, sizeof *pages.file)};
    if (pages.file == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    const ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash = len > 0 ? strrchr(self, '/') : NULL;
    if (slash != NULL)
        *slash = '\0';
    int code = ESPT_MISSING;
    for (size_t i = 0; i < sizeof places / sizeof *places && code == ESPT_MISSING; i++) {
        if (places[i][0] == '/')
            snprintf(folder, sizeof folder, "%s", places[i]);
        else
            snprintf(folder, sizeof folder, "%s/%s", self, places[i]);
        code = read_folder(&pages, folder, err);
    }
    if (code == ESPT_MISSING || (code == 0 && pages_openapi(&pages) == NULL))
        code = espt_fail(err, ESPT_UNUSABLE,
                         "%s: the pages are not there; run 'make install' again", folder);
    if (code == 0)
        *ret_pages = pages;
    else
        free(pages.file);
    return code;
}

static const struct page_file *find(const struct pages *pages, const char *name)
{
    for (size_t i = 0; i < pages->count; i++) {
        if (strcmp(pages->file[i].name, name) == 0)
            return &pages->file[i];
    }
    return NULL;
}

const struct page_file *pages_find(const struct pages *pages, const char *name)
{
    return strcmp(name, OPENAPI) == 0 ? NULL : find(pages, name[0] != '\0' ? name : "index.html");
}

const struct page_file *pages_openapi(const struct pages *pages)
{
    return find(pages, OPENAPI);
}
