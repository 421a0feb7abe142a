/* arch_list.h: the families that there are, for arch.c. */
#ifndef EQ_MODEL_ARCH_LIST_H
#define EQ_MODEL_ARCH_LIST_H

#include "lib/model/arch.h"

extern const struct eq_arch eq_arch_gpt2;                                                 /* arch_gpt2.c */
extern const struct eq_arch eq_arch_gpt_neox;                                             /* arch_neox.c */
extern const struct eq_arch eq_arch_llama, eq_arch_mistral, eq_arch_qwen2, eq_arch_qwen3; /* arch_llama.c */
extern const struct eq_arch eq_arch_gemma, eq_arch_gemma2, eq_arch_gemma3;                /* arch_gemma.c */

#endif
