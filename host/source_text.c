#include "source_text.h"

#include <stdio.h>
#include <string.h>

#include "kernels_embedded.h"
#include "os.h"
#include "winograd.h"

enum { MAX_DEPTH = 8, MAX_INCLUDED = 32, MAX_NAME = 128 };

typedef struct expansion {
  const char *kernel_dir;
  icn_text *text;
  char included[MAX_INCLUDED][MAX_NAME];
  int included_count;
} expansion;

/* One source file; `mapping` is set when it came from the folder. */
static icn_status open_source(const char *kernel_dir, const char *file, icn_mapping *mapping, const char **data, size_t *bytes,
                              icn_error *error) {
  icn_status status = ICN_OK;
  memset(mapping, 0, sizeof *mapping);
  ICN_REQUIRE(strpbrk(file, "/\\:") == NULL, ICN_BUILD, "kernel source '%s': the name must be a plain file name", file);
  if (kernel_dir != NULL) {
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/%s", kernel_dir, file);
    ICN_REQUIRE(length > 0 && (size_t)length < sizeof path, ICN_BUILD, "the path of kernel source '%s' is too long", file);
    ICN_TRY(icn_os_map(path, mapping, error));
    *data = mapping->data;
    *bytes = (size_t)mapping->bytes;
    goto done;
  }
  for (size_t i = 0; i < icn_kernel_source_count; i++) {
    if (strcmp(icn_kernel_sources[i].name, file) != 0) continue;
    *data = icn_kernel_sources[i].text;
    *bytes = icn_kernel_sources[i].bytes;
    goto done;
  }
  ICN_FAIL(ICN_BUILD, "the library has no kernel source '%s'", file);
done:
  return status;
}

/* The NAME of a line `#include "NAME"`; false for any other line. */
static bool include_name(const char *line, size_t length, char name[MAX_NAME]) {
  const char *end = line + length;
  while (line < end && (*line == ' ' || *line == '\t')) line++;
  if (line == end || *line++ != '#') return false;
  while (line < end && (*line == ' ' || *line == '\t')) line++;
  if (end - line < 8 || strncmp(line, "include", 7) != 0) return false;
  line += 7;
  while (line < end && (*line == ' ' || *line == '\t')) line++;
  if (line == end || *line++ != '"') return false;
  const char *close = memchr(line, '"', (size_t)(end - line));
  if (close == NULL || close - line >= MAX_NAME) return false;
  memcpy(name, line, (size_t)(close - line));
  name[close - line] = '\0';
  return true;
}

/* True when the file is new; false when it is there already. */
static bool note_included(expansion *state, const char *file) {
  for (int i = 0; i < state->included_count; i++) {
    if (strcmp(state->included[i], file) == 0) return false;
  }
  if (state->included_count < MAX_INCLUDED) snprintf(state->included[state->included_count++], MAX_NAME, "%s", file);
  return true;
}

static icn_status expand(expansion *state, const char *file, int depth, icn_error *error) {
  icn_status status = ICN_OK;
  icn_mapping mapping = {0};
  const char *data = NULL;
  size_t bytes = 0;
  ICN_REQUIRE(depth < MAX_DEPTH, ICN_BUILD, "kernel source '%s': includes are nested deeper than %d", file, MAX_DEPTH);
  if (!note_included(state, file)) goto done;
  if (strcmp(file, ICN_WINOGRAD_SOURCE) == 0) { /* made, not read */
    icn_text_append(state->text, "#line 1 \"%s\"\n", file);
    icn_winograd_source(state->text);
    goto done;
  }
  ICN_TRY(open_source(state->kernel_dir, file, &mapping, &data, &bytes, error));
  icn_text_append(state->text, "#line 1 \"%s\"\n", file);
  int number = 0;
  for (size_t start = 0; start < bytes;) {
    const char *line = data + start;
    const char *newline = memchr(line, '\n', bytes - start);
    size_t length = newline == NULL ? bytes - start : (size_t)(newline - line);
    char name[MAX_NAME];
    number++;
    if (include_name(line, length, name)) {
      ICN_TRY(expand(state, name, depth + 1, error));
      icn_text_append(state->text, "#line %d \"%s\"\n", number + 1, file);
    } else {
      icn_text_append(state->text, "%.*s\n", (int)length, line);
    }
    start += length + 1;
  }
done:
  icn_os_unmap(&mapping);
  return status;
}

icn_status icn_source_text(const char *kernel_dir, const char *file, icn_text *text, icn_error *error) {
  expansion state;
  memset(&state, 0, sizeof state);
  state.kernel_dir = kernel_dir;
  state.text = text;
  icn_status status = expand(&state, file, 0, error);
  if (status == ICN_OK && text->failed) status = icn_error_memory(error, text->length, "a kernel's source");
  return status;
}

/* The kernel that begins at `start` is called `name`: "__kernel attributes void name(". */
static bool is_kernel(const char *start, const char *name) {
  const size_t length = strlen(name);
  const char *found = strstr(start, "void ");
  return found != NULL && strncmp(found + 5, name, length) == 0 && found[5 + length] == '(';
}

void icn_source_keep_kernel(char *source, const char *kernel) {
  bool blank = false;
  for (char *line = source; *line != '\0';) {
    const size_t length = strcspn(line, "\n");
    const bool last = length == 1 && line[0] == '}';
    if (strncmp(line, "__kernel", 8) == 0) blank = !is_kernel(line, kernel);
    if (blank) memset(line, ' ', length);
    if (last) blank = false;
    line += length + (line[length] == '\n' ? 1 : 0);
  }
}
