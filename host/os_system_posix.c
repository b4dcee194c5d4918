/* Libraries, threads, processes, memory, the machine and time on POSIX systems. X/Open 700 is POSIX.1-2008; madvise is in neither: each
 * system has a word of its own for what else it has. */
#define _XOPEN_SOURCE 700
#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE
#define _FILE_OFFSET_BITS 64

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "os.h"

/* --------------------------------------------- libraries, threads and time */

void *icn_os_library_open(const char *name) { return dlopen(name, RTLD_NOW | RTLD_LOCAL); }
void *icn_os_library_symbol(void *library, const char *name) { return dlsym(library, name); }
void icn_os_library_close(void *library) {
  if (library != NULL) dlclose(library);
}

const char *icn_os_environment(const char *name) {
  const char *value = getenv(name);
  return value == NULL || value[0] == '\0' ? NULL : value;
}

struct icn_mutex {
  icn_allocator allocator;
  pthread_mutex_t lock;
};

icn_mutex *icn_mutex_create(const icn_allocator *allocator) {
  icn_mutex *mutex = icn_allocate(allocator, sizeof *mutex);
  if (mutex == NULL) return NULL;
  mutex->allocator = *allocator;
  if (pthread_mutex_init(&mutex->lock, NULL) == 0) return mutex;
  icn_release(allocator, mutex);
  return NULL;
}

void icn_mutex_destroy(icn_mutex *mutex) {
  if (mutex == NULL) return;
  icn_allocator allocator = mutex->allocator;
  pthread_mutex_destroy(&mutex->lock);
  icn_release(&allocator, mutex);
}

void icn_mutex_lock(icn_mutex *mutex) { pthread_mutex_lock(&mutex->lock); }
void icn_mutex_unlock(icn_mutex *mutex) { pthread_mutex_unlock(&mutex->lock); }

struct icn_worker {
  icn_allocator allocator;
  pthread_t thread;
  void (*work)(void *user);
  void *user;
};

static void *work_of(void *argument) {
  icn_worker *worker = argument;
  worker->work(worker->user);
  return NULL;
}

icn_worker *icn_worker_start(const icn_allocator *allocator, void (*work)(void *user), void *user) {
  icn_worker *worker = icn_allocate(allocator, sizeof *worker);
  if (worker == NULL) return NULL;
  worker->allocator = *allocator;
  worker->work = work;
  worker->user = user;
  if (pthread_create(&worker->thread, NULL, work_of, worker) == 0) return worker;
  icn_release(allocator, worker);
  return NULL;
}

void icn_worker_join(icn_worker *worker) {
  if (worker == NULL) return;
  const icn_allocator allocator = worker->allocator;
  pthread_join(worker->thread, NULL);
  icn_release(&allocator, worker);
}

/* --------------------------------------------------------------- processes */

/* What Linux tells of a process: true with the ticks from the machine's start to its own, false when there is no such process, or only
 * what is left of an ended one. *known: there is somebody who tells. */
static bool began_at(unsigned long process, unsigned long long *ticks, bool *known) {
  char path[64], line[1024], state = '?';
  *ticks = 0;
  /* Its first thread's: qemu makes up a process's own /proc/N/stat, so that it would differ from what others read. */
  snprintf(path, sizeof path, "/proc/%lu/task/%lu/stat", process, process);
  FILE *file = fopen(path, "re");
  *known = file != NULL;
  if (file == NULL) return false;
  const size_t length = fread(line, 1, sizeof line - 1, file);
  fclose(file);
  line[length] = '\0';
  const char *at = strrchr(line, ')'); /* behind the program's name, which may hold anything: state, then 18 numbers, then the ticks */
  if (at == NULL || sscanf(at, ") %c", &state) != 1) return false;
  for (int field = 0; field < 20 && at != NULL; field++) at = strchr(at + 1, ' ');
  if (at != NULL) *ticks = strtoull(at, NULL, 10);
  return state != 'Z' && state != 'X' && state != 'x';
}

/* Of this start of the machine; "-" where the system has no such thing. */
static void boot_name(char name[48]) {
  FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
  if (file == NULL || fscanf(file, "%40[0-9a-f-]", name) != 1) snprintf(name, 48, "-");
  if (file != NULL) fclose(file);
}

/* A hash (FNV-1a) of the machine's name, which may be long. */
static uint32_t machine_number(void) {
  struct utsname names;
  uint32_t number = 2166136261U;
  if (uname(&names) < 0) return 0;
  for (const char *c = names.nodename; *c != '\0'; c++) number = (number ^ (unsigned char)*c) * 16777619U;
  return number;
}

void icn_os_process_mark(char mark[ICN_OS_PROCESS_BYTES]) {
  char boot[48];
  unsigned long long ticks = 0;
  bool known;
  boot_name(boot);
  (void)began_at(icn_os_process(), &ticks, &known);
  snprintf(mark, ICN_OS_PROCESS_BYTES, "%lu.%llu.%s.%08x", icn_os_process(), ticks, boot, (unsigned)machine_number());
}

bool icn_os_process_is_elsewhere(const char *mark) {
  unsigned machine = 0;
  return sscanf(mark, "%*u.%*u.%*40[0-9a-f-].%8x", &machine) == 1 && machine != machine_number();
}

bool icn_os_process_is_alive(const char *mark) {
  char boot[48], named[48];
  unsigned long process = 0;
  unsigned long long began = 0, ticks = 0;
  bool known;
  if (sscanf(mark, "%lu.%llu.%40[0-9a-f-]", &process, &began, named) != 3 || process == 0 || process > INT32_MAX) return false;
  boot_name(boot);
  if (strcmp(boot, named) != 0) return false;
  const bool there = began_at(process, &ticks, &known);
  if (known) return there && ticks == began;
  return kill((pid_t)process, 0) == 0 || errno == EPERM; /* no /proc, or one that hides other users' processes */
}

/* ------------------------------------------------------------------ memory */

/* For the whole pages inside; it is only advice. */
static void advise(const void *memory, size_t bytes, int advice) {
  const long page = sysconf(_SC_PAGESIZE);
  if (page <= 0) return;
  const uintptr_t size = (uintptr_t)page, first = ((uintptr_t)memory + size - 1) / size * size,
                  end = ((uintptr_t)memory + bytes) / size * size;
  if (end > first) (void)madvise((void *)first, end - first, advice);
}

void icn_os_forget_pages(const void *data, uint64_t bytes) { advise(data, (size_t)bytes, MADV_DONTNEED); }

void icn_os_advise_large_pages(void *memory, size_t bytes) {
#ifdef MADV_HUGEPAGE
  advise(memory, bytes, MADV_HUGEPAGE); /* refused where the kernel was built without them */
#else
  (void)memory;
  (void)bytes;
#endif
}

/* ----------------------------------------------------------------- machine */

/* The value behind the first line of `path` that begins with `key`, without blanks, ':', '=' and quotes; false when there is none. */
static bool line_value(const char *path, const char *key, char *value, size_t bytes) {
  char line[512];
  FILE *file = fopen(path, "re");
  if (file == NULL) return false;
  value[0] = '\0';
  while (value[0] == '\0' && fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, key, strlen(key)) != 0) continue;
    char *start = line + strlen(key);
    start += strspn(start, " \t:=\"");
    start[strcspn(start, "\"\r\n")] = '\0';
    snprintf(value, bytes, "%s", start);
  }
  fclose(file);
  return value[0] != '\0';
}

/* As Linux tells it: x86's identification, or ARM's. */
static void describe_model(char *model, size_t bytes) {
  static const char CPUINFO[] = "/proc/cpuinfo";
  char vendor[32], family[16], number[16];
  if (line_value(CPUINFO, "vendor_id", vendor, sizeof vendor) && line_value(CPUINFO, "cpu family", family, sizeof family) &&
      line_value(CPUINFO, "model\t", number, sizeof number))
    snprintf(model, bytes, "%s family %s model %s", vendor, family, number);
  else if (line_value(CPUINFO, "CPU implementer", vendor, sizeof vendor) && line_value(CPUINFO, "CPU part", number, sizeof number))
    snprintf(model, bytes, "implementer %s part %s", vendor, number);
}

void icn_os_describe_machine(icn_os_machine *machine) {
  struct utsname kernel;
  char distribution[96] = "";
  memset(machine, 0, sizeof *machine);
  if (uname(&kernel) == 0) { /* not its nodename */
    const bool named = line_value("/etc/os-release", "PRETTY_NAME", distribution, sizeof distribution);
    snprintf(machine->system, sizeof machine->system, "%s%s%.40s %.60s %.40s", distribution, named ? ", " : "", kernel.sysname,
             kernel.release, kernel.machine);
  }
  static const char *const KEYS[] = {"model name", "Hardware", "Processor", "CPU part"};
  for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0] && machine->processor[0] == '\0'; i++)
    line_value("/proc/cpuinfo", KEYS[i], machine->processor, sizeof machine->processor);
  describe_model(machine->model, sizeof machine->model);
  const long processors = sysconf(_SC_NPROCESSORS_ONLN), pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  if (processors > 0) machine->processors = (uint32_t)processors;
  if (pages > 0 && page > 0) machine->memory_bytes = (uint64_t)pages * (uint64_t)page;
}

void icn_os_date(char text[32]) {
  const time_t now = time(NULL);
  struct tm parts;
  text[0] = '\0';
  if (gmtime_r(&now, &parts) != NULL) strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

double icn_os_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

unsigned long icn_os_process(void) { return (unsigned long)getpid(); }

void icn_os_sleep(double seconds) {
  const struct timespec pause_time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
  nanosleep(&pause_time, NULL);
}

uint64_t icn_os_thread(void) {
  const pthread_t self = pthread_self();
  uint64_t number = 0;
  memcpy(&number, &self, sizeof self < sizeof number ? sizeof self : sizeof number);
  return number;
}
