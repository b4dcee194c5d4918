/* How a test takes hold of the fake driver, the layer that the OpenCL loader was told of by OPENCL_LAYERS. */
#ifndef ICN_TEST_FAKE_TEST_H
#define ICN_TEST_FAKE_TEST_H

#include <dlfcn.h>

#include "fault/fake_opencl.h"
#include "support/icn_test.h"

enum { EVERY_CALL = 0 };

static inline fake_driver *fake_driver_open(void) {
  const char *path = getenv("OPENCL_LAYERS");
  assert_non_null(path);
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) fail_msg("%s", dlerror());
  void *symbol = dlsym(library, "icn_fake_driver");
  assert_non_null(symbol);
  fake_driver_function *driver;
  memcpy(&driver, &symbol, sizeof driver);
  if (!driver()->loaded) fail_msg("the OpenCL loader has not taken the layer %s (it needs ocl-icd 2.3 or the Khronos loader)", path);
  return driver();
}

/* The at-th call of `function` fails with `code`, or every one. */
static inline void fake_driver_fail(fake_driver *driver, const char *function, long at, int code) {
  char text[128];
  if (at == EVERY_CALL) {
    snprintf(text, sizeof text, "%s:*:%d", function, code);
  } else {
    snprintf(text, sizeof text, "%s:%ld:%d", function, at, code);
  }
  driver->set("fail", text);
}

#endif
