# A sweep with make: a file a language, made again only where something that it is made of changed.
#
#   make -f pipelines/sweep.mk -j2 [OUT=build/make] [MODEL=corpora/mini] [LANGS="en de he"] [PLAN=single] [LIMIT=N]
#
# Another language in LANGS scores that language alone; another PLAN, MODEL or LIMIT scores all of them anew, since every
# file depends on these. A rule that fails leaves no file, and one that was stopped goes on (--resume).
MODEL ?= corpora/mini
OUT ?= build/make
LANGS ?= en de fi ar he sw
PLAN ?= single
BASE ?= int4
LIMIT ?=
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all force

all: $(OUT)/table $(OUT)/damage.svg
	@cat $(OUT)/table

# What was asked for, in files of their own: they change only when that does.
$(OUT)/plan.mp: force
	@mkdir -p $(@D)/lang
	@eq-plan -q $(PLAN) -m $(MODEL) -b '$(BASE)' -r none -r '$(BASE)' -o $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
$(OUT)/langs $(OUT)/text: force
	@mkdir -p $(@D)
	@echo '$(ASKED)' | cmp -s - $@ || echo '$(ASKED)' >$@
$(OUT)/langs: ASKED = $(LANGS)
$(OUT)/text: ASKED = $(MODEL) $(LIMIT)

$(OUT)/lang/%.tokens: corpora/SOURCES $(OUT)/text $(or $(wildcard $(MODEL)/*),$(MODEL)) | $(OUT)/plan.mp
	eq-text -q -c corpora/udhr -l $* $(addprefix --limit ,$(LIMIT)) | eq-token -m $(MODEL) -o $@

# Its name appears when all is there; until then it is the file that a stopped run goes on with.
$(OUT)/lang/%.mp: $(OUT)/lang/%.tokens $(OUT)/plan.mp
	@for new in $^; do if [ $$new -nt $@.part ]; then rm -f $@.part; fi; done
	eq-ppl -q -t 1 -m $(MODEL) -R $(OUT)/plan.mp -i $< --resume $@.part
	@mv $@.part $@

$(OUT)/result.mp: $(LANGS:%=$(OUT)/lang/%.mp) $(OUT)/langs
	cat $(filter %.mp,$^) | eq-merge -o $@
$(OUT)/damage.mp: $(OUT)/result.mp
	eq-disparity -q -i $< -o $@
$(OUT)/table: $(OUT)/plan.mp $(OUT)/damage.mp
	cat $^ | eq-pareto -q | eq-show -k pareto -c recipe,overhead_percent,delta_mean,worst_minus_best,front >$@
$(OUT)/damage.svg: $(OUT)/damage.mp
	eq-plot -q -i $< -r '$(BASE)' -o $@
