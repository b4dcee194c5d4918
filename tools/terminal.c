#define _POSIX_C_SOURCE 200809L
#include "terminal.h"

#include <stdio.h>
#include <stdlib.h>

#if defined(_WIN32)
#include <fcntl.h>
#include <io.h>

void terminal_setup(void) {
  if (getenv("POCL_AFFINITY") == NULL) _putenv("POCL_AFFINITY=1");
}

bool terminal_shows_progress(void) { return _isatty(_fileno(stderr)) != 0; }

bool terminal_reader_is_gone(void) { return false; }
#else
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

void terminal_setup(void) {
  /* open gives the lowest free descriptor; the wrong direction, so that using it is an error. */
  for (int stream = 0; stream <= 2; stream++)
    if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", stream == 0 ? O_WRONLY : O_RDONLY) < 0) exit(1);
  signal(SIGPIPE, SIG_IGN); /* both become errors of the write */
  signal(SIGXFSZ, SIG_IGN);
  setenv("POCL_AFFINITY", "1", 0);
}

bool terminal_reader_is_gone(void) {
  struct pollfd output = {.fd = STDOUT_FILENO};
  return poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0;
}

bool terminal_shows_progress(void) { return isatty(STDERR_FILENO) != 0; }
#endif
