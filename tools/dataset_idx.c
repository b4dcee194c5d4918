/* IDX files, as MNIST has them: a head of four bytes (0, 0, type, dimensions), the dimensions, then the values, big end first. Of images
 * those of unsigned bytes are read, [n][height][width] or, with colours, [n][height][width][3]. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataset.h"
#include "gzip.h"
#include "image.h"
#include "os.h"

enum { UNSIGNED_BYTES = 8, MOST_DIMS = 4, LARGEST_SIDE = 32768, MOST_PICTURES = 1 << 28 };

typedef struct idx_file {
  uint8_t *bytes; /* the whole file, decompressed */
  size_t length;
  int rank;
  uint64_t dim[MOST_DIMS];
  const uint8_t *values;
} idx_file;

static void idx_fini(idx_file *file) {
  const icn_allocator allocator = icn_allocator_default();
  icn_release(&allocator, file->bytes);
}

/* The file's bytes, whatever compressed them. */
static int read_bytes(const char *path, idx_file *file) {
  const icn_allocator allocator = icn_allocator_default();
  icn_error error;
  icn_mapping mapping;
  if (icn_os_map(path, &mapping, &error) != ICN_OK) return tool_error(&error);
  icn_status status = ICN_OK;
  if (icn_is_gzip(mapping.data, (size_t)mapping.bytes)) {
    status = icn_gunzip(&allocator, mapping.data, (size_t)mapping.bytes, path, &file->bytes, &file->length, &error);
  } else {
    file->length = (size_t)mapping.bytes;
    file->bytes = icn_allocate(&allocator, file->length + 1);
    if (file->bytes == NULL) exit(tool_fail("out of memory: %zu bytes could not be allocated", file->length));
    if (file->length > 0) memcpy(file->bytes, mapping.data, file->length);
  }
  icn_os_unmap(&mapping);
  return status == ICN_OK ? TOOL_OK : tool_error(&error);
}

static int read_idx(const char *path, idx_file *file) {
  *file = (idx_file){0};
  const int code = read_bytes(path, file);
  if (code != TOOL_OK) return code;
  const uint8_t *b = file->bytes;
  if (file->length < 4 || b[0] != 0 || b[1] != 0 || b[3] < 1 || b[3] > MOST_DIMS)
    return tool_fail("'%s' is no IDX file of pictures or labels", path);
  if (b[2] != UNSIGNED_BYTES) return tool_fail("IDX file '%s' holds values of type 0x%02x; unsigned bytes (0x08) are read", path, b[2]);
  file->rank = b[3];
  const size_t head = 4 + 4 * (size_t)file->rank;
  uint64_t count = 1;
  for (int k = 0; k < file->rank && file->length >= head; k++) {
    const uint8_t *d = b + 4 + 4 * k;
    file->dim[k] = (uint64_t)d[0] << 24 | (uint64_t)d[1] << 16 | (uint64_t)d[2] << 8 | d[3];
    if (file->dim[k] != 0 && count > UINT64_MAX / file->dim[k]) count = UINT64_MAX / 2; /* no file is that long */
    count *= file->dim[k];
  }
  if (file->length < head || file->length - head != count)
    return tool_fail("IDX file '%s' is cut off or damaged: it has %zu bytes, not those of its head", path, file->length);
  file->values = b + head;
  return TOOL_OK;
}

/* The name of the labels beside "t10k-images-idx3-ubyte.gz". */
static char *labels_path(const char *path) {
  static const char *const PARTS[][2] = {{"images", "labels"}, {"idx3", "idx1"}, {"idx4", "idx1"}};
  char *name = tool_format("%s", path);
  char *slash = strrchr(name, '/'), *backslash = strrchr(name, '\\'); /* Windows has both */
  char *file = slash != NULL ? slash : name;
  if (backslash > file) file = backslash;
  for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS; i++) {
    char *at = strstr(file, PARTS[i][0]);
    if (at != NULL) memcpy(at, PARTS[i][1], strlen(PARTS[i][1]));
  }
  return name;
}

static int check_images(const char *path, const idx_file *images) {
  if (images->rank != 3 && !(images->rank == 4 && images->dim[3] == 3))
    return tool_fail("IDX file '%s' has %d dimensions: pictures have three (number, height, width), or a fourth of 3 colours", path,
                     images->rank);
  if (images->dim[0] == 0) return tool_fail("IDX file '%s' has no pictures", path);
  if (images->dim[1] == 0 || images->dim[2] == 0 || images->dim[1] > LARGEST_SIDE || images->dim[2] > LARGEST_SIDE ||
      images->dim[0] > MOST_PICTURES)
    return tool_fail("IDX file '%s' has %llu pictures of %llux%llu pixels, which cannot be", path, (unsigned long long)images->dim[0],
                     (unsigned long long)images->dim[2], (unsigned long long)images->dim[1]);
  return TOOL_OK;
}

static int add_pictures(const dataset_options *options, const char *path, const idx_file *numbers, dataset *d, uint64_t count) {
  if (numbers->rank != 1 || numbers->dim[0] != count)
    return tool_fail("'%s' has %llu labels for %llu pictures", path, (unsigned long long)(numbers->rank == 1 ? numbers->dim[0] : 0),
                     (unsigned long long)count);
  for (uint64_t i = 0; i < count; i++) {
    const long label = (long)numbers->values[i] + options->label_offset;
    if (label < 0)
      return tool_fail("'%s': the class of picture %llu would be %ld with --label-offset %ld", path, (unsigned long long)i, label,
                       options->label_offset);
    dataset_add(d, tool_format("%s[%llu]", d->path, (unsigned long long)i), (int)label);
  }
  return TOOL_OK;
}

int dataset_open_idx(const dataset_options *options, dataset *d) {
  idx_file images, numbers = {0};
  char *path = options->idx_labels != NULL ? tool_format("%s", options->idx_labels) : labels_path(d->path);
  d->kind = DATASET_IDX;
  int code = read_idx(d->path, &images);
  if (code == TOOL_OK) code = check_images(d->path, &images);
  if (code == TOOL_OK && strcmp(path, d->path) == 0)
    code = tool_fail("where are the labels of '%s'? expected --idx-labels FILE, or names with 'images' and 'labels'", d->path);
  if (code == TOOL_OK) code = read_idx(path, &numbers);
  if (code == TOOL_OK) code = add_pictures(options, path, &numbers, d, images.dim[0]);
  if (code == TOOL_OK) {
    d->idx_height = (int)images.dim[1];
    d->idx_width = (int)images.dim[2];
    d->idx_channels = images.rank == 4 ? 3 : 1;
    const size_t bytes = (size_t)(images.values - images.bytes);
    d->idx = tool_allocate(images.length - bytes, 1);
    memcpy(d->idx, images.values, images.length - bytes);
  }
  idx_fini(&images);
  idx_fini(&numbers);
  free(path);
  return code;
}

/* A grey picture has its value in all three channels. */
static icn_status idx_picture(const dataset *d, size_t index, icn_image **image, icn_error *error) {
  const icn_allocator allocator = icn_allocator_default();
  const size_t pixels = (size_t)d->idx_width * (size_t)d->idx_height, channels = (size_t)d->idx_channels;
  const icn_status status = icn_image_allocate(&allocator, d->idx_width, d->idx_height, image, error);
  const uint8_t *in = d->idx + index * pixels * channels;
  for (size_t i = 0; status == ICN_OK && i < pixels * 3; i++) (*image)->pixels[i] = channels == 3 ? in[i] : in[i / 3];
  return status;
}

icn_status dataset_load(const dataset *d, const icn_context *context, size_t index, icn_image **image, icn_error *error) {
  if (d->kind == DATASET_IDX) return idx_picture(d, index, image, error);
  return icn_image_load(context, d->pictures[index].name, image, error);
}
