/* Runs the command-line tool from a shell, in a folder of its own, and looks at what it says. Include this first: it wants POSIX. */
#ifndef ICN_TEST_CLI_H
#define ICN_TEST_CLI_H

#define _XOPEN_SOURCE 700
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base.h"
#include "support/icn_test.h"

static char folder[256], out[1 << 20], err[1 << 16];

static inline void read_text(const char *path, char *text, size_t bytes) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) fail_msg("cannot open %s", path);
  text[fread(text, 1, bytes - 1, file)] = '\0';
  fclose(file);
}

/* Runs a shell command in which $T is the tool, $D the folder for files, $X the test data, $I the test pictures in it, $M the tiny models;
 * its exit code. */
static inline int sh(const char *format, ...) ICN_PRINTF(1, 2);
static inline int sh(const char *format, ...) {
  char command[4096], line[6000], path[300];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(command, sizeof command, format, arguments);
  va_end(arguments);
  const char *tool = getenv("ICN_TOOL") != NULL ? getenv("ICN_TOOL") : "./clinception", *data = getenv("ICN_TEST_DATA");
  snprintf(line, sizeof line, "T='%s'; D='%s'; X='%s'; I=$X/images; M=$X/tool; { %s ; } >'%s/out' 2>'%s/err'", tool, folder, data, command,
           folder, folder);
  int result = system(line);
  snprintf(path, sizeof path, "%s/out", folder);
  read_text(path, out, sizeof out);
  snprintf(path, sizeof path, "%s/err", folder);
  read_text(path, err, sizeof err);
  assert_true(WIFEXITED(result));
  return WEXITSTATUS(result);
}

static inline bool exists(const char *name) {
  char path[600];
  struct stat info;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return stat(path, &info) == 0;
}

#define SUCCEEDS(...)                                                           \
  do {                                                                          \
    int code_ = sh(__VA_ARGS__);                                                \
    if (code_ != 0) fail_msg("%s: exit code %d: %s", #__VA_ARGS__, code_, err); \
    if (err[0] != '\0') fail_msg("%s: says '%s'", #__VA_ARGS__, err);           \
  } while (0)

/* One line on standard error that begins with the tool's name and has `part` in it. */
static inline void check_failure(int code, int expected, const char *part, const char *what) {
  if (code != expected) fail_msg("%s: exit code %d, expected %d: %s", what, code, expected, err);
  const char *line_end = strchr(err, '\n');
  if (strncmp(err, "clinception: ", 13) != 0 || line_end == NULL || line_end[1] != '\0') fail_msg("%s: not one sentence: '%s'", what, err);
  if (strstr(err, part) == NULL) fail_msg("%s: '%s' does not say '%s'", what, err, part);
}
#define FAILS(expected, part, ...) check_failure(sh(__VA_ARGS__), expected, part, #__VA_ARGS__)

static inline void assert_says(const char *part) {
  if (strstr(out, part) == NULL) fail_msg("'%s' is not in the output: %s", part, out);
}

/* A new folder for files; false when there can be none. */
static inline bool cli_make_folder(void) {
  char leak_options[1024]; /* a leak checker's report of what it left out is not an error of the tool */
  snprintf(leak_options, sizeof leak_options, "%s:print_suppressions=0", getenv("LSAN_OPTIONS") != NULL ? getenv("LSAN_OPTIONS") : "");
  setenv("LSAN_OPTIONS", leak_options, 1);
  snprintf(folder, sizeof folder, "/tmp/clinception-cli-XXXXXX");
  return mkdtemp(folder) != NULL;
}

static inline int cli_remove_folder(void) {
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  return system(command);
}

#endif
