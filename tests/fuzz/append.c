/* Any bytes as a file that a run goes on with: it is refused, or what is whole in it stays and the stream ends whole.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/measure/resumed.h"
#include "lib/stream/append.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static bool count(void *context, const struct eq_record *r, struct eq_err *err) {
  size_t *records = context;
  (void)r, (void)err;
  ++*records;
  return true;
}

/* Opens the file as a run of two recipes does; its records must be those of eq-ppl, or any. */
static struct eq_append *open_cells(const char *path) {
  struct eq_str recipes[] = { eq_str("none"), eq_str("int4/g128") };
  struct eq_resumed_terms terms = { .model = eq_str("m"), .settings = eq_str("s") };
  struct eq_resumed *cells = eq_resumed_new(recipes, 2, terms, NULL);
  struct eq_append *a = cells ? eq_append_open(path, "eq-ppl", eq_resumed_note, cells, NULL) : NULL;
  eq_resumed_free(cells);
  return a;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  static const char prog[] = "\x91\x81\xa4name\xa6"
                             "eq-ppl";
  char path[64];
  size_t before = 0, after = 0;
  int fd = memfd_create("fuzz", MFD_CLOEXEC);
  if (fd < 0 || (n && write(fd, bytes, n) != (ssize_t)n)) abort();
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  eq_append_free(open_cells(path));
  struct eq_append *a = eq_append_open(path, "eq-ppl", count, &before, NULL);
  if (a) {
    struct eq_writer *w = eq_append_writer(a, (struct eq_str){ prog, sizeof prog - 1 }, NULL);
    if (!w) abort();
    eq_write_raw(w, (struct eq_str){ "\x81\xa1k\xa1t", 5 });
    if (!eq_writer_finish(w, EQ_COMPLETE, NULL)) abort();
    eq_append_free(a);
    a = eq_append_open(path, "eq-ppl", count, &after, NULL);
    if (!a || !eq_append_whole(a) || after < before + 1) abort();
    eq_append_free(a);
  }
  close(fd);
  return 0;
}
