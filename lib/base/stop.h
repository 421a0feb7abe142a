/* stop.h: being told to stop, by SIGTERM or by SIGUSR1, which a batch system sends some time before it kills: as a
 * descriptor that a loop looks at between two pieces of work. */
#ifndef EQ_BASE_STOP_H
#define EQ_BASE_STOP_H

#include <stdbool.h>

#include "lib/base/error.h"

/* From now on these signals do not end the program, but make the descriptor readable, for good. Once a program. -1 and
 * err when the system has none left. */
int eq_stop_open(struct eq_err *err);
/* Whether one came. */
bool eq_stop_asked(int fd);

/* Waits until there is something to read from `input`, or one came; whether that. */
bool eq_stop_or_input(int fd, int input);

#endif
