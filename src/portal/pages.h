/* SPDX-License-Identifier: ISC */
/* The files of the pages: HTML, CSS and modules, read into memory before the worker is made. */
#ifndef ESPT_PORTAL_PAGES_H
#define ESPT_PORTAL_PAGES_H

#include "common/error.h"

#include <stddef.h>

struct page_file {
    char name[64];
    const char *type; /* of the content */
    char etag[40];
    char *text;
    size_t len;
};
struct pages {
    size_t count;
    struct page_file *file;
};

/* Reads the folder `portal` beside this program, or else ../share/esp-token/portal from there, or
   else where make install puts it. */
ESPT_MUST_USE int pages_load(struct pages *ret_pages, struct espt_error *err);
/* NULL: there is no such file. The empty name is index.html. */
const struct page_file *pages_find(const struct pages *pages, const char *name);
/* The OpenAPI document. */
const struct page_file *pages_openapi(const struct pages *pages);

#endif
