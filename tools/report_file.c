#include "report_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os.h"
#include "terminal.h"

enum { RUNNING_BYTES = 640, PIECES = 5, PATH_BYTES = 4096 };
static const double WRITE_EVERY_SECONDS = 0.5;
static const char STATE_MARK[] = "@@state@@", RUNNING_MARK[] = "@@running@@";

/* A signal handler has no other way to it: the one object of this file. */
static struct {
  const char *path;
  char temporary[PATH_BYTES]; /* of the signal handler */
  bool once, shows_progress;
  double written;
  char *text; /* the last one, with marks */
  const char *volatile pieces[3];
  volatile size_t lengths[3];
  char running[2][RUNNING_BYTES];
  volatile int now;    /* which of the two */
  volatile bool whole; /* text and pieces belong together */
} file;

/* ------------------------------------------------------------------- state */

void report_file_add_state(cJSON *object) {
  cJSON_AddStringToObject(object, "state", STATE_MARK);
  cJSON_AddStringToObject(object, "running", RUNNING_MARK);
}

void report_file_running(const char *format, ...) {
  char *next = file.running[1 - file.now];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(next, RUNNING_BYTES, format, arguments);
  va_end(arguments);
  for (char *c = next; *c != '\0'; c++)
    if ((unsigned char)*c < ' ' || *c == '"' || *c == '\\' || *c == 0x7F) *c = ' '; /* it is put between quotes as it is */
  file.now = 1 - file.now;
}

bool report_file_is_due(void) { return !file.once && icn_os_seconds() - file.written > WRITE_EVERY_SECONDS; }

/* Only what a signal handler may. */
static void write_last_words(const char *signal_name, bool crashed) {
  if (!file.whole || file.once) return;
  const char *words = crashed ? "crashed: " : "interrupted: ", *running = file.running[file.now];
  const char *const pieces[] = {file.pieces[0], words, signal_name, file.pieces[1], running, file.pieces[2]};
  const size_t lengths[] = {file.lengths[0], strlen(words), strlen(signal_name), file.lengths[1], strlen(running), file.lengths[2]};
  terminal_replace_file(file.path, file.temporary, pieces, lengths, sizeof lengths / sizeof lengths[0]);
  if (!crashed) return;
  const char *const sentence[] = {file.shows_progress ? "\n" : "",
                                  "clinception: the process crashed (",
                                  signal_name,
                                  ") in ",
                                  running,
                                  "; '",
                                  file.path,
                                  "' holds what was found until then; --skip ROW leaves a kernel row out\n"};
  terminal_say(sentence, sizeof sentence / sizeof sentence[0]);
}

/* ------------------------------------------------------------------ writing */

int report_file_open(const char *path) {
  icn_error error;
  memset(&file, 0, sizeof file);
  file.path = path;
  file.once = terminal_writes_in_place(path);
  file.shows_progress = terminal_shows_progress();
  if (snprintf(file.temporary, sizeof file.temporary, "%s.%lu.tmp", path, icn_os_process()) >= PATH_BYTES)
    return tool_fail("cannot write '%.60s...': the path is too long", path);
  if (file.once && !terminal_is_pipe(path) && icn_os_write_file(path, "\n", 1, &error) != ICN_OK) /* JSON may begin with it */
    return tool_error(&error);
  terminal_catch_signals(write_last_words);
  return TOOL_OK;
}

/* The pieces around the two marks. */
static void cut(char *text) {
  const char *state = strstr(text, STATE_MARK), *running = strstr(text, RUNNING_MARK);
  file.whole = false;
  free(file.text);
  file.text = text;
  const char *ends[3] = {state, running, text + strlen(text)}, *start = text;
  const size_t marks[3] = {sizeof STATE_MARK - 1, sizeof RUNNING_MARK - 1, 0};
  for (int i = 0; i < 3; i++) {
    file.pieces[i] = start;
    file.lengths[i] = (size_t)(ends[i] - start);
    start = ends[i] + marks[i];
  }
  file.whole = true;
}

static int write_state(cJSON *object, const char *state, const char *running, size_t *bytes) {
  icn_error error;
  char *printed = cJSON_Print(object);
  cJSON_Delete(object);
  if (printed == NULL) return tool_fail("out of memory while the report was made");
  char *marked = tool_format("%s\n", printed);
  cJSON_free(printed);
  cut(marked);
  char *text = tool_format("%.*s%s%.*s%s%s", (int)file.lengths[0], file.pieces[0], state, (int)file.lengths[1], file.pieces[1], running,
                           file.pieces[2]);
  *bytes = strlen(text);
  const icn_status status = icn_os_write_file(file.path, text, *bytes, &error);
  free(text);
  file.written = icn_os_seconds();
  return status == ICN_OK ? TOOL_OK : tool_error(&error);
}

int report_file_write(cJSON *object) {
  size_t bytes;
  if (!file.once) return write_state(object, "running", file.running[file.now], &bytes);
  cJSON_Delete(object);
  return TOOL_OK;
}

int report_file_finish(cJSON *object, const char *state, bool still_running, size_t *bytes) {
  const int code = write_state(object, state, still_running ? file.running[file.now] : "", bytes);
  file.whole = false; /* what comes now must not write it again */
  free(file.text);
  file.text = NULL;
  return code;
}
