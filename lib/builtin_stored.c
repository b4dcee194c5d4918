/* The weights of a built-in network from a file: found by their names, and one sentence on all that does not fit. */
#include <stdio.h>
#include <string.h>

#include "builtin.h"

enum { NAMED = 2, NAME_BYTES = 46, UNFIT_BYTES = 144, SHAPE_BYTES = 24 };

/* Some of a kind, the first of them by name. */
typedef struct found_list {
  size_t count;
  char text[NAMED][UNFIT_BYTES];
} found_list;

struct icn_net_stored {
  const icn_safetensors *file;
  bool *used;                 /* by tensor of the file */
  size_t wanted;              /* so many tensors the network has */
  found_list missing, unfit;  /* unfit: the shape or type is another */
  size_t scales;              /* of batch normalisations that the file has */
  found_list absent_scales;   /* and those that it has not */
  int64_t classes_of_file;    /* of the first classifier, 0: it has none */
  bool classes_are_the_files; /* the spec does not say how many */
};

static void add_found(found_list *list, const char *text) {
  if (list->count < NAMED) snprintf(list->text[list->count], UNFIT_BYTES, "%s", text);
  list->count++;
}

static void add_name(found_list *list, const char *name) {
  char text[NAME_BYTES];
  const bool is_long = strlen(name) >= sizeof text;
  snprintf(text, sizeof text, "%.*s%s", is_long ? NAME_BYTES - 4 : NAME_BYTES, name, is_long ? "..." : "");
  add_found(list, text);
}

/* ------------------------------------------------------- while it is built */

icn_status icn_net_store(icn_net *net, const icn_safetensors *weights, bool classes_given) {
  icn_net_stored *stored = icn_net_allocate(net, 1, sizeof *stored);
  bool *used = icn_net_allocate(net, weights->count + 1, sizeof *used);
  if (net->status != ICN_OK) return net->status;
  stored->file = weights;
  stored->used = used;
  stored->classes_are_the_files = !classes_given;
  net->stored = stored;
  return ICN_OK;
}

static const icn_stored_tensor *take(icn_net_stored *stored, const char *name) {
  const icn_stored_tensor *tensor = icn_safetensors_find(stored->file, name);
  if (tensor != NULL) stored->used[tensor - stored->file->tensors] = true;
  return tensor;
}

static void add_unfit(found_list *list, const icn_stored_tensor *tensor, const icn_shape *wanted) {
  char has[ICN_SHAPE_TEXT_BYTES], wants[ICN_SHAPE_TEXT_BYTES], text[UNFIT_BYTES];
  snprintf(text, sizeof text, "%.*s (%.*s of %.12s instead of %.*s of floats)", NAME_BYTES - 2, tensor->name, SHAPE_BYTES,
           icn_shape_text(&tensor->shape, has), tensor->type, SHAPE_BYTES, icn_shape_text(wanted, wants));
  add_found(list, text);
}

const icn_stored_tensor *icn_net_take_stored(icn_net *net, const char *name, const icn_shape *shape, bool is_scale) {
  icn_net_stored *stored = net->stored;
  const icn_stored_tensor *tensor = take(stored, name);
  stored->wanted++;
  if (is_scale) stored->scales += tensor != NULL;
  if (tensor == NULL) {
    add_name(is_scale ? &stored->absent_scales : &stored->missing, name);
  } else if (!tensor->supported || !icn_dtype_is_float(tensor->dtype) || !icn_shape_equal(&tensor->shape, shape)) {
    add_unfit(&stored->unfit, tensor, shape);
    tensor = NULL;
  }
  return tensor;
}

int64_t icn_net_classes(icn_net *net, const char *name) {
  const int64_t usual = net->options[ICN_NET_CLASSES];
  if (net->stored == NULL) return usual;
  const icn_stored_tensor *weight = icn_safetensors_find(net->stored->file, icn_net_name(net, name, "weight"));
  const bool is_matrix =
      weight != NULL && weight->supported && weight->shape.rank == 2 && weight->shape.dim[0] >= 1 && weight->shape.dim[0] <= INT32_MAX;
  if (is_matrix && net->stored->classes_of_file == 0) net->stored->classes_of_file = weight->shape.dim[0];
  return is_matrix && net->stored->classes_are_the_files ? weight->shape.dim[0] : usual;
}

/* ----------------------------------------------------------- when it is done */

static bool begins_with(const char *text, const char *start) { return strncmp(text, start, strlen(start)) == 0; }

/* May the network do without it? What PyTorch counts in training, and, unless they are asked for, the heads that only training uses. */
static bool may_be_left(const icn_net *net, const icn_net_row *network, const char *name) {
  static const char COUNTER[] = ".num_batches_tracked";
  const size_t length = strlen(name);
  if (length >= sizeof COUNTER - 1 && strcmp(name + length - (sizeof COUNTER - 1), COUNTER) == 0) return true;
  for (int k = 0; k < ICN_NET_MOST_HEADS && net->options[ICN_NET_AUX] != 1; k++)
    if (network->heads[k] != NULL && begins_with(name, network->heads[k])) return true;
  return false;
}

static void find_left(const icn_net *net, const icn_net_row *network, found_list *left) {
  const icn_net_stored *stored = net->stored;
  for (size_t i = 0; i < stored->file->count; i++) {
    const char *name = stored->file->tensors[i].name;
    if (!stored->used[i] && !may_be_left(net, network, name)) add_name(left, name);
  }
}

static void tell(icn_text *text, const char *kind, const found_list *list) {
  if (list->count > 0) icn_text_append(text, "; %s: %s", kind, list->text[0]);
  for (size_t i = 1; i < list->count && i < NAMED; i++) icn_text_append(text, ", %s", list->text[i]);
  if (list->count > NAMED) icn_text_append(text, " and %zu more", list->count - NAMED);
}

/* All counts before all names: should the sentence be cut off, they are in it. */
static void count(icn_text *text, const icn_net_stored *stored, size_t left) {
  const size_t missing = stored->missing.count, unfit = stored->unfit.count;
  if (missing + unfit > 0) icn_text_append(text, " of its %zu tensors", stored->wanted);
  if (missing > 0) icn_text_append(text, " %zu %s missing", missing, missing == 1 ? "is" : "are");
  if (unfit > 0) icn_text_append(text, "%s %zu %s another shape or type", missing > 0 ? "," : "", unfit, unfit == 1 ? "has" : "have");
  if (left > 0) icn_text_append(text, "%s %zu of the file %s left over", missing + unfit > 0 ? "," : "", left, left == 1 ? "is" : "are");
}

static icn_status complain(const icn_net *net, const icn_net_row *network, const found_list *left) {
  const icn_net_stored *stored = net->stored;
  icn_text text;
  icn_text_init(&text, &net->source->arena.allocator);
  icn_text_append(&text, "the weights do not fit the built-in network %s:", network->info.name);
  if (stored->classes_of_file > 0 && !stored->classes_are_the_files && stored->classes_of_file != net->options[ICN_NET_CLASSES])
    icn_text_append(&text, " they tell %lld classes apart, not %lld;", (long long)stored->classes_of_file,
                    (long long)net->options[ICN_NET_CLASSES]);
  count(&text, stored, left->count);
  tell(&text, "missing", &stored->missing);
  tell(&text, "other", &stored->unfit);
  tell(&text, "left over", left);
  icn_status status =
      text.failed ? icn_error_memory(net->error, text.capacity, "a message") : icn_error_set(net->error, ICN_FORMAT, "%s", text.data);
  icn_text_fini(&text);
  return status;
}

icn_status icn_net_check_stored(icn_net *net, const icn_net_row *network) {
  icn_net_stored *stored = net->stored;
  found_list left = {0};
  find_left(net, network, &left);
  for (size_t i = 0; stored->scales > 0 && i < stored->absent_scales.count; i++)
    add_found(&stored->missing, i < NAMED ? stored->absent_scales.text[i] : "");
  if (stored->missing.count == 0 && stored->unfit.count == 0 && left.count == 0) return ICN_OK;
  return complain(net, network, &left);
}
