/* Files, confinement, libraries and mutex of the operating system layer on Windows; test_os.c is its counterpart for POSIX. */
#include "support/icn_test.h"

#include <windows.h>

#include "os.h"

static char folder[256];

static const char *in_folder(const char *name) {
  static char paths[4][512];
  static int next;
  char *path = paths[next = (next + 1) % 4];
  snprintf(path, sizeof paths[0], "%s\\%s", folder, name);
  return path;
}

static int make_folder(void **state) {
  (void)state;
  snprintf(folder, sizeof folder, "test-os-%lu\\deep/er", icn_os_process());
  return icn_os_make_folder(folder) && icn_os_make_folder(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
  (void)state;
  bool removed = icn_os_remove(folder);
  for (char *end = strrchr(folder, '/'); removed && end != NULL; end = strrchr(folder, '\\')) {
    *end = '\0';
    removed = icn_os_remove(folder);
  }
  return removed ? 0 : -1; /* nothing was left in it */
}

static void assert_says(const icn_error *error, const char *words) {
  if (strstr(error->message, words) == NULL) fail_msg("'%s' is not in '%s'", words, error->message);
}

static void written_files_are_mapped_back(void **state) {
  (void)state;
  icn_error error;
  icn_mapping mapping;
  const char *path = in_folder("file");
  assert_int_equal(icn_os_write_file(path, "first, longer", 13, &error), ICN_OK);
  assert_int_equal(icn_os_write_file(path, "sec\r\n\x1a", 6, &error), ICN_OK); /* bytes, not text */
  assert_int_equal(icn_os_map(path, &mapping, &error), ICN_OK);
  assert_int_equal(mapping.bytes, 6);
  assert_memory_equal(mapping.data, "sec\r\n\x1a", 6);
  icn_os_unmap(&mapping);
  assert_null(mapping.data);

  assert_int_equal(icn_os_write_file(path, NULL, 0, &error), ICN_OK);
  assert_int_equal(icn_os_map(path, &mapping, &error), ICN_OK);
  assert_null(mapping.data);
  assert_int_equal(mapping.bytes, 0);
  icn_os_unmap(&mapping);
  assert_true(icn_os_remove(path));
  assert_false(icn_os_remove(path));
}

static void files_are_written_piece_by_piece(void **state) {
  (void)state;
  icn_error error;
  icn_mapping mapping;
  icn_os_writer writer;
  const char *path = in_folder("pieces");
  assert_int_equal(icn_os_writer_open(path, &writer, &error), ICN_OK);
  assert_int_equal(icn_os_writer_append(&writer, "....one", 7, &error), ICN_OK);
  assert_int_equal(icn_os_writer_append(&writer, "two", 3, &error), ICN_OK);
  assert_false(icn_os_exists(path)); /* nobody sees half of it */
  assert_int_equal(icn_os_writer_finish(&writer, "head", 4, &error), ICN_OK);
  assert_int_equal(icn_os_map(path, &mapping, &error), ICN_OK);
  assert_int_equal(mapping.bytes, 10);
  assert_memory_equal(mapping.data, "headonetwo", 10);
  icn_os_unmap(&mapping);
  icn_os_reader reader;
  char piece[8] = "";
  assert_int_equal(icn_os_reader_open(folder, &reader, &error), ICN_IO);
  assert_int_equal(icn_os_reader_open(path, &reader, &error), ICN_OK);
  assert_int_equal(reader.bytes, 10);
  assert_int_equal(icn_os_reader_read(&reader, 7, piece, 3, &error), ICN_OK);
  assert_string_equal(piece, "two");
  assert_int_equal(icn_os_reader_read(&reader, 9, piece, 2, &error), ICN_IO);
  assert_int_equal(icn_os_reader_read(&reader, 10, piece, 1, &error), ICN_IO);
  icn_os_reader_close(&reader);
  assert_int_equal(icn_os_writer_open(path, &writer, &error), ICN_OK);
  icn_os_writer_abandon(&writer); /* tear-down finds no temporary */
  assert_true(icn_os_remove(path));
  assert_int_equal(icn_os_writer_open(in_folder("no\\such"), &writer, &error), ICN_IO);
}

typedef struct seen {
  int count;
  uint64_t bytes;
  int64_t changed;
} seen;

static bool count_file(void *user, const char *name, uint64_t bytes, int64_t changed) {
  seen *s = user;
  (void)name;
  s->count++;
  s->bytes += bytes;
  s->changed = changed;
  return true;
}

static void folders_are_listed(void **state) {
  (void)state;
  icn_error error;
  seen s = {0, 0, 0};
  const int64_t before = icn_os_clock();
  assert_true(icn_os_make_folder(in_folder("list\\sub")));
  assert_int_equal(icn_os_write_file(in_folder("list\\file"), "12345", 5, &error), ICN_OK);
  assert_true(icn_os_touch(in_folder("list\\file")));
  assert_true(icn_os_list_files(in_folder("list"), count_file, &s)); /* no folders */
  assert_int_equal(s.count, 1);
  assert_int_equal(s.bytes, 5);
  assert_true(before > 1700000000 && s.changed >= before - 2 && s.changed <= icn_os_clock() + 2);
  assert_false(icn_os_touch(in_folder("list\\absent")));
  assert_false(icn_os_list_files(in_folder("absent"), count_file, &s));
  assert_true(icn_os_remove(in_folder("list\\file")) && icn_os_remove(in_folder("list\\sub")) && icn_os_remove(in_folder("list")));
}

static void what_cannot_be_read_or_written_is_named(void **state) {
  (void)state;
  icn_error error;
  icn_mapping mapping;
  assert_int_equal(icn_os_map(in_folder("absent"), &mapping, &error), ICN_IO);
  assert_says(&error, "absent'");
  assert_int_equal(icn_os_map(folder, &mapping, &error), ICN_IO);
  assert_says(&error, "it is a folder");
  assert_int_equal(icn_os_map("NUL", &mapping, &error), ICN_IO);
  assert_int_equal(icn_os_map("", &mapping, &error), ICN_IO);
  assert_int_equal(icn_os_write_file(in_folder("no\\such\\folder"), "x", 1, &error), ICN_IO);
  assert_int_equal(icn_os_write_file(folder, "x", 1, &error), ICN_IO);
  assert_says(&error, "it is a folder");
  assert_false(icn_os_make_folder(""));
  assert_int_equal(icn_os_write_file(in_folder("plain"), "x", 1, &error), ICN_OK);
  assert_false(icn_os_make_folder(in_folder("plain\\below")));
  assert_true(icn_os_remove(in_folder("plain")));
}

static void external_paths_stay_below_the_model(void **state) {
  (void)state;
  icn_error error;
  char out[4096], again[4096], model[512];
  icn_mapping mapping;
  snprintf(model, sizeof model, "%s", in_folder("model.onnx"));
  assert_true(icn_os_make_folder(in_folder("sub")));
  assert_int_equal(icn_os_write_file(in_folder("sub/w.bin"), "w", 1, &error), ICN_OK);
  assert_int_equal(icn_os_confined_path(model, "sub/w.bin", out, sizeof out, &error), ICN_OK);
  assert_int_equal(icn_os_map(out, &mapping, &error), ICN_OK); /* the resolved path is one that opens */
  icn_os_unmap(&mapping);
  assert_int_equal(icn_os_confined_path(model, ".\\sub/..\\sub\\\\w.bin", again, sizeof again, &error), ICN_OK);
  assert_string_equal(out, again);

  static const char *const outside[] = {"\\windows\\win.ini",
                                        "/windows/win.ini",
                                        "..\\x",
                                        "sub\\..\\..\\x",
                                        "",
                                        "sub/../..",
                                        "C:\\windows\\win.ini",
                                        "C:win.ini",
                                        "..",
                                        "sub/w.bin:stream",
                                        "\\\\server\\share\\x",
                                        "\\\\?\\C:\\x"};
  for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
    assert_int_equal(icn_os_confined_path(model, outside[i], out, sizeof out, &error), ICN_FORMAT);
    assert_says(&error, "not inside the model's folder");
  }
  assert_int_equal(icn_os_confined_path(model, "sub\\absent", out, sizeof out, &error), ICN_IO);
  assert_int_equal(icn_os_confined_path(model, "sub\\w.bin", out, 4, &error), ICN_IO);
  assert_int_equal(icn_os_confined_path(in_folder("nowhere\\model.onnx"), "w", out, sizeof out, &error), ICN_IO);
  assert_int_equal(icn_os_confined_path("model.onnx", "absent.bin", out, sizeof out, &error), ICN_IO); /* the working folder */
  assert_true(icn_os_remove(in_folder("sub\\w.bin")) && icn_os_remove(in_folder("sub")));
}

static void the_cache_folder_follows_the_environment(void **state) {
  (void)state;
  char out[512];
  assert_int_equal(_putenv("LOCALAPPDATA=C:\\somewhere"), 0);
  assert_true(icn_os_cache_folder(out, sizeof out));
  assert_memory_equal(out, "C:\\somewhere\\clinception", 24);
  assert_false(icn_os_cache_folder(out, 10));
  assert_int_equal(_putenv("LOCALAPPDATA="), 0);
  assert_null(icn_os_environment("LOCALAPPDATA"));
  assert_false(icn_os_cache_folder(out, sizeof out));
}

static void libraries_open_by_name(void **state) {
  (void)state;
  assert_null(icn_os_library_open("no-such-library.dll"));
  icn_os_library_close(NULL);
  void *library = icn_os_library_open("kernel32.dll");
  assert_non_null(library);
  assert_non_null(icn_os_library_symbol(library, "GetCurrentProcessId"));
  assert_null(icn_os_library_symbol(library, "no_such_function"));
  icn_os_library_close(library);
}

typedef struct counter {
  icn_mutex *mutex;
  long value;
} counter;

static DWORD WINAPI count_up(void *argument) {
  counter *shared = argument;
  for (int i = 0; i < 20000; i++) {
    icn_mutex_lock(shared->mutex);
    shared->value++;
    icn_mutex_unlock(shared->mutex);
  }
  return 0;
}

static void a_mutex_excludes(void **state) {
  (void)state;
  icn_allocator allocator = icn_allocator_default();
  HANDLE threads[4];
  counter shared = {.mutex = icn_mutex_create(&allocator)};
  assert_non_null(shared.mutex);
  for (int i = 0; i < 4; i++) assert_non_null(threads[i] = CreateThread(NULL, 0, count_up, &shared, 0, NULL));
  for (int i = 0; i < 4; i++) {
    assert_int_equal(WaitForSingleObject(threads[i], 60000), WAIT_OBJECT_0);
    CloseHandle(threads[i]);
  }
  assert_int_equal(shared.value, 80000);
  icn_mutex_destroy(shared.mutex);
  icn_mutex_destroy(NULL);
}

static void time_moves_forward(void **state) {
  (void)state;
  const double before = icn_os_seconds();
  Sleep(30);
  const double passed = icn_os_seconds() - before;
  assert_true(passed > 0.02 && passed < 30);
}

static void the_processor_is_told_apart(void **state) {
  (void)state;
  icn_os_machine machine;
  _putenv("PROCESSOR_IDENTIFIER=AMD64 Family 25 Model 17 Stepping 1, AuthenticAMD");
  icn_os_describe_machine(&machine);
  assert_string_equal(machine.model, "AuthenticAMD family 25 model 17");
  static const char *const ODD[] = {"PROCESSOR_IDENTIFIER=ARMv8 (64-bit) Family 8 Model 805 Revision D, Qualcomm Technologies Inc",
                                    "PROCESSOR_IDENTIFIER=x86 Family, GenuineIntel", "PROCESSOR_IDENTIFIER=x86 Family 6 Model 85",
                                    "PROCESSOR_IDENTIFIER="};
  for (size_t i = 0; i < sizeof ODD / sizeof ODD[0]; i++) {
    _putenv(ODD[i]);
    icn_os_describe_machine(&machine);
    assert_string_equal(machine.model, "");
  }
}

static void a_process_is_known_by_its_mark(void **state) {
  (void)state;
  char mark[ICN_OS_PROCESS_BYTES], other[ICN_OS_PROCESS_BYTES];
  unsigned long number = 0;
  unsigned long long began = 0;
  icn_os_process_mark(mark);
  assert_true(icn_os_process_is_alive(mark));
  assert_false(icn_os_process_is_elsewhere(mark));
  assert_int_equal(sscanf(mark, "%lu.%llu", &number, &began), 2);
  assert_true(number == icn_os_process() && began > 0);
  snprintf(other, sizeof other, "%lu.%llu.-", number, began + 1); /* the same number, another process */
  assert_false(icn_os_process_is_alive(other));
  assert_false(icn_os_process_is_alive("-"));
  assert_false(icn_os_process_is_alive("3.1.-")); /* numbers are multiples of 4 */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(written_files_are_mapped_back),
      cmocka_unit_test(files_are_written_piece_by_piece),
      cmocka_unit_test(folders_are_listed),
      cmocka_unit_test(what_cannot_be_read_or_written_is_named),
      cmocka_unit_test(external_paths_stay_below_the_model),
      cmocka_unit_test(the_cache_folder_follows_the_environment),
      cmocka_unit_test(libraries_open_by_name),
      cmocka_unit_test(a_mutex_excludes),
      cmocka_unit_test(time_moves_forward),
      cmocka_unit_test(a_process_is_known_by_its_mark),
      cmocka_unit_test(the_processor_is_told_apart),
  };
  return cmocka_run_group_tests_name("os_windows", tests, make_folder, remove_folder);
}
