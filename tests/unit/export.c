/* Exports that fail: what no tool can be made to meet at the right moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/export/export.h"

#define LLAMA "tests/golden/models/llama"

/* A new folder, to free(). */
static char *make_folder(void) {
  const char *base = getenv("TMPDIR");
  char *path = eq_path_join(base ? base : "/tmp", "export.XXXXXX");
  assert_non_null(mkdtemp(path));
  return path;
}

static void copy(const char *from, const char *to) {
  struct eq_err err = { 0 };
  struct eq_file f;
  struct eq_output o;
  assert_true(eq_file_map(&f, from, &err) && eq_output_open(&o, to, &err));
  assert_true(eq_write_all(o.fd, f.data, f.size, to, &err) && eq_output_commit(&o, &err));
  eq_file_unmap(&f);
}

/* While it runs the patch changes. */
static bool touch(void *context, const struct eq_quant *q) {
  const struct timespec times[2] = { { 1, 0 }, { 1, 5 } };
  (void)q;
  return utimensat(AT_FDCWD, context, times, 0) == 0;
}

static void a_patch_that_changes_is_noticed(void **state) {
  struct eq_err err = { 0 };
  struct eq_model m;
  struct eq_safetensors s;
  char *folder = make_folder(), *patch = eq_path_join(folder, "patch"), *out = eq_path_join(folder, "out");
  struct eq_pool *pool = eq_pool_new(1, &err);
  (void)state;
  copy(LLAMA "/model.safetensors", patch);
  if (!eq_model_open(&m, LLAMA, pool, &err) || !eq_safetensors_open(&s, patch, &err)) fail_msg("%s", err.text);
  const struct eq_treatment **none = eq_array(m.n_params, sizeof *none);
  struct eq_export x = { .model = &m,
                         .source = LLAMA,
                         .treatments = none,
                         .recipe = "none",
                         .programs = "[]",
                         .patch = &s,
                         .patch_model = m.name,
                         .dtype = EQ_F32,
                         .pool = pool,
                         .report = touch,
                         .context = patch,
                         .format = &eq_export_hf,
                         .out = out };
  assert_false(eq_export_run(&x, &err));
  assert_non_null(strstr(err.text, "/patch: changed while it was read"));
  assert_false(eq_path_exists(out));
  unlink(patch);
  assert_int_equal(rmdir(folder), 0);
  free(none);
  eq_safetensors_close(&s);
  eq_model_close(&m);
  eq_pool_free(pool);
  free(folder), free(patch), free(out);
}

int main(void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test(a_patch_that_changes_is_noticed) };
  return cmocka_run_group_tests_name("export", tests, NULL, NULL);
}
