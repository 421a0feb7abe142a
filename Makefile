# equant: one Makefile for all of it, not recursive. `make help` lists what it does.
.DEFAULT_GOAL := all
SHELL := /bin/bash

# ---- Debian packages: what builds, tests and draws needs; `deps` installs what is missing -----------------------------
PACKAGES := gcc libc6-dev libmsgpack-dev libzmq3-dev libutf8proc-dev libopenblas-dev libpcre2-dev libjansson-dev \
  libxxhash-dev gnuplot-nox libcmocka-dev bats python3 man-db
PACKAGES_CLANG := clang libclang-rt-14-dev
PACKAGES_FORMAT := clang-format

# ---- switches: make SAN=1, make CC=clang, make CUDA=0|1|auto, make BUILD=folder ---------------------------------------
CC := gcc
SAN ?= 0
CUDA ?= auto
DEPS ?= 1
PREFIX ?= /usr/local
DESTDIR ?=
VERSION := $(shell sed -n 's/^\#define EQ_VERSION "\(.*\)"/\1/p' lib/tool/tool.h)
COMPILER := $(notdir $(firstword $(CC)))
BUILD ?= build/$(COMPILER)$(if $(filter 1,$(SAN)),-san)

WARN := -Wall -Wextra -Wshadow -Wconversion -Werror
# -ffp-contract=off everywhere: a fused multiply-add changes rounding, and with it the bytes of a result.
CFLAGS ?= -O2 -g
ALL_CFLAGS := -std=c11 -D_GNU_SOURCE -I. $(WARN) -ffp-contract=off -pthread $(CFLAGS)
LIBS := -lmsgpackc -lzmq -lutf8proc -lopenblas -lpcre2-8 -ljansson -lxxhash -lm -pthread
ifeq ($(SAN),1)
  ALL_CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
NVCC := $(shell command -v nvcc 2>/dev/null)
CUDA_SOURCES := $(wildcard kernels/cuda/*.cu)
ifeq ($(CUDA),1)
  ifeq ($(NVCC),)
    $(error CUDA=1, but nvcc is not on the PATH)
  endif
endif

# ---- sources: a new file is found by itself -----------------------------------------------------------------------------
LIB_SOURCES := $(wildcard lib/*/*.c kernels/*.c kernels/*/*.c)
TOOLS := $(patsubst tools/%.c,%,$(wildcard tools/eq*.c))
UNITS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c))
BENCHES := $(patsubst tests/bench/%.c,%,$(wildcard tests/bench/*.c))
LIB := $(BUILD)/libequant.a
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(BUILD)/%.o)
FORMATTED := $(wildcard lib/*/*.[ch] kernels/*.[ch] kernels/*/*.[ch] tools/*.c tests/*/*.[ch])
BIN := $(BUILD)/bin

.PHONY: all test demo bench fuzz install format format-check floors clean deps help check-man
all: $(LIB) $(TOOLS:%=$(BIN)/%)

help:
	@echo 'make [all|demo|test|bench|fuzz|install|format|floors|clean] [SAN=1] [CC=clang] [CUDA=0|1|auto] [DEPS=0]'

# ---- packages: one check a build folder; apt-get only for what dpkg does not know ---------------------------------------
DEPS_STAMP := $(BUILD)/deps
deps $(DEPS_STAMP):
	@mkdir -p $(BUILD)
	@want="$(PACKAGES) $(if $(filter clang,$(COMPILER)),$(PACKAGES_CLANG))"; missing=; \
	for p in $$want; do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  if [ "$(DEPS)" = 0 ]; then echo "missing packages: run  $$sudo apt-get install -y --no-install-recommends$$missing" >&2; exit 2; fi; \
	  echo "installing:$$missing"; \
	  $$sudo apt-get update -q && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends$$missing; \
	fi
	@touch $(DEPS_STAMP)

# ---- compile and link -----------------------------------------------------------------------------------------------------
# Loops of the kernels, and of decoding and rounding weights, are written for the vectorizer.
$(BUILD)/kernels/%.o $(BUILD)/lib/tensor/dtype.o $(BUILD)/lib/recipe/rounding.o: ALL_CFLAGS += -O3
$(BUILD)/%.o: %.c | $(DEPS_STAMP)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(LIB): $(LIB_OBJECTS)
	@rm -f $@ && ar rcs $@ $^

$(BIN)/%: $(BUILD)/tools/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $< $(LIB) $(LIBS) -o $@

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $< $(LIB) -lcmocka $(LIBS) -o $@

$(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $< $(LIB) $(LIBS) -o $@

-include $(wildcard $(BUILD)/*/*.d $(BUILD)/*/*/*.d $(BUILD)/*/*/*/*.d)
.SECONDARY:

clean:
	rm -rf build
