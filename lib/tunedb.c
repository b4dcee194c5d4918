#include "tunedb.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "glob.h"

enum { DEVICE, KEY, ROW, CONFIG, MICROSECONDS, DRIVER, VERSION, DATE, FIELDS };
enum { MOST_FILE_BYTES = 64 << 20, MOST_ROW_BYTES = 64, VALUES = sizeof((icn_config *)0)->value / sizeof(int32_t) };
static const char WRONG[] = "wrong";
static const char HEAD[] =
    "# clinception tuning 1: device pattern, problem, kernel row, parameters, microseconds, driver, library, date (fields end with tabs)\n";

/* ------------------------------------------------------------------- lines */

typedef struct span {
  const char *at;
  size_t length;
} span;

/* The next line without its end; false behind the last. */
static bool next_line(const char **at, const char *end, span *line) {
  if (*at == end) return false;
  const char *stop = memchr(*at, '\n', (size_t)(end - *at));
  *line = (span){*at, (size_t)((stop == NULL ? end : stop) - *at)};
  *at = stop == NULL ? end : stop + 1;
  if (line->length > 0 && line->at[line->length - 1] == '\r') line->length--;
  return true;
}

/* Exactly FIELDS fields, none empty, without control characters. */
static const char *split(span line, span field[FIELDS]) {
  int count = 0;
  if (line.length >= ICN_TUNE_LINE_BYTES) return "it is too long";
  field[0] = (span){line.at, 0};
  for (size_t i = 0; i < line.length; i++) {
    const unsigned char c = (unsigned char)line.at[i];
    if (c == '\t') {
      if (++count == FIELDS) return "it has too many fields";
      field[count] = (span){line.at + i + 1, 0};
    } else if (c < ' ' || c == 0x7F) {
      return "it holds control characters";
    } else {
      field[count].length++;
    }
  }
  if (count != FIELDS - 1) return "it is cut off";
  for (int f = 0; f < FIELDS; f++)
    if (field[f].length == 0) return "it has an empty field";
  return NULL;
}

static bool same(span a, const char *text) { return a.length == strlen(text) && memcmp(a.at, text, a.length) == 0; }

/* Digits up to `most`; *value is left alone and false returned where there are none or too many. */
static bool read_digits(span *text, uint64_t most, uint64_t *value) {
  uint64_t sum = 0;
  size_t i = 0;
  for (; i < text->length && text->at[i] >= '0' && text->at[i] <= '9'; i++) {
    sum = sum * 10 + (uint64_t)(text->at[i] - '0');
    if (sum > most) return false;
  }
  if (i == 0) return false;
  *text = (span){text->at + i, text->length - i};
  *value = sum;
  return true;
}

/* "4,9,3,16": at most as many as a configuration has; the rest is 0. */
static bool read_config(span text, icn_config *config) {
  memset(config, 0, sizeof *config);
  for (size_t i = 0; i < VALUES; i++) {
    uint64_t value;
    const bool negative = text.length > 0 && text.at[0] == '-';
    if (negative) text = (span){text.at + 1, text.length - 1};
    if (!read_digits(&text, INT32_MAX, &value)) return false;
    config->value[i] = negative ? -(int32_t)value : (int32_t)value;
    if (text.length == 0) return true;
    if (text.at[0] != ',') return false;
    text = (span){text.at + 1, text.length - 1};
  }
  return false;
}

/* "12.345": up to three digits behind the point, no locale, no exponent. More than 0, at most a day. */
static bool read_microseconds(span text, double *seconds) {
  uint64_t whole, part = 0;
  double scale = 1;
  if (!read_digits(&text, UINT64_C(86400000000), &whole)) return false;
  if (text.length > 0) {
    if (text.at[0] != '.' || text.length > 4) return false;
    text = (span){text.at + 1, text.length - 1};
    for (size_t i = 0; i < text.length; i++) scale *= 0.1;
    if (!read_digits(&text, 999, &part) || text.length > 0) return false;
  }
  *seconds = ((double)whole + (double)part * scale) * 1e-6;
  return *seconds > 0;
}

static bool is_row_name(span text) {
  if (text.length >= MOST_ROW_BYTES) return false;
  for (size_t i = 0; i < text.length; i++) {
    const char c = text.at[i];
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) return false;
  }
  return true;
}

/* ----------------------------------------------------------------- reading */

const char *icn_tunedb_device(const icn_device_desc *desc, const char *processor, char text[ICN_TUNE_DEVICE_BYTES]) {
  const bool cpu = desc->kind == ICN_DEVICE_CPU;
  snprintf(text, ICN_TUNE_DEVICE_BYTES, "%s on %s, %" PRIu32 " units of %" PRIu32 " lanes%s%.255s", desc->name, desc->platform,
           desc->compute_units, desc->vector_width, cpu ? ", " : "",
           !cpu ? "" : (processor == NULL || processor[0] == '\0' ? "unknown processor" : processor));
  for (char *c = text; *c != '\0'; c++)
    if ((unsigned char)*c < ' ' || *c == 0x7F) *c = ' ';
  return text;
}

static bool matches(span pattern, const char *device) {
  char text[ICN_TUNE_LINE_BYTES];
  memcpy(text, pattern.at, pattern.length); /* a line is shorter */
  text[pattern.length] = '\0';
  return icn_glob(text, device);
}

/* One text being read. */
typedef struct reading {
  icn_tunedb *db;
  const char *device;
  bool shipped;
  const char **other_keys; /* of lines of other versions, other_count of them */
  size_t other_count, other_capacity;
} reading;

static const char *read_row(icn_tunedb *db, const span field[FIELDS], icn_tune_row *row) {
  row->seconds = 0;
  if (field[KEY].length >= ICN_KEY_BYTES) return "its problem is too long";
  if (!is_row_name(field[ROW])) return "its kernel row is no name";
  if (!read_config(field[CONFIG], &row->config)) return "its parameters are no numbers";
  if (!same(field[MICROSECONDS], WRONG) && !read_microseconds(field[MICROSECONDS], &row->seconds)) return "its time is no number";
  row->key = icn_arena_text(&db->arena, field[KEY].at, field[KEY].length);
  row->row = icn_arena_text(&db->arena, field[ROW].at, field[ROW].length);
  return NULL;
}

static icn_status note_damage(const reading *r, size_t line, const char *what) {
  if (r->shipped || r->db->damaged++ > 0) return ICN_OK;
  r->db->damaged_line = line;
  snprintf(r->db->damage, sizeof r->db->damage, "%s", what);
  return ICN_OK;
}

static icn_status note_other_device(const reading *r) {
  if (!r->shipped) r->db->other_device++;
  return ICN_OK;
}

/* Which problems they are about is kept: where this version has its own results, nobody misses them. */
static icn_status note_other_version(reading *r, span key, icn_error *error) {
  if (r->shipped) return ICN_OK;
  r->db->other_version++;
  const char **keys = icn_arena_grow(&r->db->arena, r->other_keys, r->other_count, &r->other_capacity, sizeof *keys);
  const char *copy = icn_arena_text(&r->db->arena, key.at, key.length);
  if (keys == NULL || copy == NULL) return icn_error_memory(error, key.length, "the tuning database");
  r->other_keys = keys;
  keys[r->other_count++] = copy;
  return ICN_OK;
}

static icn_status read_line(reading *r, span line, size_t number, icn_error *error) {
  icn_tunedb *db = r->db;
  span field[FIELDS];
  icn_tune_row row = {.shipped = r->shipped};
  const char *damage = split(line, field);
  if (damage == NULL && !matches(field[DEVICE], r->device)) return note_other_device(r);
  if (damage == NULL && !same(field[VERSION], icn_version())) return note_other_version(r, field[KEY], error);
  if (damage == NULL) damage = read_row(db, field, &row);
  if (damage != NULL) return note_damage(r, number, damage);
  icn_tune_row *rows = icn_arena_grow(&db->arena, db->rows, db->count, &db->capacity, sizeof *rows);
  if (rows == NULL || row.key == NULL || row.row == NULL) return icn_error_memory(error, sizeof row, "the tuning database");
  db->rows = rows;
  rows[db->count++] = row;
  return ICN_OK;
}

static int by_key_and_time(const void *left, const void *right) {
  const icn_tune_row *a = left, *b = right;
  const int order = strcmp(a->key, b->key);
  if (order != 0) return order;
  if (a->shipped != b->shipped) return a->shipped ? 1 : -1;
  if (a->seconds != b->seconds) return a->seconds < b->seconds ? -1 : 1;
  const int rows = strcmp(a->row, b->row);
  return rows != 0 ? rows : memcmp(&a->config, &b->config, sizeof a->config);
}

static icn_status read_lines(reading *r, const char *data, size_t bytes, icn_error *error) {
  icn_status status = ICN_OK;
  span line;
  size_t number = 0;
  for (const char *at = data, *end = bytes > 0 ? data + bytes : data; bytes > 0 && next_line(&at, end, &line);) {
    number++;
    if (line.length == 0 || line.at[0] == '#') continue;
    ICN_TRY(read_line(r, line, number, error));
  }
  if (r->db->count > 1) qsort(r->db->rows, r->db->count, sizeof *r->db->rows, by_key_and_time);
done:
  return status;
}

icn_status icn_tunedb_parse(icn_tunedb *db, const char *data, size_t bytes, const char *device, const icn_allocator *allocator,
                            icn_error *error) {
  icn_status status = ICN_OK;
  reading r = {.db = db, .device = device};
  memset(db, 0, sizeof *db);
  icn_arena_init(&db->arena, allocator);
  ICN_REQUIRE(bytes <= MOST_FILE_BYTES, ICN_FORMAT, "a tuning file of %zu bytes, at most %d are read", bytes, MOST_FILE_BYTES);
  ICN_TRY(read_lines(&r, data, bytes, error));
  for (size_t i = 0; i < r.other_count; i++) db->outdated += icn_tunedb_knows(db, r.other_keys[i]) ? 0 : 1;
done:
  if (status != ICN_OK) icn_tunedb_fini(db);
  return status;
}

icn_status icn_tunedb_add_shipped(icn_tunedb *db, const char *text, size_t bytes, const char *device, icn_error *error) {
  reading r = {.db = db, .device = device, .shipped = true};
  return read_lines(&r, text, bytes, error);
}

void icn_tunedb_fini(icn_tunedb *db) {
  icn_allocator allocator = db->arena.allocator;
  icn_arena_fini(&db->arena);
  memset(db, 0, sizeof *db);
  icn_arena_init(&db->arena, &allocator);
}

const icn_tune_row *icn_tunedb_find(const icn_tunedb *db, const char *key, size_t *count) {
  *count = 0;
  if (db == NULL || db->count == 0) return NULL;
  size_t from = 0, to = db->count;
  while (from < to) { /* the first row that is not before `key` */
    const size_t middle = from + (to - from) / 2;
    if (strcmp(db->rows[middle].key, key) < 0)
      from = middle + 1;
    else
      to = middle;
  }
  for (; from + *count < db->count && strcmp(db->rows[from + *count].key, key) == 0; ++*count)
    if (db->without_shipped && db->rows[from + *count].shipped) break; /* they stand last */
  return *count > 0 ? &db->rows[from] : NULL;
}

bool icn_tunedb_knows(const icn_tunedb *db, const char *key) {
  size_t count;
  const icn_tune_row *rows = icn_tunedb_find(db, key, &count);
  for (size_t i = 0; i < count; i++)
    if (!rows[i].shipped && rows[i].seconds > 0) return true;
  return false;
}

bool icn_tunedb_complaint(const icn_tunedb *db, const char *path, char *text, size_t bytes) {
  if (db->damaged == 0) return false;
  snprintf(text, bytes, "tuning file '%s': %zu %s not used, the first is line %zu: %s", path, db->damaged,
           db->damaged == 1 ? "line is" : "lines are", db->damaged_line, db->damage);
  return true;
}

bool icn_tunedb_outdated(const icn_tunedb *db, const char *path, char *text, size_t bytes) {
  if (db->outdated == 0) return false;
  snprintf(text, bytes, "tuning file '%s': %zu %s of another version %s not used: run 'clinception tune' again", path, db->outdated,
           db->outdated == 1 ? "line" : "lines", db->outdated == 1 ? "is" : "are");
  return true;
}

/* ----------------------------------------------------------------- writing */

/* A pattern that only `device` (and what differs where a character means something in patterns) matches. */
static void pattern_of(const char *device, char pattern[ICN_TUNE_DEVICE_BYTES]) {
  size_t i = 0;
  for (; device[i] != '\0' && i + 1 < ICN_TUNE_DEVICE_BYTES; i++) {
    const bool special = strchr("*?[]|\t", device[i]) != NULL || (i == 0 && strchr("!#", device[i]) != NULL);
    pattern[i] = special ? '?' : device[i];
  }
  pattern[i] = '\0';
}

static void copy_field(const char *text, char *field, size_t bytes) {
  snprintf(field, bytes, "%s", text == NULL || text[0] == '\0' ? "?" : text);
  for (char *c = field; *c != '\0'; c++)
    if ((unsigned char)*c < ' ' || *c == 0x7F) *c = ' ';
}

static void config_text(const icn_config *config, char *text, size_t bytes) {
  size_t count = VALUES, length = 0;
  while (count > 1 && config->value[count - 1] == 0) count--;
  for (size_t i = 0; i < count; i++)
    length += (size_t)snprintf(text + length, bytes - length, "%s%" PRId32, i == 0 ? "" : ",", config->value[i]);
}

static bool time_text(double seconds, char *text, size_t bytes) {
  const double nanoseconds = seconds * 1e9 < 1 ? 1 : seconds * 1e9 + 0.5;
  if (!(nanoseconds < 8.64e13)) return false;
  const uint64_t whole = (uint64_t)nanoseconds;
  if (seconds > 0)
    snprintf(text, bytes, "%" PRIu64 ".%03" PRIu64, whole / 1000, whole % 1000);
  else
    snprintf(text, bytes, "%s", WRONG);
  return true;
}

bool icn_tunedb_line(const char *device, const char *driver, const char *date, const icn_tune_row *row, char line[ICN_TUNE_LINE_BYTES]) {
  char pattern[ICN_TUNE_DEVICE_BYTES], parameters[12 * VALUES], driver_text[320], date_text[32];
  pattern_of(device, pattern);
  copy_field(driver, driver_text, sizeof driver_text);
  copy_field(date, date_text, sizeof date_text);
  config_text(&row->config, parameters, sizeof parameters);
  char time[32];
  if (!time_text(row->seconds, time, sizeof time)) return false;
  const int length = snprintf(line, ICN_TUNE_LINE_BYTES, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", pattern, row->key, row->row, parameters, time,
                              driver_text, icn_version(), date_text);
  return length > 0 && length < ICN_TUNE_LINE_BYTES;
}

/* ----------------------------------------------------------------- merging */

typedef struct entry {
  span line, field[FIELDS];
  bool understood, added;
} entry;

static int compare_spans(span a, span b) {
  const size_t common = a.length < b.length ? a.length : b.length;
  const int order = common == 0 ? 0 : memcmp(a.at, b.at, common);
  if (order != 0) return order;
  return a.length == b.length ? 0 : a.length < b.length ? -1 : 1;
}

/* Lines on the same thing become neighbours, the one to keep first. */
static int by_subject(const void *left, const void *right) {
  const entry *a = left, *b = right;
  if (a->understood != b->understood) return a->understood ? -1 : 1;
  for (int f = DEVICE; a->understood && f <= ROW; f++) {
    const int order = compare_spans(a->field[f], b->field[f]);
    if (order != 0) return order;
  }
  if (a->added != b->added) return a->added ? -1 : 1;
  const int dates = a->understood ? compare_spans(b->field[DATE], a->field[DATE]) : 0;
  return dates != 0 ? dates : compare_spans(a->line, b->line);
}

static bool same_subject(const entry *a, const entry *b) {
  if (!a->understood || !b->understood) return compare_spans(a->line, b->line) == 0;
  for (int f = DEVICE; f <= ROW; f++)
    if (compare_spans(a->field[f], b->field[f]) != 0) return false;
  return true;
}

static size_t count_lines(const char *data, size_t bytes) {
  size_t lines = 1;
  for (size_t i = 0; i < bytes; i++) lines += data[i] == '\n';
  return lines;
}

/* Comments go to `text` at once, but for the head, which stands there already. */
static size_t collect(const char *data, size_t bytes, bool added, entry *entries, icn_text *text) {
  size_t count = 0;
  span line;
  for (const char *at = data, *end = bytes > 0 ? data + bytes : data; bytes > 0 && next_line(&at, end, &line);) {
    if (line.length == 0) continue;
    if (line.at[0] == '#') {
      if (!(line.length == strlen(HEAD) - 1 && memcmp(line.at, HEAD, line.length) == 0))
        icn_text_append(text, "%.*s\n", (int)line.length, line.at);
      continue;
    }
    entries[count] = (entry){.line = line, .added = added};
    entries[count].understood = split(line, entries[count].field) == NULL;
    count++;
  }
  return count;
}

static bool is_tuning_file(const char *data, size_t bytes, const entry *entries, size_t count) {
  static const char MARK[] = "# clinception tuning ";
  if (count == 0 && bytes == 0) return true;
  if (bytes > strlen(MARK) && memcmp(data, MARK, strlen(MARK)) == 0) return true;
  for (size_t i = 0; i < count; i++)
    if (entries[i].understood) return true;
  return false;
}

icn_status icn_tunedb_merge(const char *data, size_t bytes, const char *added, icn_text *merged, icn_error *error) {
  icn_status status = ICN_OK;
  entry *entries = NULL;
  const size_t added_bytes = strlen(added);
  ICN_REQUIRE(bytes <= MOST_FILE_BYTES, ICN_FORMAT, "it has %zu bytes, a tuning file has at most %d", bytes, MOST_FILE_BYTES);
  ICN_REQUIRE(bytes == 0 || memchr(data, '\0', bytes) == NULL, ICN_FORMAT, "it is no text");
  const size_t most = count_lines(data, bytes) + count_lines(added, added_bytes);
  entries = icn_allocate_array(&merged->allocator, most, sizeof *entries);
  if (entries == NULL) ICN_TRY(icn_error_memory(error, most * sizeof *entries, "the tuning database"));
  icn_text_append(merged, "%s", HEAD);
  size_t count = collect(data, bytes, false, entries, merged);
  ICN_REQUIRE(is_tuning_file(data, bytes, entries, count), ICN_FORMAT, "it is no tuning file, and is left as it is");
  count += collect(added, added_bytes, true, entries + count, merged);
  qsort(entries, count, sizeof *entries, by_subject);
  for (size_t i = 0; i < count; i++) {
    if (i > 0 && same_subject(&entries[i - 1], &entries[i])) continue;
    icn_text_append(merged, "%.*s\n", (int)entries[i].line.length, entries[i].line.at);
  }
  if (merged->failed) ICN_TRY(icn_error_memory(error, bytes + added_bytes, "the tuning database"));
done:
  icn_release(&merged->allocator, entries);
  return status;
}
