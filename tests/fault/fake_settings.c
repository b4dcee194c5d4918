/* What the fake driver is to do: settings by name, from the environment, from a recorded device, or from a test. */

#include <ctype.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault/fake_internal.h"

#define EXPORT __attribute__((visibility("default")))

#define NAME(name) #name,
static const char *const NAMES[FAKE_SETTING_COUNT] = {FAKE_SETTINGS(NAME)};
#undef NAME

static char *texts[FAKE_SETTING_COUNT];
static bool noisy;                                        /* steered by the environment: a person is there */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* drivers and tests may call from several threads */

void fake_lock(void) { pthread_mutex_lock(&mutex); }
void fake_unlock(void) { pthread_mutex_unlock(&mutex); }

void fake_note(const char *format, ...) {
  va_list arguments;
  if (!noisy) return;
  va_start(arguments, format);
  fprintf(stderr, "fake driver: ");
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  va_end(arguments);
}

/* A mistake in how the fake driver is used: going on would let a test pass that tests nothing. */
static void misused(const char *what, const char *text) {
  fprintf(stderr, "fake driver: %s '%s'\n", what, text);
  abort();
}

/* ----------------------------------------------------------------- reading */

const char *fake_text(fake_setting setting) { return texts[setting]; }

bool fake_number(fake_setting setting, cl_ulong *number) {
  if (texts[setting] == NULL) return false;
  char *end;
  *number = strtoull(texts[setting], &end, 10);
  if (end == texts[setting] || *end != '\0') misused("not a whole number:", texts[setting]);
  return true;
}

bool fake_rule(fake_setting setting, const char *name, long *number) {
  char part[128] = "";
  if (texts[setting] == NULL) return false;
  if (sscanf(texts[setting], "%127[^=]=%ld", part, number) != 2) misused("PART=N is expected, not", texts[setting]);
  return strstr(name, part) != NULL;
}

bool fake_fails(const char *function, cl_int *code) {
  const char *fail = texts[FAKE_fail];
  const size_t length = strlen(function);
  if (fail == NULL || strncmp(fail, function, length) != 0 || fail[length] != ':') return false;
  long at = 0;
  int number = 0;
  const char *rest = fail + length + 1;
  if (strncmp(rest, "*:", 2) == 0 ? sscanf(rest, "*:%d", &number) != 1 : sscanf(rest, "%ld:%d", &at, &number) != 2) {
    misused("FUNCTION:N:CODE or FUNCTION:*:CODE is expected, not", fail);
  }
  fake_lock();
  const bool fails = ++fake.calls == at || at == 0;
  fake_unlock();
  if (fails) fake_note("call %ld of %s fails with %d", fake.calls, function, number);
  *code = number;
  return fails;
}

void fake_count(long change) {
  fake_lock();
  fake.alive += change;
  if (fake.alive > fake.peak) fake.peak = fake.alive;
  fake_unlock();
}

/* ----------------------------------------------------------------- setting */

static int find(const char *name) {
  for (int i = 0; i < FAKE_SETTING_COUNT; i++) {
    if (strcmp(NAMES[i], name) == 0) return i;
  }
  return -1;
}

static void store(int setting, const char *value) {
  free(texts[setting]);
  texts[setting] = value == NULL ? NULL : strdup(value);
}

static void set(const char *name, const char *value) {
  const int setting = find(name);
  if (setting < 0) misused("there is no setting", name);
  store(setting, value);
  fake.calls = 0;
}

static void reset(void) {
  for (int i = 0; i < FAKE_SETTING_COUNT; i++) store(i, NULL);
  fake.calls = 0;
}

/* A recorded device: `key: value` lines. What is no setting (how fast it is, what follows from other lines) is not posed. */
static bool pose(const char *path) {
  char line[16384];
  FILE *file = fopen(path, "r");
  if (file == NULL) return false;
  while (fgets(line, sizeof line, file) != NULL) {
    char *value = strstr(line, ": ");
    line[strcspn(line, "\r\n")] = '\0';
    if (value == NULL || line[0] == '#') continue;
    *value = '\0';
    const int setting = find(line);
    if (setting >= 0) store(setting, value + 2);
  }
  fclose(file);
  return true;
}

void fake_settings_from_environment(void) {
  extern char **environ;
  const char *device = getenv("FAKE_DEVICE");
  if (device != NULL && !pose(device)) misused("cannot read the recorded device", device);
  noisy = device != NULL;
  for (char **variable = environ; *variable != NULL; variable++) {
    char name[64] = "";
    if (strncmp(*variable, "FAKE_", 5) != 0 || strncmp(*variable, "FAKE_DEVICE=", 12) == 0) continue;
    const size_t length = strcspn(*variable + 5, "=");
    for (size_t i = 0; i < length && i + 1 < sizeof name; i++) name[i] = (char)tolower((unsigned char)(*variable)[5 + i]);
    set(name, *variable + 5 + length + 1);
    noisy = true;
  }
}

fake_driver fake = {.set = set, .reset = reset, .pose = pose, .release_hanging = fake_release_hanging};

EXPORT fake_driver *icn_fake_driver(void) { return &fake; }

__attribute__((destructor)) static void report(void) {
  if (texts[FAKE_report] == NULL || !fake.loaded) return;
  fprintf(stderr, "fake driver: at exit %ld objects are alive (at most %ld at once), %ld calls overstepped a limit, %ld were absent\n",
          fake.alive, fake.peak, fake.overstepped, fake.absent);
}
