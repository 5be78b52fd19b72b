/* SPDX-License-Identifier: ISC */
#ifndef ESPT_AUTHD_LOG_H
#define ESPT_AUTHD_LOG_H

#include <stddef.h>
#include <syslog.h>

/* One line to standard error. In a systemd service it begins with its level. */
void log_line(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The validator's log callback. */
void log_validator(void *arg, int level, const char *message, size_t len);

#endif
