#include "loader.h"

#include <string.h>

#include "os.h"

/* The ICD loader's names; then the vendors' own libraries of Android, which has no loader. */
static const char *const DEFAULT_NAMES[] = {
#if defined(_WIN32)
    "OpenCL.dll",
#elif defined(__APPLE__)
    "/System/Library/Frameworks/OpenCL.framework/OpenCL",
#else
    "libOpenCL.so.1",
    "libOpenCL.so",
#endif
#if defined(__ANDROID__)
    "/vendor/lib64/libOpenCL.so",
    "/system/vendor/lib64/libOpenCL.so",
    "/vendor/lib/libOpenCL.so",
    "/system/vendor/lib/libOpenCL.so",
    "/vendor/lib64/egl/libGLES_mali.so",
    "/system/vendor/lib64/egl/libGLES_mali.so",
    "/vendor/lib/egl/libGLES_mali.so",
    "libPVROCL.so",
#endif
};

/* Copies the address of `name` into the function pointer `target` (a pointer to data may not be cast to one to a function). */
static bool load_symbol(void *library, const char *name, void *target, size_t target_bytes) {
  void *symbol = icn_os_library_symbol(library, name);
  memset(target, 0, target_bytes);
  if (symbol == NULL) return false;
  memcpy(target, &symbol, sizeof symbol);
  return true;
}

/* Fills the table; returns the name of a required function that is not there, or NULL. */
static const char *load_symbols(icn_cl *cl) {
#define LOAD_REQUIRED(name) \
  if (!load_symbol(cl->library, #name, &cl->name, sizeof cl->name)) return #name;
#define LOAD_OPTIONAL(name) (void)load_symbol(cl->library, #name, &cl->name, sizeof cl->name);
  ICN_CL_REQUIRED(LOAD_REQUIRED)
  ICN_CL_OPTIONAL(LOAD_OPTIONAL)
#undef LOAD_REQUIRED
#undef LOAD_OPTIONAL
  return NULL;
}

static void open_default(icn_cl *cl) {
  for (size_t i = 0; i < sizeof DEFAULT_NAMES / sizeof DEFAULT_NAMES[0] && cl->library == NULL; i++) {
    cl->library = icn_os_library_open(DEFAULT_NAMES[i]);
  }
}

icn_status icn_cl_open(icn_cl *cl, const char *library, icn_error *error) {
  icn_status status = ICN_OK;
  memset(cl, 0, sizeof *cl);
  if (library == NULL) library = icn_os_environment("CLINCEPTION_OPENCL_LIBRARY");
  ICN_REQUIRE(library == NULL || strcmp(library, "none") != 0, ICN_NO_DEVICE, "OpenCL is switched off (opencl library \"none\")");
  if (library == NULL) {
    open_default(cl);
    ICN_REQUIRE(cl->library != NULL, ICN_NO_DEVICE, "no OpenCL on this machine: the loader's library (%s) could not be opened",
                DEFAULT_NAMES[0]);
    library = DEFAULT_NAMES[0];
  } else {
    cl->library = icn_os_library_open(library);
    ICN_REQUIRE(cl->library != NULL, ICN_NO_DEVICE, "the OpenCL library '%s' could not be opened", library);
  }
  const char *missing = load_symbols(cl);
  ICN_REQUIRE(missing == NULL, ICN_NO_DEVICE, "the library '%s' is not an OpenCL 1.2 library: it has no function %s", library, missing);
done:
  if (status != ICN_OK) {
    if (cl->library != NULL) icn_os_library_close(cl->library);
    memset(cl, 0, sizeof *cl);
  }
  return status;
}

/* A library that gave us devices is never unloaded: drivers keep threads and exit handlers that live in it. */
void icn_cl_close(icn_cl *cl) { memset(cl, 0, sizeof *cl); }
