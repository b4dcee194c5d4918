#define _POSIX_C_SOURCE 200809L
#include "terminal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static volatile sig_atomic_t interrupted;
static void (*when_ended)(const char *signal_name, bool crashed);

bool terminal_interrupted(void) { return interrupted != 0; }

bool terminal_writes_in_place(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && !S_ISREG(info.st_mode);
}

bool terminal_is_pipe(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISFIFO(info.st_mode);
}

#if defined(_WIN32)
#include <fcntl.h>
#include <io.h>

void terminal_setup(void) {
  if (getenv("POCL_AFFINITY") == NULL) _putenv("POCL_AFFINITY=1");
}

bool terminal_shows_progress(void) { return _isatty(_fileno(stderr)) != 0; }

bool terminal_reader_is_gone(void) { return false; }

static void on_interrupt(int number) {
  signal(number, SIG_DFL);
  interrupted = 1;
}

void terminal_catch_signals(void (*ended)(const char *signal_name, bool crashed)) {
  when_ended = ended; /* the C library's signals run on a thread of their own here: files are left to the main thread */
  signal(SIGINT, on_interrupt);
  signal(SIGTERM, on_interrupt);
}

void terminal_replace_file(const char *path, const char *temporary, const char *const *pieces, const size_t *lengths, size_t count) {
  (void)path, (void)temporary, (void)pieces, (void)lengths, (void)count;
}

void terminal_say(const char *const *texts, size_t count) {
  for (size_t i = 0; i < count; i++) fputs(texts[i], stderr);
}
#else
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <time.h>
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

static const struct {
  int number;
  const char *name;
  bool crash;
} SIGNALS[] = {{SIGINT, "SIGINT", false}, {SIGTERM, "SIGTERM", false}, {SIGHUP, "SIGHUP", false}, {SIGSEGV, "SIGSEGV", true},
               {SIGBUS, "SIGBUS", true},  {SIGFPE, "SIGFPE", true},    {SIGILL, "SIGILL", true},  {SIGABRT, "SIGABRT", true}};

/* As if nobody had caught it. */
static void die_of(int number) {
  signal(number, SIG_DFL);
  raise(number);
}

/* Several threads of a driver may crash at once: the first tells, the others wait for the end. */
static void on_crash(int number, const char *name) {
  static atomic_flag told = ATOMIC_FLAG_INIT;
  while (atomic_flag_test_and_set(&told)) pause();
  when_ended(name, true);
  die_of(number);
}

/* The same key press may arrive twice, from the terminal and from a parent process. */
static void on_request(int number, const char *name) {
  static struct timespec first;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (interrupted == 0) {
    first = now;
    interrupted = 1;
    when_ended(name, false);
  } else if ((double)(now.tv_sec - first.tv_sec) + 1e-9 * (double)(now.tv_nsec - first.tv_nsec) > 0.5) {
    die_of(number);
  }
}

static void on_signal(int number) {
  for (size_t i = 0; i < sizeof SIGNALS / sizeof SIGNALS[0]; i++) {
    if (SIGNALS[i].number != number) continue;
    if (SIGNALS[i].crash)
      on_crash(number, SIGNALS[i].name);
    else
      on_request(number, SIGNALS[i].name);
  }
}

void terminal_catch_signals(void (*ended)(const char *signal_name, bool crashed)) {
  struct sigaction action, old;
  when_ended = ended;
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < sizeof SIGNALS / sizeof SIGNALS[0]; i++) {
    const bool ignored = sigaction(SIGNALS[i].number, NULL, &old) == 0 && old.sa_handler == SIG_IGN; /* nohup, a shell's background */
    if (!ignored) sigaction(SIGNALS[i].number, &action, NULL);
  }
}

void terminal_replace_file(const char *path, const char *temporary, const char *const *pieces, const size_t *lengths, size_t count) {
  const int file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return;
  bool good = true;
  for (size_t i = 0; i < count; i++) {
    size_t at = 0;
    while (good && at < lengths[i]) {
      const ssize_t written = write(file, pieces[i] + at, lengths[i] - at);
      good = written > 0;
      if (good) at += (size_t)written;
    }
  }
  if (close(file) != 0) good = false;
  if (!good || rename(temporary, path) != 0) unlink(temporary);
}

void terminal_say(const char *const *texts, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (write(STDERR_FILENO, texts[i], strlen(texts[i])) < 0) return;
}
#endif
