#include "glob.h"

#include <stddef.h>
#include <string.h>

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

/* The set that begins at `set` ('[') has `c`. *length: its characters, brackets included. A set that is not closed is a bracket. */
static bool set_has(const char *set, size_t room, char c, size_t *length) {
  bool found = false;
  size_t at = 1;
  *length = 1;
  for (; at < room && (set[at] != ']' || at == 1); at++) {
    const bool range = at + 2 < room && set[at + 1] == '-' && set[at + 2] != ']';
    const char first = lower(set[at]), last = range ? lower(set[at + 2]) : first;
    if (c >= first && c <= last) found = true;
    if (range) at += 2;
  }
  if (at >= room) return c == '[';
  *length = at + 1;
  return found;
}

/* Without '|' and '!'. On a mismatch, the last '*' takes one character more. */
static bool match(const char *pattern, size_t bytes, const char *text) {
  size_t at = 0, star = 0;   /* star: behind the last '*' */
  const char *resume = NULL; /* the text that this '*' has not taken; NULL: none was met */
  while (*text != '\0') {
    size_t length = 1;
    bool same = at < bytes && pattern[at] != '*';
    if (same && pattern[at] == '[')
      same = set_has(pattern + at, bytes - at, lower(*text), &length);
    else if (same)
      same = pattern[at] == '?' || lower(pattern[at]) == lower(*text);
    if (same) {
      at += length;
      text++;
    } else if (at < bytes && pattern[at] == '*') {
      star = ++at;
      resume = text;
    } else if (resume != NULL) {
      at = star;
      text = ++resume;
    } else {
      return false;
    }
  }
  while (at < bytes && pattern[at] == '*') at++;
  return at == bytes;
}

bool icn_glob(const char *pattern, const char *text) {
  if (pattern == NULL || *pattern == '\0') return true;
  const bool wanted = *pattern != '!';
  if (!wanted) pattern++;
  for (;;) {
    const size_t bytes = strcspn(pattern, "|");
    if (match(pattern, bytes, text)) return wanted;
    if (pattern[bytes] == '\0') return !wanted;
    pattern += bytes + 1;
  }
}
