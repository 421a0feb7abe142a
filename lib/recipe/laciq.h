/* laciq.h: language-aware ACIQ: a clipping limit that is best for the language that it serves worst.
 *
 * Languages use the same weights unequally: where a language's activations are large, errors of the weights that they
 * meet cost it more. Seen by a language, weights are a mixture of components with weights w_l, variances s_l^2 and
 * excess kurtoses k_l, whose variance and effective kurtosis are
 *
 *   V = sum w_l s_l^2 / sum w_l        k_eff = (sum w_l s_l^4 (k_l + 3) / sum w_l) / V^2 - 3
 *
 * The expected error of rounding them with a limit t, relative to what they bring, is D(t / sqrt V; k_eff): D(a; k) is
 * the mean squared error of 2^b - 1 symmetric codes, clipping and rounding, on a generalized normal distribution of
 * variance 1 and excess kurtosis k (0: Gaussian, 3: Laplace), whose limit is a. The limit is
 *
 *   t = arg min over t of max over languages of D(t / sqrt V(language); k_eff(language))
 *
 *   laciq          a limit a tensor. Its components are its input channels, each weighted by the mean square of what
 *                  enters it in the language; moments are about the tensor's mean. (Weighting whole tensors would
 *                  change no limit of a tensor's own: its factor scales the tensor's error whatever the limit.) A group
 *                  gets t / (the tensor's deviation) times its own deviation, about its own mean
 *   laciq-uniform  one multiplier for the model. Its components are the linear tensors, each divided by its deviation
 *                  (s_l = 1), with w_l = weights times mean square of the inputs times variance. A group's limit is the
 *                  multiplier times its deviation
 *
 * It assumes that errors of weights are independent of one another and of what enters, that the inputs of a tensor are
 * uncorrelated, and that the mixture is about a generalized normal distribution. Banner et al. 2019 do so for Gaussian
 * and Laplace alone and for one distribution of inputs. */
#ifndef EQ_RECIPE_LACIQ_H
#define EQ_RECIPE_LACIQ_H

#include "lib/recipe/scheme.h"

/* A language's view of some weights. */
struct eq_mixture {
  double variance, kurtosis;
};

/* The mixture of n components with these weights, variances and mean fourth powers ((k_l + 3) s_l^4), all >= 0;
 * variance 0 when no weight meets any. */
struct eq_mixture eq_mixture_of(const double *weights, const double *variances, const double *fourths, size_t n);

/* The exponent of the generalized normal distribution p(x) ~ exp(-|x / c|^shape) with that excess kurtosis, which is
 * G(5/shape) G(1/shape) / G(3/shape)^2 - 3; from 0.2 (1,954) to 20 (-1.18), beyond which the nearest is taken. */
double eq_generalized_shape(double kurtosis);

/* D as a function of the step: codes -K..K, `top` is K, `step` apart in units of the deviation. */
double eq_generalized_error(double shape, double step, unsigned top);

/* The limit for these n languages under int<b>, in the units of the variances' roots; of no variance 0. To 1e-7. */
double eq_laciq_limit(const struct eq_scheme *s, const struct eq_mixture *languages, size_t n);

#endif
