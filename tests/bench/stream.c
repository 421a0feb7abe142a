/* Speed of the stream: small surprisal records packed from their struct, written to a pipe by one process and by
 * another read, checked and unpacked into the struct; the same in one process through memory. Best of 5. Promised: a
 * million records a second. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/progress.h"
#include "lib/stream/reader.h"
#include "lib/stream/writer.h"

enum { RECORDS = 1000000, RUNS = 5 };

static bool write_records(struct eq_writer *w) {
  struct eq_err err = { 0 };
  eq_write_header(w, (struct eq_str){ "", 0 }, "bench", "1", NULL, 0);
  for (uint64_t i = 0; i < RECORDS; i++) {
    char id[16];
    snprintf(id, sizeof id, "%06u", (unsigned)(i % 1000000));
    struct eq_surprisal s = { .lang = eq_str("en"),
                              .id = eq_str(id),
                              .model = eq_str("mini"),
                              .recipe = eq_str("int4/g128"),
                              .n_tokens = i % 99,
                              .n_scored = i % 99,
                              .bytes = 3 * (i % 99),
                              .chars = EQ_ABSENT,
                              .nll = (double)i / 7,
                              .vocab = 8192 };
    eq_write_kind(w, &eq_kind_surprisal, &s, NULL);
  }
  return eq_writer_finish(w, EQ_COMPLETE, &err);
}

static bool read_records(struct eq_reader *in) {
  struct eq_record r;
  struct eq_surprisal s;
  struct eq_err err = { 0 };
  uint64_t n = 0;
  while (eq_read(in, &r) && eq_record_get(&r, &eq_kind_surprisal, &s, &err)) n++;
  bool ok = n == RECORDS && eq_reader_error(in)->code == EQ_OK;
  eq_reader_free(in);
  return ok;
}

static double through_memory(void) {
  struct eq_buffer bytes = { 0 };
  double began = eq_clock();
  if (!write_records(eq_writer_memory(&bytes, NULL)) ||
      !read_records(eq_reader_memory(bytes.data, bytes.size, "m", NULL)))
    exit(1);
  double took = eq_clock() - began;
  eq_buffer_free(&bytes);
  return took;
}

static double through_pipe(void) {
  int ends[2], status;
  if (pipe(ends)) exit(1);
  double began = eq_clock();
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    _exit(!write_records(eq_writer_open("-", NULL)));
  }
  dup2(ends[0], STDIN_FILENO);
  close(ends[0]);
  close(ends[1]);
  if (!read_records(eq_reader_open("-", NULL)) || waitpid(child, &status, 0) != child || status) exit(1);
  double took = eq_clock() - began;
  return open("/dev/null", O_RDONLY) == STDIN_FILENO ? took : 1e9; /* the reader closed it */
}

static double best(double (*run)(void)) {
  double least = 1e9;
  for (int i = 0; i < RUNS; i++) {
    double took = run();
    if (took < least) least = took;
  }
  return RECORDS / least / 1e6;
}

int main(void) {
  printf("stream, million records a second: one process through memory %.2f", best(through_memory));
  fflush(stdout);
  printf(", two through a pipe %.2f (promised: 1)\n", best(through_pipe));
  return 0;
}
