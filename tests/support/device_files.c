#define _POSIX_C_SOURCE 200809L /* dirent.h */
#include "device_files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quirks.h"

static void give_up(const char *what, const char *why) {
  fprintf(stderr, "device files: %s: %s\n", what, why);
  exit(99);
}

static void read_one(const char *folder, const char *file, device_file *device) {
  char path[4096], text[65536];
  icn_error error;
  snprintf(path, sizeof path, "%s/%s", folder, file);
  if (strlen(file) - 4 >= sizeof device->name) give_up(path, "its name is too long");
  snprintf(device->name, sizeof device->name, "%.*s", (int)(strlen(file) - 4), file);
  FILE *stream = fopen(path, "rb");
  size_t bytes = stream == NULL ? sizeof text : fread(text, 1, sizeof text, stream);
  if (bytes == sizeof text) give_up(path, "it cannot be read, or is too large");
  fclose(stream);
  text[bytes] = '\0';
  device->has_source = strstr(text, "\n# source: ") != NULL;
  icn_error_clear(&error);
  if (icn_device_desc_parse(text, bytes, &device->desc, &error) != ICN_OK) give_up(path, error.message);
  icn_quirks_apply(&device->desc, NULL);
}

static int by_name(const void *a, const void *b) { return strcmp(((const device_file *)a)->name, ((const device_file *)b)->name); }

device_file *device_files_read(size_t *count) {
  char folder[3500];
  const char *data = getenv("ICN_TEST_DATA");
  if (data == NULL) give_up("ICN_TEST_DATA", "it is not set");
  snprintf(folder, sizeof folder, "%s/devices", data);
  DIR *opened = opendir(folder);
  if (opened == NULL) give_up(folder, "it cannot be opened");
  device_file *devices = NULL;
  *count = 0;
  for (struct dirent *entry = readdir(opened); entry != NULL; entry = readdir(opened)) {
    size_t length = strlen(entry->d_name);
    if (length <= 4 || strcmp(entry->d_name + length - 4, ".txt") != 0) continue;
    devices = realloc(devices, (*count + 1) * sizeof *devices);
    if (devices == NULL) give_up(folder, "out of memory");
    read_one(folder, entry->d_name, &devices[(*count)++]);
  }
  closedir(opened);
  if (*count == 0) give_up(folder, "it holds no device");
  qsort(devices, *count, sizeof *devices, by_name);
  return devices;
}
