#include "labels.h"

#include <stdlib.h>
#include <string.h>

#include "os.h"

static void split(labels *l, size_t bytes) {
  char *line = l->text, *end = l->text + bytes;
  if (bytes >= 3 && memcmp(line, "\xEF\xBB\xBF", 3) == 0) line += 3;
  while (line < end) {
    char *stop = memchr(line, '\n', (size_t)(end - line));
    if (stop == NULL) stop = end;
    *stop = '\0';
    if (stop > line && stop[-1] == '\r') stop[-1] = '\0';
    text_list_add(&l->lines, line);
    line = stop + 1;
  }
  while (l->lines.count > 0 && l->lines.items[l->lines.count - 1][0] == '\0') l->lines.count--; /* blank lines at the end */
}

int labels_load(const char *path, labels *l) {
  icn_error error;
  icn_mapping mapping;
  memset(l, 0, sizeof *l);
  if (icn_os_map(path, &mapping, &error) != ICN_OK) return tool_error(&error);
  size_t bytes = (size_t)mapping.bytes;
  bool is_text = bytes == 0 || memchr(mapping.data, '\0', bytes) == NULL;
  l->text = tool_allocate(bytes + 1, 1);
  if (bytes > 0) memcpy(l->text, mapping.data, bytes);
  icn_os_unmap(&mapping);
  if (!is_text) return tool_fail("labels file '%s' is not a text file", path);
  split(l, bytes);
  if (l->lines.count == 0) return tool_fail("labels file '%s' is empty", path);
  return TOOL_OK;
}

int labels_check(const labels *l, const char *path, size_t classes) {
  if (l->lines.count == classes) return TOOL_OK;
  char have[COUNT_TEXT_BYTES];
  return tool_fail("labels file '%s' has %s, but the model has %zu %s", path, count_text(l->lines.count, "label", have), classes,
                   classes == 1 ? "class" : "classes");
}

void labels_fini(labels *l) {
  free(l->text);
  text_list_fini(&l->lines);
}
