/* SPDX-License-Identifier: ISC */
/* The address in [portal] listen: ADDRESS:PORT, or [ADDRESS]:PORT for IPv6. */
#ifndef ESPT_COMMON_LISTEN_ADDRESS_H
#define ESPT_COMMON_LISTEN_ADDRESS_H

#include "common/config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

union listen_address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

/* `listen` was checked with the configuration. Returns the length of *ret. */
static inline socklen_t listen_address(const char *listen, union listen_address *ret)
{
    char text[PORTAL_LISTEN_SIZE];
    const bool is_six = listen[0] == '[';
    snprintf(text, sizeof text, "%s", listen + is_six);
    char *port = strrchr(text, ':');
    *port++ = '\0';
    if (is_six)
        text[strlen(text) - 1] = '\0';
    const in_port_t number = htons((uint16_t)strtoul(port, NULL, 10));
    memset(ret, 0, sizeof *ret);
    if (is_six) {
        ret->six.sin6_family = AF_INET6;
        ret->six.sin6_port = number;
        inet_pton(AF_INET6, text, &ret->six.sin6_addr);
        return sizeof ret->six;
    }
    ret->four.sin_family = AF_INET;
    ret->four.sin_port = number;
    inet_pton(AF_INET, text, &ret->four.sin_addr);
    return sizeof ret->four;
}

#endif
