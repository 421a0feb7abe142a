/* panels.h: products with a matrix that was packed for them, on processors with fused multiply-adds.
 *
 * A panel holds EQ_PANEL outputs, [in][EQ_PANEL], the last one filled up with zeros. Packing pays where many rows meet
 * one matrix: a product then reads nothing but what it needs, in order, and packs nothing itself, as a BLAS does again
 * in every call. An element of a product is one chain of multiply-adds over the inputs in order, so all variants give
 * the same bytes, and a row's place in its tile does not matter. */
#ifndef EQ_KERNELS_BLAS_PANELS_H
#define EQ_KERNELS_BLAS_PANELS_H

#include "kernels/kernels.h"

enum { EQ_PANEL = EQ_PACKED };

/* y[EQ_TILE][out] = x[EQ_TILE][in] W (+ bias) (+ y, when `add`); arguments as those of `linear` in kernels.h. */
struct eq_panels_variant {
  const char *name;
  bool (*runs_here)(void);
  void (*multiply)(float *y, size_t y_stride, const float *x, size_t x_stride, struct eq_weight w, const float *bias,
                   bool add);
};
/* The fastest first; ends with a row of zeros. */
extern const struct eq_panels_variant eq_panels_variants[];

/* The first that runs here, NULL for none. */
const struct eq_panels_variant *eq_panels_pick(void);

/* As `packed_size` and `pack` in kernels.h. */
size_t eq_panels_size(size_t in, size_t out);
void eq_panels_pack(float *panels, struct eq_weight w, size_t first, size_t last);

#endif
