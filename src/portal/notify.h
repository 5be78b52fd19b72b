/* SPDX-License-Identifier: ISC */
/* Tells systemd about a service (sd_notify(3)). Does nothing without systemd. */
#ifndef ESPT_PORTAL_NOTIFY_H
#define ESPT_PORTAL_NOTIFY_H

void notify_ready(void);
void notify_stopping(void);
/* What the service does now, in one line without a newline, for `systemctl status`. */
void notify_status(const char *text);
/* Says that the service still works, for WatchdogSec. */
void notify_alive(void);

#endif
