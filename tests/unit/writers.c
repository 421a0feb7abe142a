/* Files and folders in the making: whole under their name, or not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/tensor/safetensors.h"
#include "lib/tensor/safetensors_writer.h"

/* A fresh folder of the test's own; *state is its path. */
static int make_folder(void **state) {
  const char *base = getenv("TMPDIR");
  struct eq_buffer b = { 0 };
  eq_buffer_format(&b, "%s/writers.XXXXXX", base ? base : "/tmp");
  *state = b.data;
  return !b.failed && mkdtemp(b.data) ? 0 : -1;
}
static int remove_folder(void **state) {
  struct eq_folder f = { .temporary = *state };
  eq_folder_discard(&f);
  return 0;
}

static const struct eq_tensor tensors[] = {
  { .name = "half", .dtype = EQ_F16, .n_dims = 1, .dims = { 3 }, .n = 3 },
  { .name = "\"odd\"\n", .dtype = EQ_F32, .n_dims = 2, .dims = { 2, 1 }, .n = 2 },
  { .name = "none", .dtype = EQ_F32, .n_dims = 2, .dims = { 0, 7 }, .n = 0 },
  { .name = "shape", .dtype = EQ_I64, .n_dims = 0, .n = 1 },
  { .name = "byte", .dtype = EQ_I8, .n_dims = 1, .dims = { 1 }, .n = 1 },
};
enum { N = sizeof tensors / sizeof *tensors };
static const struct eq_safetensors_note notes[] = { { "format", "pt" }, { "who", "\xd7\x90 \"q\"" } };

static void tensors_put_in_any_order_are_read_back(void **state) {
  char *path = eq_path_join(*state, "a.safetensors");
  struct eq_safetensors_writer w = { 0 };
  struct eq_err err = { 0 };
  const float odd[] = { 1.5f, -2.5f };
  const uint16_t half[] = { 1, 2, 3 };
  const int64_t shape = -5;
  assert_true(eq_safetensors_create(&w, path, tensors, N, notes, 2, &err));
  assert_true(eq_safetensors_put(&w, 4, "x", 1, &err));
  assert_true(eq_safetensors_put(&w, 1, odd, sizeof odd, &err));
  assert_true(eq_safetensors_put(&w, 0, half, 2, &err));
  assert_true(eq_safetensors_put(&w, 3, &shape, sizeof shape, &err));
  assert_true(eq_safetensors_put(&w, 0, half + 1, 4, &err));
  assert_false(eq_path_exists(path));
  assert_true(eq_safetensors_commit(&w, &err));
  struct eq_safetensors s;
  if (!eq_safetensors_open(&s, path, &err)) fail_msg("%s", err.text);
  assert_int_equal(s.n_tensors, N);
  const struct eq_tensor *t = eq_safetensors_find(&s, "\"odd\"\n");
  assert_true(t && t->dtype == EQ_F32 && t->n_dims == 2 && t->dims[0] == 2);
  assert_memory_equal(t->data, odd, sizeof odd);
  assert_memory_equal(eq_safetensors_find(&s, "half")->data, half, sizeof half);
  assert_memory_equal(eq_safetensors_find(&s, "shape")->data, &shape, sizeof shape);
  assert_memory_equal(eq_safetensors_find(&s, "byte")->data, "x", 1);
  for (size_t i = 0; i < N; i++)
    assert_int_equal((uintptr_t)s.tensors[i].data % eq_dtype_size(s.tensors[i].dtype), 0); /* each is aligned */
  eq_safetensors_close(&s);
  free(path);
}

static void a_tensor_that_lacks_bytes_or_has_too_many_is_named(void **state) {
  char *path = eq_path_join(*state, "b.safetensors");
  struct eq_safetensors_writer w = { 0 };
  struct eq_err few = { 0 }, many = { 0 };
  assert_true(eq_safetensors_create(&w, path, tensors, N, notes, 2, &few));
  assert_false(eq_safetensors_put(&w, 4, "xy", 2, &many));
  assert_non_null(strstr(many.text, "tensor 'byte' gets more bytes than its shape has"));
  assert_false(eq_safetensors_commit(&w, &few));
  assert_non_null(strstr(few.text, "tensor 'half' got 0 of its 6 bytes"));
  assert_false(eq_path_exists(path));
  free(path);
}

static void a_name_that_is_not_utf8_is_refused(void **state) {
  char *path = eq_path_join(*state, "c.safetensors");
  struct eq_tensor t = { .name = "a\xff", .dtype = EQ_F32, .n = 1 };
  struct eq_safetensors_writer w = { 0 };
  struct eq_err err = { 0 };
  assert_false(eq_safetensors_create(&w, path, &t, 1, notes, 2, &err));
  assert_non_null(strstr(err.text, "is not UTF-8"));
  assert_false(eq_path_exists(path));
  free(path);
}

static void write_file(const char *folder, const char *name) {
  struct eq_output o;
  struct eq_err err = { 0 };
  char *path = eq_path_join(folder, name);
  assert_true(eq_output_open(&o, path, &err) && eq_write_all(o.fd, "x", 1, path, &err) && eq_output_commit(&o, &err));
  free(path);
}

static void a_folder_appears_with_its_files_or_not_at_all(void **state) {
  char *path = eq_path_join(*state, "folder"), *file = eq_path_join(path, "file");
  struct eq_folder f;
  struct eq_err err = { 0 };
  assert_true(eq_folder_create(&f, path, &err));
  char *temporary = eq_copy_string(f.temporary, strlen(f.temporary));
  write_file(f.temporary, "file");
  assert_false(eq_path_exists(path));
  eq_folder_discard(&f);
  assert_false(eq_path_exists(temporary));
  assert_true(eq_folder_create(&f, path, &err));
  write_file(f.temporary, "file");
  assert_true(eq_folder_commit(&f, &err));
  assert_true(eq_path_exists(file));
  assert_false(eq_folder_create(&f, path, &err)); /* not over another's files */
  assert_non_null(strstr(err.text, "is there already"));
  unlink(file);
  err = (struct eq_err){ 0 };
  assert_true(eq_folder_create(&f, path, &err)); /* empty by now */
  write_file(path, "file");
  assert_false(eq_folder_commit(&f, &err)); /* and then not */
  assert_non_null(strstr(err.text, "something else made it meanwhile"));
  unlink(file);
  rmdir(path);
  free(temporary);
  free(path);
  free(file);
}

static void a_mapped_file_that_changes_is_noticed(void **state) {
  char *path = eq_path_join(*state, "mapped"), *other = eq_path_join(*state, "other");
  struct eq_file f;
  struct eq_err err = { 0 };
  write_file(*state, "mapped");
  write_file(*state, "other");
  assert_true(eq_file_map(&f, path, &err));
  assert_true(eq_file_unchanged(&f, &err));
  assert_true(eq_file_is(&f, path) && !eq_file_is(&f, other));
  const struct timespec times[2] = { { 1, 0 }, { 1, 5 } };
  assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
  assert_false(eq_file_unchanged(&f, &err));
  assert_non_null(strstr(err.text, "mapped: changed while it was read"));
  err = (struct eq_err){ 0 };
  assert_int_equal(rename(other, path), 0); /* the mapping is of the file that was there */
  assert_true(eq_file_unchanged(&f, &err));
  eq_file_unmap(&f);
  free(path);
  free(other);
}

static void a_mapped_file_that_becomes_shorter_reads_as_zeros_and_is_noticed(void **state) {
  char *path = eq_path_join(*state, "shrinks");
  struct eq_file f;
  struct eq_err err = { 0 };
  int fd = open(path, O_CREAT | O_RDWR, 0600);
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  assert_true(fd >= 0 && ftruncate(fd, (off_t)(3 * page)) == 0 && pwrite(fd, "xx", 2, (off_t)(2 * page)) == 2);
  assert_true(eq_file_map(&f, path, &err));
  assert_int_equal(f.data[2 * page], 'x');
  eq_file_survive_loss();
  assert_int_equal(ftruncate(fd, (off_t)page), 0);
  assert_int_equal(*(volatile const char *)&f.data[2 * page], 0);
  assert_false(eq_file_unchanged(&f, &err));
  assert_non_null(strstr(err.text, "shrinks: changed while it was read"));
  close(fd);
  eq_file_unmap(&f);
  free(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    TEST(tensors_put_in_any_order_are_read_back),
    TEST(a_tensor_that_lacks_bytes_or_has_too_many_is_named),
    TEST(a_name_that_is_not_utf8_is_refused),
    TEST(a_folder_appears_with_its_files_or_not_at_all),
    TEST(a_mapped_file_that_changes_is_noticed),
    TEST(a_mapped_file_that_becomes_shorter_reads_as_zeros_and_is_noticed), /* the last: losses are remembered */
  };
  return cmocka_run_group_tests_name("writers", tests, NULL, NULL);
}
