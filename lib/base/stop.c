#include "lib/base/stop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A signal handler knows nothing else of the program. (Blocked signals would reach the threads that OpenBLAS starts
 * before main.) */
static volatile sig_atomic_t told_by = -1;

static void tell(int signal) {
  (void)signal;
  int kept = errno;
  if (write(told_by, &(uint64_t){ 1 }, sizeof(uint64_t)) < 0) errno = 0; /* it was told so already */
  errno = kept;
}

int eq_stop_open(struct eq_err *err) {
  struct sigaction hear = { .sa_handler = tell, .sa_flags = SA_RESTART };
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  told_by = fd;
  if (fd < 0 || sigaction(SIGTERM, &hear, NULL) || sigaction(SIGUSR1, &hear, NULL))
    eq_fail_errno(err, "SIGTERM", "listen for");
  return fd;
}

bool eq_stop_asked(int fd) {
  struct pollfd p = { .fd = fd, .events = POLLIN };
  return fd >= 0 && poll(&p, 1, 0) > 0;
}

bool eq_stop_or_input(int fd, int input) {
  struct pollfd p[] = { { .fd = fd, .events = POLLIN }, { .fd = input, .events = POLLIN } };
  while (poll(p, 2, -1) < 0 && errno == EINTR) continue;
  return p[0].revents;
}
