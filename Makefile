# Reprise. `make help` lists the targets.
#
# Layout: runtime/<part>/*.c become build/lib/<part>.a; stages/<name>.c become build/stages/<name>;
# tests/<part>/test_*.c become build/tests/<part>/test_*. Dependencies between parts point one way (ci/includes checks them).

PREFIX ?= /usr/local
CC = gcc
BUILD ?= build
PACKAGES = yaml-0.1 libcrypto libarchive libpng libcurl hdf5 jansson cairo freetype2
PROFILE ?=
RUN_FLAGS ?=

# Targets that people type build on all processors, unless -j says otherwise.
PARALLEL = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

# V=1 shows whole commands.
Q = $(if $(V),,@)
SAY = @$(if $(V),:,echo ' ')

.DEFAULT_GOAL := all
.SECONDARY:
.DELETE_ON_ERROR:

STAGES = download split explore pretrain phase1 phase2 evaluate gradcam report
PARTS = base store data nn figure runner

# Flags. No debug information and no line numbers in the executables, whose digests are part of every key; `make DEBUG=1`
# builds into build-debug. -ffp-contract=off: the same arithmetic whatever the compiler makes of it.
WARNINGS = -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wformat=2 -Wvla -Wundef \
  -Wwrite-strings -Wno-unknown-warning-option -Wno-maybe-uninitialized
OPTIMISE = -O3 -ffp-contract=off -fno-math-errno -ffunction-sections -fdata-sections
CPPFLAGS += -Iruntime -Itests -Istages -D_GNU_SOURCE -include runtime/base/banned.h $(PACKAGE_CFLAGS)
CFLAGS += -std=c17 $(OPTIMISE) $(WARNINGS) -pthread $(SANITIZE)
LDFLAGS += -Wl,--gc-sections -Wl,--as-needed -Wl,--build-id=none -pthread $(SANITIZE)
ifdef DEBUG
  BUILD = build-debug
  CFLAGS += -g -O1
else
  LDFLAGS += -s
endif
ifdef SANITIZE_WITH # address,undefined or thread
  BUILD = build-$(firstword $(subst $(comma), ,$(SANITIZE_WITH)))
  SANITIZE = -fsanitize=$(SANITIZE_WITH) -fno-sanitize-recover=all -fno-omit-frame-pointer -g
endif
comma := ,

PACKAGE_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
BASE_LIBS = -ljansson -lcrypto -lm
DATA_LIBS := -larchive -lcurl $(shell pkg-config --libs hdf5 2>/dev/null) -lpng
NN_LIBS = -ldnnl -lgomp
FIGURE_LIBS = -lcairo -lfreetype -lpng
RUNNER_LIBS = -lyaml

sources = $(filter-out %_cuda.c,$(wildcard runtime/$(1)/*.c))
objects = $(patsubst %.c,$(BUILD)/%.o,$(1))
STAGE_SHARED = $(filter-out $(STAGES:%=stages/%.c),$(wildcard stages/*.c))
lib = $(BUILD)/lib/$(1).a
LIBS = $(foreach part,$(PARTS),$(call lib,$(part)))

TEST_SOURCES = $(wildcard tests/*/test_*.c)
TEST_SHARED = $(filter-out $(TEST_SOURCES) tests/fuzz/entry.c $(wildcard tests/bench/*.c),$(wildcard tests/*/*.c))
BENCH_PROGRAMS = $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/bench/*.c))
TEST_PROGRAMS = $(patsubst tests/%.c,$(BUILD)/tests/%,$(TEST_SOURCES))

# The GPU backend: a shared object that stages load at run time (runtime/nn/backend.c), built where its sources and
# nvcc are there. It brings its own copy of the base library and exports what backend.h names.
NVCC ?= nvcc
CUDA_SOURCES = $(wildcard runtime/nn/*_cuda.c runtime/nn/*.cu)
CUDA_OBJECTS = $(patsubst %.cu,$(BUILD)/%.cu.o,$(patsubst %.c,$(BUILD)/pic/%.o,$(CUDA_SOURCES) $(call sources,base)))
CUDA_BACKEND = $(if $(and $(CUDA_SOURCES),$(shell command -v $(NVCC))),$(BUILD)/lib/libreprise-cuda.so)

all: $(BUILD)/reprise $(STAGES:%=$(BUILD)/stages/%) $(CUDA_BACKEND) ## build the runner and the stages

define part_library
$(call lib,$(1)): $(call objects,$(call sources,$(1)))
	@mkdir -p $$(@D)
	$(Q)rm -f $$@ && ar rcsD $$@ $$^
endef
$(foreach part,$(PARTS),$(eval $(call part_library,$(part))))

$(BUILD)/lib/libreprise-cuda.so: $(CUDA_OBJECTS)
	@mkdir -p $(@D)
	$(SAY) LINK $@
	$(Q)$(NVCC) -shared $(if $(DEBUG),,-Xlinker -s) -o $@ $^ -lcudnn $(BASE_LIBS)

$(BUILD)/pic/%.o: %.c
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -fvisibility=hidden -MMD -MP -c -o $@ $<

$(BUILD)/%.cu.o: %.cu
	@mkdir -p $(@D)
	$(SAY) NVCC $<
	$(Q)$(NVCC) -Iruntime -O3 -Xcompiler -fPIC,-fvisibility=hidden -c -o $@ $<

$(BUILD)/lib/stages.a: $(call objects,$(STAGE_SHARED))
	@mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcsD $@ $^

$(BUILD)/libraries: ci/libraries Makefile
	@ci/libraries '$(CC)' $(PACKAGES)
	@mkdir -p $(@D) && touch $@

$(BUILD)/%.o: %.c | $(BUILD)/libraries
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/reprise: $(call lib,runner) $(call lib,store) $(call lib,base)
	$(SAY) LINK $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(RUNNER_LIBS) $(BASE_LIBS)

$(BUILD)/stages/%: $(BUILD)/stages/%.o $(BUILD)/lib/stages.a $(foreach part,nn data figure base,$(call lib,$(part)))
	$(SAY) LINK $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(NN_LIBS) $(DATA_LIBS) $(FIGURE_LIBS) $(BASE_LIBS)

# Tests: every program and script prints TAP; tests/run adds up.
$(BUILD)/tests/%: $(BUILD)/tests/%.o $(BUILD)/lib/tests.a $(filter-out $(BUILD)/lib/runner.a,$(LIBS)) $(BUILD)/lib/runner-tests.a $(BUILD)/lib/stages.a
	@mkdir -p $(@D)
	$(SAY) LINK $@
	$(Q)$(CC) $(filter-out -s,$(LDFLAGS)) -o $@ $< $(BUILD)/lib/tests.a $(BUILD)/lib/stages.a $(BUILD)/lib/runner-tests.a \
	  $(foreach part,store nn data figure base,$(call lib,$(part))) -lcmocka \
	  $(RUNNER_LIBS) $(NN_LIBS) $(DATA_LIBS) $(FIGURE_LIBS) $(BASE_LIBS)

$(BUILD)/lib/runner-tests.a: $(filter-out %/main.o,$(call objects,$(call sources,runner)))
	@mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcsD $@ $^

$(BUILD)/lib/tests.a: $(call objects,$(TEST_SHARED))
	@mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcsD $@ $^

pipeline: ## install what is missing, build, and run the pipeline (PROFILE=, RUN_FLAGS=)
	@ci/install
	@$(MAKE) --no-print-directory $(PARALLEL) all
	$(BUILD)/reprise run $(PROFILE:%=--profile %) $(RUN_FLAGS)

verify: all ## check pipeline, lock, cache and artifacts against each other
	$(BUILD)/reprise verify

test: ## install what is missing, build, and run every test (TEST=part of a name)
	@ci/install test
	@$(MAKE) --no-print-directory $(PARALLEL) build-tests
	@BUILD=$(BUILD) tests/run $(TEST)

build-tests: all $(TEST_PROGRAMS)

bench: all $(BENCH_PROGRAMS) ## build the benchmarks; tests/bench/README.md says how to run them

lint: ## check format, include rules, and the build with clang
	@ci/install lint
	ci/includes
	clang-format --dry-run --Werror $$(git ls-files '*.[ch]')
	$(MAKE) --no-print-directory $(PARALLEL) BUILD=build-clang CC=clang build-tests

check-address: ## run the tests with address and undefined-behaviour sanitizers
	@$(MAKE) --no-print-directory SANITIZE_WITH=address,undefined test

fuzz: ## search for bytes that break a reader (FORMAT=npy, SECONDS=60)
	@$(MAKE) --no-print-directory $(PARALLEL) BUILD=build-fuzz CC=clang FUZZ_FLAGS='$(FUZZ_SANITIZE)' \
	  SANITIZE='$(FUZZ_SANITIZE),fuzzer-no-link -fno-sanitize-recover=all -g' build-fuzz/fuzz/$(FORMAT)
	@mkdir -p build-fuzz/corpus/$(FORMAT)
	build-fuzz/fuzz/$(FORMAT) -max_total_time=$(SECONDS) -artifact_prefix=build-fuzz/ -close_fd_mask=1 build-fuzz/corpus/$(FORMAT) \
	  tests/fuzz/corpus/$(FORMAT)

FORMAT ?= npy
SECONDS ?= 60
FUZZ_SANITIZE = -fsanitize=address,undefined,float-cast-overflow

$(BUILD)/fuzz/%: tests/fuzz/entry.c $(BUILD)/lib/tests.a $(BUILD)/lib/runner-tests.a $(filter-out $(BUILD)/lib/runner.a,$(LIBS))
	@mkdir -p $(@D)
	$(SAY) LINK $@
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(filter-out -s,$(LDFLAGS)) $(FUZZ_FLAGS),fuzzer -DFUZZ_TARGET=fuzz_$* -o $@ $< $(BUILD)/lib/tests.a \
	  $(BUILD)/lib/runner-tests.a $(foreach part,store nn data figure base,$(call lib,$(part))) -lcmocka \
	  $(RUNNER_LIBS) $(NN_LIBS) $(DATA_LIBS) $(FIGURE_LIBS) $(BASE_LIBS)

install: all ## copy to PREFIX (default /usr/local); DESTDIR is honoured
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/reprise/stages $(DESTDIR)$(PREFIX)/share/man/man1 \
	  $(DESTDIR)$(PREFIX)/share/doc/reprise
	install $(BUILD)/reprise $(DESTDIR)$(PREFIX)/bin
	install $(STAGES:%=$(BUILD)/stages/%) $(DESTDIR)$(PREFIX)/lib/reprise/stages
	install -m 644 docs/reprise.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 README.md CHANGELOG.md LICENSE pipeline.yaml $(DESTDIR)$(PREFIX)/share/doc/reprise

clean: ## remove what the build made; the cache and the artifacts stay
	rm -rf build build-*

help: ## list the targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/p' Makefile | awk -F'\t' '{printf "  make %-14s %s\n", $$1, $$2}'

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.PHONY: all pipeline verify test build-tests bench lint check-address fuzz install clean help
