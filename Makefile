# equant: one Makefile for all of it, not recursive. `make help` lists what it does.
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
SHELL := /bin/bash

# ---- Debian packages: all that building, testing and drawing needs; what is missing is installed with apt-get --------
PACKAGES := gcc libc6-dev libmsgpack-dev libzmq3-dev libutf8proc-dev libopenblas-dev libpcre2-dev libjansson-dev \
  libxxhash-dev gnuplot-nox libcmocka-dev bats python3 python3-msgpack man-db groff jq parallel pkgconf shellcheck
PACKAGES_CLANG := clang libclang-rt-dev
PACKAGES_FORMAT := clang-format
PACKAGES_PEERS := python3-venv
PACKAGES_SLURM := slurm-wlm

# ---- switches: make SAN=1, make CC=clang, make CUDA=0|1|auto, make BUILD=folder --------------------------------------
CC := gcc
SAN ?= 0
CUDA ?= auto
DEPS ?= 1
JOBS ?= 2
PREFIX ?= /usr/local
DESTDIR ?=
TESTS ?=
V ?= 0
Q := $(if $(filter 0,$(V)),@)
FUZZ_SECONDS ?= 60
VERSION := $(shell sed -n 's/^\#define EQ_VERSION "\(.*\)"/\1/p' lib/tool/tool.h)
COMPILER := $(notdir $(firstword $(CC)))
BUILD ?= build/$(COMPILER)$(if $(filter 1,$(SAN)),-san)

WARN := -Wall -Wextra -Wshadow -Wconversion -Werror
# -ffp-contract=off everywhere: a fused multiply-add changes rounding, and with it the bytes of a result.
CFLAGS ?= -O2 -g
ALL_CFLAGS := -std=c11 -D_GNU_SOURCE -I. $(WARN) -ffp-contract=off -pthread $(CFLAGS)
LIBS := -lmsgpackc -lzmq -lutf8proc -lopenblas -lpcre2-8 -ljansson -lxxhash -lm -pthread
# A tool loads only the libraries that it calls: eq-show must not pay for starting OpenBLAS.
LDFLAGS += -Wl,--as-needed
ifeq ($(SAN),1)
  ALL_CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
endif

# ---- CUDA: kernels/cuda/*.cu join the library where nvcc is; CUDA=1 insists ------------------------------------------
NVCC := $(shell command -v nvcc 2>/dev/null)
CUDA_SOURCES := $(wildcard kernels/cuda/*.cu)
ifeq ($(CUDA),1)
  ifeq ($(CUDA_SOURCES),)
    $(error CUDA=1, but this version has no CUDA kernels (kernels/cuda/*.cu))
  endif
  ifeq ($(NVCC),)
    $(error CUDA=1, but nvcc is not on the PATH)
  endif
endif
ifneq ($(and $(filter-out 0,$(CUDA)),$(NVCC),$(CUDA_SOURCES)),)
  ALL_CFLAGS += -DEQ_CUDA
  CUDA_OBJECTS := $(CUDA_SOURCES:%.cu=$(BUILD)/%.cu.o)
  LIBS += -L$(dir $(NVCC))../lib64 -lcudart -lstdc++
endif

# ---- sources: a new file is found by itself --------------------------------------------------------------------------
LIB_SOURCES := $(sort $(wildcard lib/*/*.c kernels/*.c kernels/*/*.c))
HEADERS := $(sort $(wildcard lib/*/*.h kernels/*.h))
TOOLS := $(patsubst tools/%.c,%,$(sort $(wildcard tools/eq*.c)))
UNITS := $(patsubst tests/unit/%.c,%,$(sort $(wildcard tests/unit/*.c)))
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/*.c)))
BENCHES := $(patsubst tests/bench/%.c,%,$(sort $(wildcard tests/bench/*.c)))
FORMATTED := $(sort $(wildcard lib/*/*.[ch] kernels/*.[ch] kernels/*/*.[ch] kernels/*/*.cu tools/*.[ch] tests/*/*.[ch]))
LIB := $(BUILD)/libequant.a
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(BUILD)/%.o) $(CUDA_OBJECTS)
BIN := $(BUILD)/bin
WITH_TOOLS := PATH="$(abspath $(BIN)):$$PATH"

.PHONY: all units test demo bench bench-peers exact fuzz install format format-check floors clean help deps deps-format deps-fuzz deps-slurm force
all: $(LIB) $(TOOLS:%=$(BIN)/%)
units: $(UNITS:%=$(BUILD)/unit/%)

help:
	@echo 'make            the tools, in $(BIN)'
	@echo 'make demo       measure the embedded model in fifteen languages, and draw the picture'
	@echo 'make test       all tests (TESTS="reader eq-text": those suites)'
	@echo 'make bench      speed and memory against what we promise'
	@echo 'make bench-peers tokenization beside the libraries that people use (PEERS="FOLDER ...": these models)'
	@echo 'make exact      ids and spans beside tokenizers $(EXACT_VERSION), on 200000 random texts (EXACT="FOLDER ...": these models)'
	@echo 'make fuzz       hostile input, FUZZ_SECONDS=$(FUZZ_SECONDS) a target (FUZZ="stream tsv": those targets)'
	@echo 'make install    PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)'
	@echo 'make format     clang-format on all sources; format-check only looks'
	@echo 'make floors     each room includes only what stands below it'
	@echo 'make clean      remove build/'
	@echo 'switches        CC=gcc|clang  SAN=0|1 (ASan, UBSan)  CUDA=0|1|auto  DEPS=0 (install no packages)'
	@echo '                V=1 (show commands)'

# ---- packages: checked once a build folder, and again when this file changes -----------------------------------------
# $(call need,PACKAGES): asks dpkg, then apt-get for what is missing.
define need
@command -v dpkg-query >/dev/null || { echo 'no Debian here: this needs what Debian calls $(1)' >&2; exit 0; }; \
missing=; for p in $(1); do \
  dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q '^install ok installed' || missing="$$missing $$p"; done; \
[ -n "$$missing" ] || exit 0; \
sudo=; [ "$$(id -u)" = 0 ] || sudo='sudo '; \
line="$${sudo}apt-get install -y --no-install-recommends$$missing"; \
if [ '$(DEPS)' = 0 ]; then echo "missing packages, run:  $$line" >&2; exit 2; fi; \
if [ -n "$$sudo" ] && ! command -v sudo >/dev/null; then \
  echo "missing packages, and no sudo; run as root:  $${line#sudo }" >&2; exit 2; fi; \
echo "$$line"; $${sudo}apt-get update -q </dev/null; \
$${sudo}env DEBIAN_FRONTEND=noninteractive $${line#sudo } -q </dev/null || \
  { echo "apt-get failed: $$line" >&2; exit 2; }
endef

DEPS_STAMP := $(BUILD)/deps
$(DEPS_STAMP): Makefile
	$(call need,$(PACKAGES) $(if $(filter clang,$(COMPILER)),$(PACKAGES_CLANG)))
	@mkdir -p $(@D) && touch $@
deps: $(DEPS_STAMP)
deps-format:
	$(call need,$(PACKAGES_FORMAT))
# With it the tests start a cluster of their own; without it they skip that.
deps-slurm:
	$(call need,$(PACKAGES_SLURM))
build/fuzz/deps: Makefile
	$(call need,$(PACKAGES) $(PACKAGES_CLANG))
	@mkdir -p $(@D) && touch $@

# ---- compile and link ------------------------------------------------------------------------------------------------
# Loops of the kernels are written for the vectorizer, as are those that decode and round weights or sum replicates. gcc
# may turn ?: into a select there once it knows that nobody asks for floating-point traps or errno, which changes no value.
VECTOR := -O3 -fno-trapping-math -fno-math-errno
# Objects depend on the flags that they were compiled with.
FLAGS := $(CC) $(ALL_CFLAGS) $(VECTOR)
$(BUILD)/flags: force
	@mkdir -p $(@D); echo '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' >$@

$(BUILD)/kernels/%.o: ALL_CFLAGS += $(VECTOR)
VECTORIZED := lib/tensor/dtype lib/tensor/ggml_blocks lib/tensor/ggml_encode lib/tensor/ggml_encode_k \
  lib/tensor/ggml_encode_iq4 lib/recipe/rounding lib/recipe/clip lib/measure/bootstrap
$(VECTORIZED:%=$(BUILD)/%.o): ALL_CFLAGS += $(VECTOR)
# The table of languages is built in.
$(BUILD)/lib/text/languages.o build/fuzz/lib/text/languages.o: corpora/languages.tsv
$(BUILD)/%.o: %.c $(BUILD)/flags | $(DEPS_STAMP)
	@mkdir -p $(@D)
	@echo '  $(COMPILER) $@'
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/%.cu.o: %.cu $(BUILD)/flags | $(DEPS_STAMP)
	@mkdir -p $(@D)
	@echo '  nvcc $@'
	$(Q)$(NVCC) -O3 --fmad=false -I. -DEQ_CUDA -Xcompiler -Wall,-Wextra -MMD -MP -c $< -o $@

$(LIB): $(LIB_OBJECTS)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(BIN)/%: $(BUILD)/tools/%.o $(LIB)
	@mkdir -p $(@D)
	@echo '  link $@'
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $< $(LIB) $(LIBS) -o $@

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(LIB)
	@mkdir -p $(@D)
	@echo '  link $@'
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $< $(LIB) -lcmocka $(LIBS) -o $@

$(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(LIB)
	@mkdir -p $(@D)
	@echo '  link $@'
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $< $(LIB) $(LIBS) -o $@

-include $(wildcard $(BUILD)/*/*.d $(BUILD)/*/*/*.d $(BUILD)/*/*/*/*.d)
.SECONDARY:

# ---- test, demo, bench -----------------------------------------------------------------------------------------------
test: all units
	@tests/run --build $(BUILD) --cc '$(CC)' --san $(SAN) --jobs $(JOBS) $(TESTS)

demo: all
	@$(WITH_TOOLS) pipelines/demo.sh

bench: all $(BENCHES:%=$(BUILD)/bench/%)
	@set -e; for b in $(BENCHES:%=$(BUILD)/bench/%) $(sort $(wildcard tests/bench/*.sh)); do \
	  echo "== $$(basename $$b)"; $(WITH_TOOLS) EQ_BUILD='$(abspath $(BUILD))' $$b; done

# Side by side with the libraries that people use, from PyPI, in a virtual environment of their own.
TRAINED := llama3 llama2 xlmr t5 bert_cased
PIECES := bpe.model llama.model unigram.model ranks.tiktoken
PEERS ?= corpora/mini $(TRAINED:%=tests/golden/trained/%.json) $(PIECES:%=tests/golden/pieces/%)
build/peers/bin/python:
	$(call need,$(PACKAGES_PEERS))
	$(Q)python3 -m venv build/peers && build/peers/bin/pip install -q tokenizers tiktoken || { rm -rf build/peers; exit 1; }
build/peers/sentencepiece: | build/peers/bin/python
	$(Q)build/peers/bin/pip install -q sentencepiece && touch $@
bench-peers: $(BUILD)/bench/tokenize build/peers/bin/python build/peers/sentencepiece
	$(Q)build/peers/bin/python tests/bench/peers/tokenize.py $< $(PEERS)
	@if [ -n "$$LLAMA_CPP" ] && ls build/real-models/*.gguf >/dev/null 2>&1; then \
	  $(WITH_TOOLS) tests/bench/peers/perplexity.sh build/real-models/*.gguf; \
	else echo 'perplexity: needs LLAMA_CPP, the folder of llama-perplexity, and the models that pipelines/real-models.sh fetches'; fi

# Ids and spans beside those of Hugging Face tokenizers, in the version that we follow: random texts and all UDHR,
# regular expressions, and tokenizers of parts mixed at random.
EXACT_VERSION := 0.23.3
EXACT_TEXTS ?= 200000
EXACT ?=
build/exact/bin/python:
	$(call need,$(PACKAGES_PEERS))
	$(Q)python3 -m venv build/exact && build/exact/bin/pip install -q tokenizers==$(EXACT_VERSION) || { rm -rf build/exact; exit 1; }
exact: all build/exact/bin/python
	@$(WITH_TOOLS) build/exact/bin/python tests/exact/exact.py -n $(EXACT_TEXTS) $(EXACT)
	@$(WITH_TOOLS) build/exact/bin/python tests/exact/patterns.py
	@$(WITH_TOOLS) build/exact/bin/python tests/exact/mixes.py

# ---- fuzz: clang's libFuzzer with ASan and UBSan, always in build/fuzz; `make -j2 fuzz` runs two targets at a time ---
FUZZ ?= $(FUZZERS)
FUZZ_CFLAGS := -std=c11 -D_GNU_SOURCE -I. -g -O1 -fno-omit-frame-pointer -ffp-contract=off -pthread \
  -fno-sanitize-recover=all
FUZZ_OBJECTS := $(LIB_SOURCES:%.c=build/fuzz/%.o)
build/fuzz/%.o: %.c | build/fuzz/deps
	@mkdir -p $(@D)
	@echo '  clang $@'
	$(Q)clang $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link,address,undefined -MMD -MP -c $< -o $@
build/fuzz/libequant.a: $(FUZZ_OBJECTS)
	@rm -f $@
	$(Q)ar rcs $@ $^
build/fuzz/%: tests/fuzz/%.c build/fuzz/libequant.a
	@echo '  link $@'
	$(Q)clang $(FUZZ_CFLAGS) -fsanitize=fuzzer,address,undefined -MMD -MP -MF $@.d $< build/fuzz/libequant.a \
	  $(LDFLAGS) $(LIBS) -o $@
-include $(wildcard build/fuzz/*.d build/fuzz/*/*/*.d build/fuzz/*/*/*/*.d)

.PHONY: $(FUZZERS:%=fuzz-%)
fuzz: $(FUZZ:%=fuzz-%)
$(FUZZERS:%=fuzz-%): fuzz-%: build/fuzz/%
	@tests/fuzz/run $< $(FUZZ_SECONDS)

# ---- install ---------------------------------------------------------------------------------------------------------
define PC
prefix=$(PREFIX)
includedir=$${prefix}/include
libdir=$${prefix}/lib

Name: equant
Description: what compressing a language model does to each of its languages
Version: $(VERSION)
Cflags: -I$${includedir}/equant -D_GNU_SOURCE
Libs: -L$${libdir} -lequant $(LIBS)
endef
export PC

ROOT = $(DESTDIR)$(PREFIX)
install: all
	install -d '$(ROOT)/bin' '$(ROOT)/lib/pkgconfig' '$(ROOT)/share/man/man1' '$(ROOT)/share/equant'
	install $(TOOLS:%=$(BIN)/%) '$(ROOT)/bin'
	install -m 644 $(wildcard tools/*.1) '$(ROOT)/share/man/man1'
	install -m 644 corpora/languages.tsv '$(ROOT)/share/equant'
	install -m 644 $(LIB) '$(ROOT)/lib'
	@for h in $(HEADERS); do install -D -m 644 $$h '$(ROOT)/include/equant/'$$h || exit; done
	@echo "$$PC" >'$(ROOT)/lib/pkgconfig/equant.pc'

# ---- how the sources look --------------------------------------------------------------------------------------------
format: deps-format
	clang-format -i $(FORMATTED)
format-check: deps-format
	clang-format --dry-run -Werror $(FORMATTED)

floors:
	@tests/floors

clean:
	rm -rf build
