#include "lib/model/windows.h"

size_t eq_windows_count(size_t n_rows, size_t context, size_t stride) {
  if (n_rows == 0) return 0;
  return n_rows <= context ? 1 : 1 + (n_rows - context + stride - 1) / stride;
}

struct eq_window eq_window_at(size_t n_rows, size_t context, size_t stride, size_t w) {
  size_t first = w * stride, left = n_rows - first;
  return (struct eq_window){ first, left < context ? left : context, w ? context - stride : 0 };
}
