#include "kernel_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATE, DEVICE, DRIVER, LIBRARY, ROW, CONFIG, PROBLEM, KERNEL, PROCESS, DATE, NOTE, FIELDS };
enum { MOST_FILE_BYTES = 16 << 20, MOST_FIELD_BYTES = 400, MOST_LINE_BYTES = (FIELDS + 1) * MOST_FIELD_BYTES, DAY_SECONDS = 24 * 60 * 60 };
static const char HEAD[] =
    "# clinception kernels 1: state, device, driver, library, kernel row, parameters, problem, kernel, process, date, note (fields end "
    "with "
    "tabs)\n";
static const char *const STATES[ICN_KERNEL_STATES] = {"right", "wrong", "running", "stopped", "crashed", "crashed twice", "refused"};

const char *icn_kernel_state_name(icn_kernel_state state) { return STATES[state]; }

void icn_kernel_log_init(icn_kernel_log *log, const icn_allocator *allocator) {
  memset(log, 0, sizeof *log);
  icn_arena_init(&log->arena, allocator);
}

void icn_kernel_log_fini(icn_kernel_log *log) {
  const icn_allocator allocator = log->arena.allocator;
  icn_arena_fini(&log->arena);
  icn_kernel_log_init(log, &allocator);
}

/* -------------------------------------------------------------------- dates */

/* Two digits, -1 for others. */
static int two_digits(const char *text) {
  if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9') return -1;
  return (text[0] - '0') * 10 + text[1] - '0';
}

int64_t icn_date_seconds(const char *date) {
  static const char FORM[] = "0000-00-00T00:00:00Z";
  if (strlen(date) != sizeof FORM - 1) return -1;
  for (size_t i = 0; i < sizeof FORM - 1; i++)
    if (FORM[i] == '0' ? date[i] < '0' || date[i] > '9' : date[i] != FORM[i]) return -1;
  const int month = two_digits(date + 5), day = two_digits(date + 8);
  if (month < 1 || month > 12 || day < 1 || day > 31) return -1;
  /* Days since 1 March of year 0: years that begin in March have their leap day at their end. */
  const int64_t year = two_digits(date) * 100 + two_digits(date + 2) - (month <= 2 ? 1 : 0), era = year / 400, of_era = year % 400;
  const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int64_t days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
  return days * DAY_SECONDS + two_digits(date + 11) * 3600 + two_digits(date + 14) * 60 + two_digits(date + 17);
}

/* ----------------------------------------------------------------- entries */

static const char **text_of(icn_kernel_entry *entry, int field) {
  const char **const texts[FIELDS] = {NULL,           &entry->device,  &entry->driver, &entry->library, &entry->row,
                                      &entry->config, &entry->problem, &entry->kernel, &entry->process, &entry->date,
                                      &entry->note};
  return texts[field];
}

/* About one kernel, not about a row. */
static bool is_tested(const icn_kernel_entry *entry) {
  return entry->state == ICN_KERNEL_RIGHT || entry->state == ICN_KERNEL_WRONG || entry->state == ICN_KERNEL_REFUSED;
}

static bool is_crash(const icn_kernel_entry *entry) {
  return entry->state == ICN_KERNEL_STOPPED || entry->state == ICN_KERNEL_CRASHED || entry->state == ICN_KERNEL_CRASHED_TWICE;
}

static bool same_row(const icn_kernel_entry *a, const icn_kernel_entry *b) {
  return strcmp(a->row, b->row) == 0 && strcmp(a->device, b->device) == 0 && strcmp(a->driver, b->driver) == 0;
}

static bool same_subject(const icn_kernel_entry *a, const icn_kernel_entry *b) {
  if (is_tested(a) && is_tested(b)) return strcmp(a->kernel, b->kernel) == 0;
  if (is_crash(a) && is_crash(b)) return same_row(a, b);
  return a->state == ICN_KERNEL_RUNNING && b->state == ICN_KERNEL_RUNNING && same_row(a, b) && strcmp(a->process, b->process) == 0;
}

static const char *copy_field(icn_kernel_log *log, const char *text) {
  if (text == NULL || text[0] == '\0') text = "-";
  const size_t length = strlen(text);
  char *copy = icn_arena_text(&log->arena, text, length < MOST_FIELD_BYTES ? length : MOST_FIELD_BYTES);
  for (char *c = copy; c != NULL && *c != '\0'; c++)
    if ((unsigned char)*c < ' ' || *c == 0x7F) *c = ' ';
  return copy;
}

static icn_status copy_entry(icn_kernel_log *log, const icn_kernel_entry *entry, icn_kernel_entry *copy, icn_error *error) {
  *copy = *entry;
  for (int f = DEVICE; f < FIELDS; f++) {
    const char **text = text_of(copy, f);
    *text = copy_field(log, *text);
    if (*text == NULL) return icn_error_memory(error, sizeof *copy, "what is known of kernels");
  }
  return ICN_OK;
}

static icn_status append(icn_kernel_log *log, const icn_kernel_entry *copy, icn_error *error) {
  icn_kernel_entry *entries = icn_arena_grow(&log->arena, log->entries, log->count, &log->capacity, sizeof *entries);
  if (entries == NULL) return icn_error_memory(error, sizeof *copy, "what is known of kernels");
  log->entries = entries;
  log->entries[log->count++] = *copy;
  return ICN_OK;
}

icn_status icn_kernel_log_put(icn_kernel_log *log, const icn_kernel_entry *entry, icn_error *error) {
  icn_kernel_entry copy;
  size_t index = 0;
  const icn_status status = copy_entry(log, entry, &copy, error);
  if (status != ICN_OK) return status;
  while (index < log->count && !same_subject(&log->entries[index], &copy)) index++;
  if (index == log->count) return append(log, &copy, error);
  log->entries[index] = copy;
  return ICN_OK;
}

void icn_kernel_log_remove(icn_kernel_log *log, size_t index) {
  memmove(&log->entries[index], &log->entries[index + 1], (log->count - index - 1) * sizeof *log->entries);
  log->count--;
}

const icn_kernel_entry *icn_kernel_log_tested(const icn_kernel_log *log, const char *kernel) {
  for (size_t i = 0; i < log->count; i++)
    if (is_tested(&log->entries[i]) && strcmp(log->entries[i].kernel, kernel) == 0) return &log->entries[i];
  return NULL;
}

/* A clock that was put back does not keep a row out for longer than a day either. */
bool icn_kernel_is_out(const icn_kernel_entry *entry, const char *now) {
  if (entry->state != ICN_KERNEL_CRASHED && entry->state != ICN_KERNEL_REFUSED) return entry->state == ICN_KERNEL_CRASHED_TWICE;
  const int64_t since = icn_date_seconds(now) - icn_date_seconds(entry->date);
  return since > -DAY_SECONDS && since < DAY_SECONDS;
}

icn_status icn_kernel_log_strike(icn_kernel_log *log, size_t marker, const char *now, icn_error *error) {
  icn_kernel_entry crash = log->entries[marker];
  const bool building = strcmp(crash.note, ICN_KERNEL_BUILDING) == 0;
  crash.state = building ? ICN_KERNEL_STOPPED : ICN_KERNEL_CRASHED;
  crash.date = now;
  for (size_t i = 0; i < log->count; i++) {
    if (!is_crash(&log->entries[i]) || !same_row(&log->entries[i], &crash)) continue;
    crash.state = log->entries[i].state == ICN_KERNEL_STOPPED ? ICN_KERNEL_CRASHED : ICN_KERNEL_CRASHED_TWICE;
  }
  icn_kernel_log_remove(log, marker);
  return icn_kernel_log_put(log, &crash, error);
}

/* ----------------------------------------------------------------- reading */

static bool is_name(const char *text, const char *others) {
  for (const char *c = text; *c != '\0'; c++)
    if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || strchr(others, *c) != NULL)) return false;
  return text[0] != '\0';
}

static bool is_state(const char *text, icn_kernel_state *state) {
  for (int i = 0; i < ICN_KERNEL_STATES; i++) {
    if (strcmp(text, STATES[i]) != 0) continue;
    *state = (icn_kernel_state)i;
    return true;
  }
  return false;
}

/* `line` is cut into its fields. NULL or what is wrong with it. */
static const char *read_entry(char *line, icn_kernel_entry *entry) {
  int count = 0;
  memset(entry, 0, sizeof *entry);
  for (char *field = line; field != NULL; count++) {
    char *end = strchr(field, '\t');
    if (end != NULL) *end = '\0';
    if (count == FIELDS) return "it has too many fields";
    if (field[0] == '\0') return "it has an empty field";
    for (const char *c = field; *c != '\0'; c++)
      if ((unsigned char)*c < ' ' || *c == 0x7F) return "it holds control characters";
    if (count == STATE && !is_state(field, &entry->state)) return "its state is none";
    if (count != STATE) *text_of(entry, count) = field;
    field = end == NULL ? NULL : end + 1;
  }
  if (count != FIELDS) return "it is cut off";
  if (!is_name(entry->row, "_") || strlen(entry->row) >= 64) return "its kernel row is no name";
  if (icn_date_seconds(entry->date) < 0) return "its date is none";
  if (is_tested(entry) && (strlen(entry->kernel) != ICN_KERNEL_HASH_BYTES - 1 || !is_name(entry->kernel, "")))
    return "its kernel is no hash";
  return NULL;
}

static void note_damage(icn_kernel_log *log, size_t line, const char *what) {
  if (log->damaged++ > 0) return;
  log->damaged_line = line;
  snprintf(log->damage, sizeof log->damage, "%s", what);
}

static icn_status read_line(icn_kernel_log *log, const char *at, size_t length, size_t number, icn_error *error) {
  char line[MOST_LINE_BYTES];
  icn_kernel_entry entry;
  if (length > 0 && at[length - 1] == '\r') length--;
  if (length == 0 || at[0] == '#') return ICN_OK;
  const char *damage = length >= sizeof line ? "it is too long" : memchr(at, '\0', length) != NULL ? "it holds control characters" : NULL;
  if (damage == NULL) {
    memcpy(line, at, length);
    line[length] = '\0';
    damage = read_entry(line, &entry);
  }
  if (damage != NULL) {
    note_damage(log, number, damage);
    return ICN_OK;
  }
  icn_kernel_entry copy;
  const icn_status status = copy_entry(log, &entry, &copy, error);
  return status == ICN_OK ? append(log, &copy, error) : status; /* what is written has no two on one thing */
}

icn_status icn_kernel_log_parse(icn_kernel_log *log, const char *data, size_t bytes, icn_error *error) {
  icn_status status = ICN_OK;
  size_t number = 0;
  ICN_REQUIRE(bytes <= MOST_FILE_BYTES, ICN_FORMAT, "it has %zu bytes, at most %d are read", bytes, MOST_FILE_BYTES);
  for (size_t at = 0; at < bytes;) {
    const char *stop = memchr(data + at, '\n', bytes - at);
    const size_t length = (stop == NULL ? bytes : (size_t)(stop - data)) - at;
    ICN_TRY(read_line(log, data + at, length, ++number, error));
    at += length + 1;
  }
done:
  return status;
}

bool icn_kernel_log_complaint(const icn_kernel_log *log, const char *path, char *text, size_t bytes) {
  if (log->damaged == 0) return false;
  snprintf(text, bytes, "'%.300s': %zu %s skipped, the first is line %zu: %s", path, log->damaged,
           log->damaged == 1 ? "line is" : "lines are", log->damaged_line, log->damage);
  return true;
}

/* ----------------------------------------------------------------- writing */

void icn_kernel_log_print(const icn_kernel_log *log, icn_text *text) {
  size_t tested = 0;
  for (size_t i = 0; i < log->count; i++) tested += is_tested(&log->entries[i]);
  icn_text_append(text, "%s", HEAD);
  for (size_t i = 0; i < log->count; i++) { /* the oldest stand first */
    icn_kernel_entry entry = log->entries[i];
    if (is_tested(&entry) && tested > ICN_KERNEL_LINES) {
      tested--;
      continue;
    }
    icn_text_append(text, "%s", STATES[entry.state]);
    for (int f = DEVICE; f < FIELDS; f++) icn_text_append(text, "\t%s", *text_of(&entry, f));
    icn_text_append(text, "\n");
  }
}
