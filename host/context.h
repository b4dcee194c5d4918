/* What a context holds; everything of host/ hangs on one. */
#ifndef ICN_HOST_CONTEXT_H
#define ICN_HOST_CONTEXT_H

#include "device.h"
#include "os.h"

typedef struct icn_share icn_share; /* host/share.h */

struct icn_context {
  icn_allocator allocator;
  icn_logger logger;
  icn_cl cl; /* cl.library is NULL without OpenCL */
  char opencl_problem[ICN_MESSAGE_BYTES];
  bool default_loader; /* the system's own OpenCL library: others in this process (CLBlast) see the same objects */
  icn_device *devices;
  size_t device_count;
  icn_device reference;
  char *cache_dir;      /* NULL: no cache */
  bool cache_asked_for; /* the folder was named by the caller or the environment */
  char *kernel_dir;     /* NULL: the kernels inside the library */
  char *quirks;         /* rows of lib/quirks.def that are off or on; NULL: as the table says */
  char *tune_file;      /* NULL: none */
  bool tune_complained; /* its damaged lines were named; guarded by mutex */
  bool tune_outdated;   /* its lines of other versions were named; guarded by mutex */
  const char *shipped;  /* the tuning lines below it, shipped_bytes of them; tests put in their own. BORROWED */
  size_t shipped_bytes; /* 0: none */
  icn_mutex *mutex;     /* guards the list of shares */
  icn_share **shares;
  void *clblast_library, *clblast_sgemm, *clblast_temp_bytes; /* NULL: no CLBlast */
};

/* A NEW copy of `text`, NULL when memory ran out. */
char *icn_text_copy(const icn_allocator *allocator, const char *text);

#endif
