#include "dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os.h"

void dataset_add(dataset *d, char *name, int label) {
  if ((d->count & (d->count - 1)) == 0) /* 0 or a power of two: twice as much */
    d->pictures = tool_grow(d->pictures, d->count == 0 ? 1 : d->count * 2, sizeof *d->pictures);
  d->pictures[d->count++] = (dataset_picture){name, label};
}

void dataset_fini(dataset *d) {
  for (size_t i = 0; i < d->count; i++) free(d->pictures[i].name);
  for (size_t i = 0; i < d->folder_count; i++) free(d->folders[i]);
  free(d->pictures);
  free(d->folders);
  free(d->idx);
  *d = (dataset){0};
}

/* A whole number from 0 to 1e9, and nothing else. */
static bool read_class(const char *text, long *number) {
  if (*text == '\0' || strspn(text, "0123456789") != strlen(text) || strlen(text) > 9) return false;
  *number = atol(text);
  return true;
}

/* AMBIGUOUS: several classes have that name (of ImageNet's, "crane" and "maillot"). */
enum { NO_LABEL = -1, AMBIGUOUS = -2 };
static int find_label(const labels *l, const char *name) {
  int found = NO_LABEL;
  for (size_t i = 0; i < l->lines.count; i++)
    if (strcmp(l->lines.items[i], name) == 0) found = found == NO_LABEL ? (int)i : AMBIGUOUS;
  return found;
}

/* ----------------------------------------------------------------- folders */

static bool ends_like_a_picture(const char *name) {
  static const char *const ENDS[] = {"jpg", "jpeg", "png", "bmp", "gif", "tga", "ppm", "pgm", "pbm", "pnm"};
  const char *dot = strrchr(name, '.');
  for (size_t i = 0; dot != NULL && i < sizeof ENDS / sizeof *ENDS; i++) {
    size_t k = 0;
    while (ENDS[i][k] != '\0' && (dot[1 + k] | 0x20) == ENDS[i][k]) k++;
    if (ENDS[i][k] == '\0' && dot[1 + k] == '\0') return true;
  }
  return false;
}

/* What a folder holds, names sorted. */
typedef struct listing {
  char **files, **folders;
  size_t file_count, folder_count, others;
} listing;

static bool visit(void *user, const char *name, bool is_folder) {
  listing *l = user;
  if (name[0] == '.') return true; /* hidden */
  if (is_folder) {
    l->folders = tool_grow(l->folders, l->folder_count + 1, sizeof *l->folders);
    l->folders[l->folder_count++] = tool_format("%s", name);
  } else if (ends_like_a_picture(name)) {
    l->files = tool_grow(l->files, l->file_count + 1, sizeof *l->files);
    l->files[l->file_count++] = tool_format("%s", name);
  } else {
    l->others++;
  }
  return true;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static int list_folder(const char *path, listing *l) {
  *l = (listing){0};
  if (!icn_os_list_folder(path, visit, l)) return tool_fail("folder '%s' cannot be read", path);
  if (l->file_count > 0) qsort(l->files, l->file_count, sizeof *l->files, by_name);
  if (l->folder_count > 0) qsort(l->folders, l->folder_count, sizeof *l->folders, by_name);
  return TOOL_OK;
}

static void listing_fini(listing *l) {
  for (size_t i = 0; i < l->file_count; i++) free(l->files[i]);
  for (size_t i = 0; i < l->folder_count; i++) free(l->folders[i]);
  free(l->files);
  free(l->folders);
}

/* The class of folder `index`. */
static int class_of_folder(const dataset *d, size_t index, const labels *l, long offset, int *label) {
  long number = (long)index;
  if (l->lines.count > 0 && !d->folders_are_numbers) {
    *label = find_label(l, d->folders[index]);
    if (*label >= 0) return TOOL_OK;
    if (*label == AMBIGUOUS) return tool_fail("folder '%s' of '%s': several of the labels are that name", d->folders[index], d->path);
    return tool_fail("folder '%s' of '%s' is none of the %zu labels", d->folders[index], d->path, l->lines.count);
  }
  if (d->folders_are_numbers && read_class(d->folders[index], &number)) number += offset;
  if (number < 0)
    return tool_fail("folder '%s' of '%s' would be class %ld with --label-offset %ld", d->folders[index], d->path, number, offset);
  *label = (int)number;
  return TOOL_OK;
}

static int add_folder(dataset *d, size_t index, int label) {
  listing inside;
  char *path = tool_format("%s/%s", d->path, d->folders[index]);
  int code = list_folder(path, &inside);
  if (code == TOOL_OK && inside.file_count == 0)
    code = tool_fail("class folder '%s' has no pictures (.jpg, .png, .bmp, .gif, .tga, .ppm): remove it, or see what is wrong", path);
  for (size_t i = 0; i < inside.file_count && code == TOOL_OK; i++) dataset_add(d, tool_format("%s/%s", path, inside.files[i]), label);
  d->other_files += inside.others;
  listing_fini(&inside);
  free(path);
  return code;
}

static int open_folders(const dataset_options *options, const labels *l, dataset *d) {
  listing inside;
  long number;
  int code = list_folder(d->path, &inside);
  if (code == TOOL_OK && inside.folder_count == 0)
    code = inside.file_count > 0
               ? tool_fail("folder '%s' has pictures, but no folders: expected a folder for each class, or a list with labels", d->path)
               : tool_fail("folder '%s' is empty: expected a folder for each class, with pictures in it", d->path);
  d->kind = DATASET_FOLDERS;
  d->folders = inside.folders;
  d->folder_count = inside.folder_count;
  d->other_files = inside.others + inside.file_count;
  d->folders_are_numbers = true;
  for (size_t i = 0; i < d->folder_count; i++) d->folders_are_numbers = d->folders_are_numbers && read_class(d->folders[i], &number);
  inside.folders = NULL;
  inside.folder_count = 0;
  listing_fini(&inside);
  for (size_t i = 0; i < d->folder_count && code == TOOL_OK; i++) {
    int label = 0;
    code = class_of_folder(d, i, l, options->label_offset, &label);
    if (code == TOOL_OK) code = add_folder(d, i, label);
  }
  return code;
}

/* -------------------------------------------------------------------- list */

static char *trimmed(char *text) {
  char *end = text + strlen(text);
  while (*text == ' ' || *text == '\t') text++;
  while (end > text && (end[-1] == ' ' || end[-1] == '\t')) *--end = '\0';
  if (end - text >= 2 && *text == '"' && end[-1] == '"') {
    *--end = '\0';
    text++;
  }
  return text;
}

/* "file,class": the last tab, else the last comma, else the last space parts them; NULL where there is none of them. */
static char *cut_label(char *line) {
  char *at = strrchr(line, '\t');
  if (at == NULL) at = strrchr(line, ',');
  if (at == NULL) at = strrchr(line, ' ');
  if (at == NULL) return NULL;
  *at = '\0';
  return at + 1;
}

static bool is_absolute(const char *path) {
  return path[0] == '/' || path[0] == '\\' || (path[0] != '\0' && path[1] == ':' && (path[2] == '/' || path[2] == '\\'));
}

/* Beside the list where it is not absolute. */
static char *path_beside(const char *list, const char *path) {
  size_t length = strlen(list);
  while (length > 0 && list[length - 1] != '/' && list[length - 1] != '\\') length--;
  return is_absolute(path) ? tool_format("%s", path) : tool_format("%.*s%s", (int)length, list, path);
}

static bool is_heading(const char *file) {
  static const char *const HEADINGS[] = {"file", "filename", "path", "image", "picture", "name"};
  for (size_t i = 0; i < sizeof HEADINGS / sizeof *HEADINGS; i++)
    if (strcmp(file, HEADINGS[i]) == 0) return true;
  return false;
}

static int add_line(const dataset_options *options, const labels *l, size_t number, char *line, dataset *d) {
  long class = 0;
  int label = NO_LABEL;
  line = trimmed(line);
  char *text = cut_label(line);
  if (text == NULL)
    return tool_fail("'%s', line %zu: expected a picture and its class, apart by a comma, a tab or a space", d->path, number);
  const char *file = trimmed(line);
  text = trimmed(text);
  if (number == 1 && is_heading(file)) return TOOL_OK;
  if (*file == '\0') return tool_fail("'%s', line %zu: the picture's name is missing", d->path, number);
  if (l->lines.count > 0) label = find_label(l, text);
  if (label == AMBIGUOUS)
    return tool_fail("'%s', line %zu: several of the labels are '%.60s': expected the class's number", d->path, number, text);
  if (label < 0) {
    if (!read_class(text, &class))
      return tool_fail("'%s', line %zu: '%.60s' is no class: expected a whole number%s", d->path, number, text,
                       l->lines.count > 0 ? " or one of the labels" : "; names need --labels FILE");
    if (class + options->label_offset < 0)
      return tool_fail("'%s', line %zu: the class would be %ld with --label-offset %ld", d->path, number, class + options->label_offset,
                       options->label_offset);
    label = (int)(class + options->label_offset);
  }
  dataset_add(d, path_beside(d->path, file), label);
  return TOOL_OK;
}

static int open_list(const dataset_options *options, const labels *l, dataset *d) {
  labels lines;
  d->kind = DATASET_LIST;
  int code = labels_load(d->path, &lines);
  for (size_t i = 0; code == TOOL_OK && i < lines.lines.count; i++) {
    char *line = lines.text + (lines.lines.items[i] - lines.text); /* not const there */
    if (line[strspn(line, " \t")] != '\0' && line[0] != '#') code = add_line(options, l, i + 1, line, d);
  }
  labels_fini(&lines);
  if (code == TOOL_OK && d->count == 0) code = tool_fail("list '%s' has no pictures", d->path);
  return code;
}

/* --------------------------------------------------------------- leave out */

/* Is `end` the whole path or what stands behind a slash in it? */
static bool path_ends(const char *path, const char *end) {
  const size_t length = strlen(path), wanted = strlen(end);
  if (wanted == 0 || wanted > length || strcmp(path + length - wanted, end) != 0) return false;
  return wanted == length || path[length - wanted - 1] == '/' || path[length - wanted - 1] == '\\';
}

static int mark(const dataset *d, const char *line, const char *file, bool *left_out) {
  long number;
  bool found = false;
  if (read_class(line, &number)) {
    if (number < 1 || (size_t)number > d->count)
      return tool_fail("'%s' leaves out picture %ld, but there are %zu, counted from 1", file, number, d->count);
    left_out[number - 1] = true;
    return TOOL_OK;
  }
  for (size_t i = 0; i < d->count; i++) {
    if (!path_ends(d->pictures[i].name, line)) continue;
    left_out[i] = true;
    found = true;
  }
  return found ? TOOL_OK : tool_fail("'%s' leaves out '%.200s', which is none of the pictures", file, line);
}

/* They keep their places, so that numbers of pictures stay what they were. */
static int leave_out(dataset *d, const char *file) {
  labels lines;
  bool *left_out = tool_allocate(d->count, sizeof *left_out);
  int code = labels_load(file, &lines);
  for (size_t i = 0; code == TOOL_OK && i < lines.lines.count; i++)
    if (lines.lines.items[i][0] != '\0') code = mark(d, lines.lines.items[i], file, left_out);
  for (size_t i = 0; code == TOOL_OK && i < d->count; i++) {
    if (!left_out[i]) continue;
    d->pictures[i].label = DATASET_LEFT_OUT;
    d->left_out++;
  }
  if (code == TOOL_OK && d->left_out == d->count) code = tool_fail("'%s' leaves out every picture", file);
  labels_fini(&lines);
  free(left_out);
  return code;
}

/* --------------------------------------------------------------------- all */

static bool is_idx(const char *path) {
  uint8_t head[4] = {0};
  FILE *file = fopen(path, "rb");
  if (file == NULL) return false;
  const size_t read = fread(head, 1, sizeof head, file);
  fclose(file);
  return read >= 2 && ((head[0] == 0 && head[1] == 0) || (head[0] == 0x1F && head[1] == 0x8B));
}

int dataset_open(const dataset_options *options, const labels *l, dataset *d) {
  *d = (dataset){.path = options->data};
  int code = icn_os_is_folder(d->path) ? open_folders(options, l, d)
             : is_idx(d->path)         ? dataset_open_idx(options, d)
                                       : open_list(options, l, d);
  if (code == TOOL_OK && options->leave_out != NULL) code = leave_out(d, options->leave_out);
  return code;
}
