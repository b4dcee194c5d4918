#include "tool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "terminal.h"

/* ------------------------------------------------------------------ errors */

/* One line whatever is in it: file names and compiler logs may hold line breaks. */
static void print_sentence(const char *format, va_list arguments) {
  char line[2048];
  vsnprintf(line, sizeof line, format, arguments);
  for (char *c = line; *c != '\0'; c++)
    if ((unsigned char)*c < ' ' || *c == 0x7F) *c = ' ';
  fflush(stdout);
  progress_clear();
  fprintf(stderr, "clinception: %s\n", line);
}

int tool_fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  print_sentence(format, arguments);
  va_end(arguments);
  return TOOL_FAILED;
}

int tool_usage(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  print_sentence(format, arguments);
  va_end(arguments);
  return TOOL_USAGE;
}

int tool_error(const icn_error *error) {
  tool_fail("%s", error->message);
  return error->status == ICN_ARGUMENT ? TOOL_USAGE : TOOL_FAILED;
}

/* ------------------------------------------------------------------ memory */

static void *checked(void *memory, size_t bytes) {
  if (memory == NULL) exit(tool_fail("out of memory: %zu bytes could not be allocated", bytes));
  return memory;
}

void *tool_allocate(size_t count, size_t size) { return checked(calloc(count > 0 ? count : 1, size), count * size); }

void *tool_grow(void *memory, size_t count, size_t size) {
  return checked(count > (size_t)-1 / size ? NULL : realloc(memory, count * size), count * size);
}

char *tool_format(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  char *text = tool_allocate((size_t)length + 1, 1);
  va_start(arguments, format);
  vsnprintf(text, (size_t)length + 1, format, arguments);
  va_end(arguments);
  return text;
}

void text_list_add(text_list *list, const char *item) {
  list->items = tool_grow(list->items, list->count + 1, sizeof *list->items);
  list->items[list->count++] = item;
}

void text_list_fini(text_list *list) {
  free(list->items);
  *list = (text_list){0};
}

/* ------------------------------------------------------------------ tables */

void table_init(table *t, const char *columns) { *t = (table){columns, NULL, 0}; }

void table_add(table *t, const char *format, ...) {
  char cell[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(cell, sizeof cell, format, arguments);
  va_end(arguments);
  t->cells = tool_grow(t->cells, t->count + 1, sizeof *t->cells);
  t->cells[t->count++] = tool_format("%s", cell);
}

/* Characters, not bytes: names may be UTF-8. */
static int text_width(const char *text) {
  int width = 0;
  for (; *text != '\0'; text++) width += ((unsigned char)*text & 0xC0) != 0x80;
  return width;
}

static int column_width(const table *t, size_t column) {
  int width = 0;
  for (size_t i = column; i < t->count; i += strlen(t->columns)) {
    int cell = text_width(t->cells[i]);
    width = cell > width ? cell : width;
  }
  return width;
}

static void print_cell(const table *t, size_t i, int width, bool last) {
  int padding = width - text_width(t->cells[i]);
  bool right = t->columns[i % strlen(t->columns)] == 'r';
  printf("%*s%s%*s%s", right ? padding : 0, "", t->cells[i], right || last ? 0 : padding, "", last ? "\n" : "  ");
}

void table_print(const table *t) {
  size_t columns = strlen(t->columns);
  int *width = tool_allocate(columns, sizeof *width);
  for (size_t c = 0; c < columns; c++) width[c] = column_width(t, c);
  for (size_t i = 0; i < t->count; i++) {
    print_cell(t, i, width[i % columns], i % columns == columns - 1);
    if (i != columns - 1) continue;
    for (size_t c = 0; c < columns; c++) {
      for (int k = 0; k < width[c]; k++) putchar('-');
      fputs(c == columns - 1 ? "\n" : "  ", stdout);
    }
  }
  free(width);
}

void table_fini(table *t) {
  for (size_t i = 0; i < t->count; i++) free(t->cells[i]);
  free(t->cells);
  *t = (table){0};
}

/* ----------------------------------------------------------------- numbers */

size_t tensor_elems(const icn_tensor_info *tensor) {
  size_t count = 1;
  for (int d = 0; d < tensor->rank; d++) count *= (size_t)tensor->dim[d];
  return count;
}

const char *tensor_shape_text(const icn_tensor_info *tensor, char text[SHAPE_TEXT_BYTES]) {
  size_t at = 0;
  snprintf(text, SHAPE_TEXT_BYTES, "%s", tensor->rank == 0 ? "scalar" : tensor->rank < 0 ? "of any rank" : "");
  for (int d = 0; d < tensor->rank && at < SHAPE_TEXT_BYTES; d++) {
    const char *separator = d > 0 ? "x" : "";
    int length = tensor->dim[d] < 0 ? snprintf(text + at, SHAPE_TEXT_BYTES - at, "%s?", separator)
                                    : snprintf(text + at, SHAPE_TEXT_BYTES - at, "%s%lld", separator, (long long)tensor->dim[d]);
    at += (size_t)length;
  }
  return text;
}

const char *count_text(size_t count, const char *one, char text[COUNT_TEXT_BYTES]) {
  snprintf(text, COUNT_TEXT_BYTES, "%zu %s%s", count, one, count == 1 ? "" : "s");
  return text;
}

const char *bytes_text(double bytes, char text[BYTES_TEXT_BYTES]) {
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  for (; bytes >= 1024.0 && unit < 4; unit++) bytes /= 1024.0;
  snprintf(text, BYTES_TEXT_BYTES, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
  return text;
}

/* ---------------------------------------------------------------- progress */

enum { BAR_CELLS = 30 };

static const char *bar_text(size_t filled, char bar[BAR_CELLS + 1]) {
  for (size_t i = 0; i < BAR_CELLS; i++) bar[i] = i < filled ? '#' : '.';
  bar[BAR_CELLS] = '\0';
  return bar;
}

void progress_show(const char *what, size_t done, size_t total) {
  if (!terminal_shows_progress()) return;
  char bar[BAR_CELLS + 1];
  if (total == 0) {
    fprintf(stderr, "\r\033[K%s ...", what);
  } else {
    fprintf(stderr, "\r\033[K[%s] %zu/%zu %s", bar_text(done * BAR_CELLS / total, bar), done, total, what);
  }
  fflush(stderr);
}

void progress_show_part(const char *what, double part, double seconds_left) {
  if (!terminal_shows_progress()) return;
  char bar[BAR_CELLS + 1], left[32] = "";
  const int seconds = seconds_left < 0 || seconds_left > 1e6 ? -1 : (int)(seconds_left + 0.5);
  if (seconds >= 0) snprintf(left, sizeof left, ", %d:%02d left", seconds / 60, seconds % 60);
  fprintf(stderr, "\r\033[K[%s] %2.0f %%%s: %.44s", bar_text((size_t)(part * BAR_CELLS), bar), part * 100, left, what);
  fflush(stderr);
}

void progress_clear(void) {
  if (!terminal_shows_progress()) return;
  fprintf(stderr, "\r\033[K");
  fflush(stderr);
}
