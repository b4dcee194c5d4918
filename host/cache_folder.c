#include "cache_folder.h"

#include <stdio.h>
#include <string.h>

bool icn_cache_usable(const icn_context *context) {
  return context->cache_dir != NULL && context->cache_problem == NULL && icn_os_folder_problem(context->cache_dir) == NULL;
}

bool icn_cache_path(const icn_context *context, const icn_cache_key *key, const char *suffix, char path[ICN_CACHE_PATH_BYTES]) {
  char digits[ICN_CACHE_KEY_DIGITS + 1];
  for (size_t i = 0; i < sizeof key->bytes; i++) snprintf(digits + 2 * i, 3, "%02x", key->bytes[i]);
  const int length = snprintf(path, ICN_CACHE_PATH_BYTES, "%s/%s%s", context->cache_dir, digits, suffix);
  return length > 0 && length < ICN_CACHE_PATH_BYTES;
}

/* The value of a digit as icn_cache_path writes it, -1: it is none. */
static int digit_value(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

bool icn_cache_key_of_name(const char *name, const char *suffix, icn_cache_key *key) {
  for (size_t i = 0; i < ICN_CACHE_KEY_DIGITS; i++)
    if (digit_value(name[i]) < 0) return false; /* the terminator is none */
  for (size_t i = 0; i < sizeof key->bytes; i++) key->bytes[i] = (uint8_t)(digit_value(name[2 * i]) * 16 + digit_value(name[2 * i + 1]));
  return strcmp(name + ICN_CACHE_KEY_DIGITS, suffix) == 0;
}

bool icn_cache_is_temporary(const char *name) {
  static const char *const SUFFIXES[] = {ICN_CACHE_PROGRAM_SUFFIX ".", ICN_CACHE_WEIGHTS_SUFFIX "."};
  for (size_t i = 0; i < ICN_CACHE_KEY_DIGITS; i++)
    if (digit_value(name[i]) < 0) return false;
  const char *rest = name + ICN_CACHE_KEY_DIGITS;
  const size_t length = strlen(rest);
  for (size_t i = 0; i < sizeof SUFFIXES / sizeof SUFFIXES[0]; i++)
    if (strncmp(rest, SUFFIXES[i], strlen(SUFFIXES[i])) == 0) return length > 4 && strcmp(rest + length - 4, ".tmp") == 0;
  return false;
}
