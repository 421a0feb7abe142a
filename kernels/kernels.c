#include "kernels/kernels.h"

#include <string.h>

#include "lib/base/buffer.h"

/* What "auto" tries first comes first. To add an implementation: a folder, a row here, a row in tests/unit/kernels.c.
 */
static const struct eq_kernels *const implementations[] = { &eq_kernels_blas, &eq_kernels_ref };
enum { N = sizeof implementations / sizeof *implementations };

const struct eq_kernels *eq_kernels_find(const char *name, struct eq_err *err) {
  if (strcmp(name, "auto") == 0) return implementations[0];
  for (size_t i = 0; i < N; i++)
    if (strcmp(name, implementations[i]->name) == 0) return implementations[i];
  struct eq_buffer known = { 0 };
  for (size_t i = 0; i < N; i++) eq_buffer_format(&known, ", %s", implementations[i]->name);
  eq_fail(err, EQ_BAD, "--kernels: unknown '%s': known are auto%s", name, known.data ? known.data : "");
  eq_buffer_free(&known);
  return NULL;
}
