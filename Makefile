# Reprise. `make help` lists the targets.
#
# Layout: runtime/<part>/*.c become build/lib/<part>.a; stages/<name>.c become build/stages/<name>;
# stages/<name>/*.c belong to that stage; tests/<part>/test_*.c become build/tests/<part>/test_*. Dependencies between parts point one way (ci/includes checks them).

PREFIX ?= /usr/local
CC = gcc
BUILD ?= build
PACKAGES = yaml-0.1 libcrypto libarchive libpng libjpeg libcurl hdf5 jansson cairo freetype2
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

STAGES = download import inspect predict compare differ split explore pretrain phase1 phase2 evaluate curves gradcam report export
PARTS = base plan store data nn figure page runner provenance command

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
endif
ifdef SANITIZE_WITH # address,undefined or thread
  BUILD = build-$(firstword $(subst $(comma), ,$(SANITIZE_WITH)))
  OPTIMISE := $(OPTIMISE:-O3=-O1)# compiles in half the time, and less is optimised away before it is looked at
  SANITIZE = -fsanitize=$(SANITIZE_WITH) -fno-sanitize-recover=all -fno-omit-frame-pointer -g
endif
comma := ,

PACKAGE_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
BASE_LIBS = -ljansson -lcrypto -lm
DATA_LIBS := -larchive -lcurl $(shell pkg-config --libs hdf5 2>/dev/null) -lpng -ljpeg
NN_LIBS = -ldnnl -lgomp
FIGURE_LIBS = -lcairo -lfreetype -lpng
PLAN_LIBS = -lyaml

sources = $(wildcard runtime/$(1)/*.c)
objects = $(patsubst %.c,$(BUILD)/objects/%.o,$(1))
# The archives of some parts, or of all but `stages` and `tests`.
libs = $(1:%=$(BUILD)/lib/%.a)
STAGE_PROGRAMS = $(STAGES:%=$(BUILD)/stages/%)
# stages/<name>/ belongs to that stage alone; other files of stages/ are shared.
STAGE_SHARED = $(filter-out $(STAGES:%=stages/%.c),$(wildcard stages/*.c stages/*/*.c))

TEST_SOURCES = $(wildcard tests/*/test_*.c)
# Programs and shared objects of tests that are no tests themselves.
FAULT_SOURCES = tests/faults/at_syscall.c tests/faults/hostile.c tests/faults/attacker.c tests/faults/failing_malloc.c
FAULT_TOOLS = $(BUILD)/tests/faults/at_syscall $(BUILD)/tests/faults/hostile $(BUILD)/tests/faults/attacker
CI_TOOLS = $(BUILD)/tests/ci/yaml_at
ORACLE_SOURCES = $(wildcard tests/oracle/*.c)
ORACLE_TOOLS = $(patsubst tests/%.c,$(BUILD)/tests/%,$(ORACLE_SOURCES))
SCHEMA_TOOLS = $(BUILD)/tests/schemas/validate
FAULT_PROGRAMS = $(FAULT_TOOLS) $(BUILD)/tests/faults/failing_malloc.so
TEST_SHARED = $(filter-out tests/cuda/ask_plans.c $(addprefix tests/cuda/,twin_%.c card_%.c gpu_%.c) $(TEST_SOURCES) $(FAULT_SOURCES) $(ORACLE_SOURCES) $(CI_TOOLS:$(BUILD)/%=%.c) tests/schemas/validate.c tests/fuzz/entry.c $(wildcard tests/bench/*.c),$(wildcard tests/*/*.c))
BENCH_PROGRAMS = $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/bench/*.c))
TEST_PROGRAMS = $(patsubst tests/%.c,$(BUILD)/tests/%,$(TEST_SOURCES))
# Those that TEST= selects, as tests/run does: all where there is none.
selected = $(if $(TEST),$(foreach program,$1,$(if $(strip $(foreach part,$(TEST),$(findstring $(part),$(program:$(BUILD)/%=%.c)))),$(program))),$1)

# The GPU: a shared object that stages load at run time (runtime/nn/open.c), built where nvcc is and the device is whole.
# It brings its own copy of the base library and of what it needs of nn, and exports what open.c names. Kernels are compiled for the cards that this nvcc
# knows of, and as PTX for later ones; never contracted to fused multiply-adds, so that they have the CPU's bits.
CUDA ?= /usr/local/cuda
NVCC ?= $(CUDA)/bin/nvcc
CUDA_SOURCES = $(wildcard runtime/nn/cuda/*.c runtime/nn/cuda/*.cu)
CUDA_SHARED = $(addprefix runtime/nn/,arena.c conv_shape.c program.c reach.c)
CUDA_OBJECTS = $(patsubst %.cu,$(BUILD)/%.cu.o,$(patsubst %.c,$(BUILD)/pic/%.o,$(CUDA_SOURCES) $(CUDA_SHARED) $(call sources,base)))
# Not by other builds: nvcc knows neither the sanitizers nor clang.
CUDA_BACKEND = $(if $(or $(SANITIZE),$(findstring clang,$(CC))),,$(if $(and $(CUDNN_HEADERS),$(shell command -v $(NVCC))),$(BUILD)/lib/libreprise-cuda.so))
CUDA_CARDS = $(filter $(shell $(NVCC) --list-gpu-code),sm_80 sm_90 sm_100)
CUDA_TARGETS = $(foreach card,$(CUDA_CARDS:sm_%=%),-gencode arch=compute_$(card),code=sm_$(card)) \
  $(foreach card,$(lastword $(CUDA_CARDS:sm_%=%)),-gencode arch=compute_$(card),code=compute_$(card))

# The kernels on the host, under sanitizers, against the CPU's operations: tests/cuda/emulate.h. Left out where there is no g++,
# and where the CPU's operations are of a build that does not go together with it.
KERNEL_SOURCES = $(wildcard runtime/nn/cuda/*.cu) $(filter-out tests/cuda/twin%,$(wildcard tests/cuda/*.cpp))
KERNEL_OBJECTS = $(KERNEL_SOURCES:%=$(BUILD)/kernels/%.o)
KERNEL_FLAGS = -std=c++17 -O1 -g1 -ffp-contract=off -fsanitize=address,undefined -fno-sanitize-recover=all -Wall -Wextra \
  -Wno-unknown-pragmas -Iruntime -Itests -Itests/cuda
KERNEL_CHECK = $(if $(or $(SANITIZE),$(findstring clang,$(CC)),$(if $(shell command -v $(CXX)),,none)),,$(BUILD)/tests/cuda/kernels $(TWIN_PROGRAMS))

# Its C, for tests that need no card: what calls CUDA and cuDNN, and what is above and includes nothing of theirs. Without their
# headers only that; cuDNN itself is loaded at run time.
CUDNN_HEADERS = $(firstword $(wildcard $(addsuffix /cudnn_graph.h,$(CUDA)/include /usr/include /usr/include/x86_64-linux-gnu)))
CUDA_CALLS = $(addprefix runtime/nn/cuda/,card.c cudnn.c descriptors.c engines.c execution_plan.c operation_graph.c plan_device.c)
CUDA_ABOVE = $(filter-out $(CUDA_CALLS),$(wildcard runtime/nn/cuda/*.c))
CUDA_HOST_SOURCES = $(CUDA_ABOVE) $(if $(CUDNN_HEADERS),$(CUDA_CALLS))

# All that is above, with the kernels, on another card in their place (tests/cuda/twin.h).
TWIN_SOURCES = $(CUDA_ABOVE) $(wildcard runtime/nn/cuda/*.cu) tests/cuda/emulate.cpp $(wildcard tests/cuda/twin*.cpp)
TWIN_OWN = $(patsubst tests/cuda/%.c,$(BUILD)/tests/cuda/%,$(filter-out %_bed.c,$(wildcard tests/cuda/twin_*.c)))
TWIN_CARD = $(patsubst tests/cuda/%.c,$(BUILD)/tests/cuda/twin_%,$(wildcard tests/cuda/card_*.c))
TWIN_PROGRAMS = $(TWIN_OWN) $(TWIN_CARD)
# The same networks on a real card, for ci/gpu.
GPU_PROGRAMS = $(patsubst tests/cuda/%.c,$(BUILD)/tests/cuda/gpu_%,$(wildcard tests/cuda/card_*.c))
GPU_TUNE = $(if $(and $(CUDNN_HEADERS),$(shell command -v $(NVCC))),$(BUILD)/tests/cuda/gpu_tune)
TWIN_OBJECTS = $(TWIN_SOURCES:%=$(BUILD)/kernels/%.o)
TWIN_FLAGS = $(filter-out -std=%,$(KERNEL_FLAGS)) -std=c17 -D_GNU_SOURCE -Itests/nn
ASK_PLANS = $(if $(CUDNN_HEADERS),$(BUILD)/tests/cuda/ask_plans)

all: $(BUILD)/reprise $(STAGE_PROGRAMS) $(CUDA_BACKEND) ## build the runner and the stages

# What is built depends on how: the flags, the compiler and the libraries of the last build lie in a file that changes with them.
VERSIONS := $(shell pkg-config --modversion $(PACKAGES) 2>/dev/null; \
  printf '\043include <oneapi/dnnl/dnnl_version.h>\nDNNL_VERSION_MAJOR DNNL_VERSION_MINOR\n' | $(CC) $(CPPFLAGS) -E -P - 2>/dev/null | tail -n 1)
BUILT_WITH = $(shell $(CC) --version | head -n 1) $(VERSIONS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS)
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(BUILT_WITH)' | cmp -s - $@ || echo '$(BUILT_WITH)' > $@

# An archive without a source that is gone: the list of all sources lies in a file that changes with it.
SOURCES = $(sort $(wildcard runtime/*/*.c runtime/*/*/*.c stages/*.c stages/*/*.c tests/*/*.c))
$(BUILD)/sources: FORCE
	@mkdir -p $(@D)
	@echo '$(SOURCES)' | cmp -s - $@ || echo '$(SOURCES)' > $@

define archive
$(call libs,$(1)): $(call objects,$(2)) $(BUILD)/sources
	@mkdir -p $$(@D)
	$(Q)rm -f $$@ && ar rcsD $$@ $$(filter %.o,$$^)
endef
$(foreach part,$(filter-out nn,$(PARTS)),$(eval $(call archive,$(part),$(call sources,$(part)))))
$(eval $(call archive,nn,$(call sources,nn) $(call sources,nn/cpu)))
$(eval $(call archive,cuda-host,$(CUDA_HOST_SOURCES)))
$(eval $(call archive,stages,$(STAGE_SHARED)))
$(eval $(call archive,tests,$(TEST_SHARED)))

$(BUILD)/lib/libreprise-cuda.so: $(CUDA_OBJECTS)
	@mkdir -p $(@D)
	$(SAY) LINK $@
	$(Q)$(NVCC) -shared -Xlinker --no-undefined $(if $(DEBUG),,-Xlinker -s) -o $@ $^ $(BASE_LIBS)

$(BUILD)/pic/runtime/nn/cuda/%.o: CPPFLAGS += -isystem $(CUDA)/include
$(BUILD)/objects/runtime/nn/cuda/%.o: CPPFLAGS += -isystem $(CUDA)/include
$(BUILD)/objects/tests/cuda/%.o: CPPFLAGS += -isystem $(CUDA)/include -Itests/nn

$(BUILD)/pic/%.o: %.c
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -fvisibility=hidden -MMD -MP -c -o $@ $<

$(BUILD)/%.cu.o: %.cu
	@mkdir -p $(@D)
	$(SAY) NVCC $<
	$(Q)$(NVCC) -Iruntime -std=c++17 -O3 -fmad=false $(CUDA_TARGETS) -Xcompiler -fPIC,-fvisibility=hidden -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(BUILD)/kernels/%.o: % $(BUILD)/flags
	@mkdir -p $(@D)
	$(SAY) CXX $<
	$(Q)$(CXX) $(KERNEL_FLAGS) -MMD -MP -MF $(@:.o=.d) -x c++ -c -o $@ $<

# Loops over whole tensors, whose ends the twin checks before.
$(BUILD)/kernels/tests/cuda/twin_loops.cpp.o: private KERNEL_FLAGS := $(filter-out -O1 -fsanitize% -fno-sanitize%,$(KERNEL_FLAGS)) -O3

$(BUILD)/kernels/%.c.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(TWIN_FLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(BUILD)/libraries: ci/libraries Makefile
	@ci/libraries '$(CC)' $(PACKAGES)
	@mkdir -p $(@D) && touch $@

$(BUILD)/objects/%.o: %.c $(BUILD)/flags | $(BUILD)/libraries
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# Programs. The linker takes of the archives and libraries what a program uses and nothing else.
ALL_LIBS = $(PLAN_LIBS) $(NN_LIBS) $(DATA_LIBS) $(FIGURE_LIBS) $(BASE_LIBS)
STRIP = $(if $(DEBUG)$(SANITIZE),,-s)
# Programs that bring their libraries with them, in lib/ beside them or their folder (ci/gpu).
COMMA = ,
BESIDE = $(if $(RELOCATABLE),-Wl$(COMMA)-rpath$(COMMA)'$$ORIGIN/lib:$$ORIGIN/../lib' -Wl$(COMMA)--disable-new-dtags)
define link
	@mkdir -p $(@D)
	$(SAY) LINK $@
	$(Q)$(CC) $(LDFLAGS) $(STRIP) $(LINK_FLAGS) $(BESIDE) -o $@ $(filter %.o %.a,$^) $(LINK_LIBS) $(ALL_LIBS)
endef

$(BUILD)/reprise: $(call libs,command provenance runner plan store page base)
$(STAGE_PROGRAMS): $(BUILD)/%: $(BUILD)/objects/%.o $(call libs,stages nn data figure page base)
# Every program and script of the tests prints TAP; tests/run adds up.
TEST_LIBS = $(call libs,tests stages command provenance runner plan store cuda-host nn data figure page base)
$(TEST_PROGRAMS) $(BENCH_PROGRAMS) $(ASK_PLANS): $(BUILD)/%: $(BUILD)/objects/%.o $(TEST_LIBS)
$(GPU_PROGRAMS): $(BUILD)/tests/cuda/gpu_%: $(BUILD)/objects/tests/cuda/%.o $(BUILD)/objects/tests/cuda/gpu_bed.o $(TEST_LIBS)
$(TEST_PROGRAMS) $(BENCH_PROGRAMS) $(ASK_PLANS) $(GPU_PROGRAMS): private STRIP =
$(TEST_PROGRAMS) $(BENCH_PROGRAMS) $(ASK_PLANS) $(GPU_PROGRAMS): private LINK_LIBS = -lcmocka
$(FAULT_TOOLS) $(CI_TOOLS) $(ORACLE_TOOLS) $(SCHEMA_TOOLS): $(BUILD)/%: $(BUILD)/objects/%.o $(TEST_LIBS)
$(BUILD)/reprise $(STAGE_PROGRAMS) $(TEST_PROGRAMS) $(BENCH_PROGRAMS) $(FAULT_TOOLS) $(CI_TOOLS) $(ORACLE_TOOLS) $(SCHEMA_TOOLS) $(ASK_PLANS) $(GPU_PROGRAMS): $(BUILD)/flags
	$(link)

$(BUILD)/tests/cuda/kernels: $(KERNEL_OBJECTS) $(call libs,tests nn data base)
	@mkdir -p $(@D)
	$(SAY) LINK $@
	$(Q)$(CXX) -fsanitize=address,undefined -o $@ $^ $(NN_LIBS) $(DATA_LIBS) $(BASE_LIBS) -lcmocka -pthread

$(TWIN_OWN): $(BUILD)/tests/cuda/%: $(BUILD)/kernels/tests/cuda/%.c.o
$(TWIN_CARD): $(BUILD)/tests/cuda/twin_%: $(BUILD)/kernels/tests/cuda/%.c.o $(BUILD)/kernels/tests/cuda/twin_bed.c.o
$(TWIN_PROGRAMS): $(TWIN_OBJECTS) $(call libs,tests nn data base)
	@mkdir -p $(@D)
	$(SAY) LINK $@
	$(Q)$(CXX) -fsanitize=address,undefined -o $@ $(filter %.o,$^) $(filter %.a,$^) $(NN_LIBS) $(DATA_LIBS) $(BASE_LIBS) -lcmocka -pthread

$(BUILD)/tests/cuda/gpu_tune: $(BUILD)/objects/tests/cuda/gpu_tune.o $(patsubst %,$(BUILD)/pic/%,$(CUDA_CALLS:.c=.o)) $(filter-out $(BUILD)/lib/cuda-host.a,$(TEST_LIBS)) $(BUILD)/pic/runtime/nn/cuda/fusion.o
	@mkdir -p $(@D)
	$(SAY) LINK $@
	$(Q)$(NVCC) $(if $(RELOCATABLE),-Xlinker -rpath -Xlinker '$$ORIGIN/../lib' -Xlinker --disable-new-dtags) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(NN_LIBS) $(DATA_LIBS) $(BASE_LIBS) -lcmocka

# Stands between the program under test and the C library: it is no part of it, and has none of its sanitizers.
$(BUILD)/tests/faults/failing_malloc.so: tests/faults/failing_malloc.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(SAY) LINK $@
	$(Q)$(CC) -std=c17 -D_GNU_SOURCE -Itests -O2 $(WARNINGS) -fno-builtin -shared -fPIC -o $@ $<

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

build-tests: all $(call selected,$(TEST_PROGRAMS)) $(FAULT_PROGRAMS) $(CI_TOOLS) $(ORACLE_TOOLS) $(SCHEMA_TOOLS) $(KERNEL_CHECK) $(ASK_PLANS)

gpu-bundle: ## an archive for ci/gpu on a machine with a GPU and nothing of ours (build/gpu-bundle.tar.gz)
	@ci/gpu bundle

tune-gpu: all $(GPU_TUNE) ## time the engines of this machine's GPU; lines for runtime/nn/cuda/plans_cuda.h (TUNE=400 seconds, PROFILE=part of a name)
	@$(or $(GPU_TUNE),echo 'nvcc or cudnn_graph.h is not there: see docs/gpu.md' >&2; exit 1; :) tune $(or $(TUNE),400) $(PROFILE)

gpu-programs: all $(GPU_PROGRAMS) $(GPU_TUNE) $(BUILD)/tests/bench/gpu_train

test-gpu-plans: $(ASK_PLANS) ## have cuDNN compile every plan that the profiles need, without a card (CUDA=, CUDNN=)
	@ALL_PLANS=1 REQUIRE=cuda BUILD=$(BUILD) tests/cuda/test_plans.sh

faults: ## attack the runner at every call, allocation and moment; tests/faults/README.md (CAMPAIGN=part of a name, SEED=, POINTS=)
	@ci/install faults
	@$(MAKE) --no-print-directory $(PARALLEL) build-tests
	@BUILD=$(BUILD) tests/faults/run $(CAMPAIGN)

oracle: all ## compare with Keras, PyTorch, ONNX Runtime and scikit-learn, and derive the golden files again (PyPI; ORACLE=part of a name)
	@BUILD=$(BUILD) tests/oracle/run $(ORACLE)

bench: all $(BENCH_PROGRAMS) ## build the benchmarks; tests/bench/README.md says how to run them

bench-train: bench ## images a second in training on this CPU, beside PyTorch and Keras where PYTHON= has them (ROWS=, ROUNDS=)
	@BUILD=$(BUILD) tests/bench/train.sh
	@BUILD=$(BUILD) tests/bench/transfer.sh

lint: ## check format, include rules, and the build with clang
	@ci/install lint
	ci/includes
	clang-format --dry-run --Werror $$(git ls-files '*.[ch]' '*.cu' '*.cuh' '*.cpp')
	$(MAKE) --no-print-directory $(PARALLEL) BUILD=build-clang CC=clang OPTIMISE=-O0 build-tests

check-address: ## run the tests with address and undefined-behaviour sanitizers
	@$(MAKE) --no-print-directory SANITIZE_WITH=address,undefined test

# Those whose programs have threads of ours.
THREADED = store/ runner/ data/test_picture nn/test_cpu nn/test_network. nn/test_bf16_network nn/test_fit.
check-thread: ## run the tests of what has threads with the thread sanitizer
	@TSAN_OPTIONS="suppressions=$(CURDIR)/ci/thread.supp" $(MAKE) --no-print-directory SANITIZE_WITH=thread TEST="$(or $(TEST),$(THREADED))" test

# First the corpus, by the same sanitizers: where they themselves keep a target from accepting anything, a search finds nothing.
fuzz: ## search for bytes that break a reader (FORMAT=npy, SECONDS=60)
	@$(MAKE) --no-print-directory $(PARALLEL) BUILD=build-fuzz CC=clang FUZZ_FLAGS='$(FUZZ_SANITIZE)' \
	  SANITIZE='$(FUZZ_SANITIZE),fuzzer-no-link -fno-sanitize-recover=all -g' build-fuzz/fuzz/$(FORMAT) build-fuzz/tests/fuzz/test_replay
	@build-fuzz/tests/fuzz/test_replay $(FORMAT) > build-fuzz/replay.log 2>&1 || { cat build-fuzz/replay.log >&2; \
	  echo "make fuzz: under the sanitizers '$(FORMAT)' does not keep what its corpus says, so there is nothing to search" >&2; exit 1; }
	@mkdir -p build-fuzz/corpus/$(FORMAT)
	build-fuzz/fuzz/$(FORMAT) -max_total_time=$(SECONDS) -artifact_prefix=build-fuzz/ -close_fd_mask=1 build-fuzz/corpus/$(FORMAT) \
	  tests/fuzz/corpus/$(FORMAT)

FORMAT ?= npy
SECONDS ?= 60
FUZZ_SANITIZE = -fsanitize=address,undefined,float-cast-overflow

$(BUILD)/fuzz/%.o: tests/fuzz/entry.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -DFUZZ_TARGET=fuzz_$* -c -o $@ $<

$(BUILD)/fuzz/%: LINK_FLAGS = $(FUZZ_FLAGS),fuzzer
$(BUILD)/fuzz/%: LINK_LIBS = -lcmocka
$(BUILD)/fuzz/%: $(BUILD)/fuzz/%.o $(TEST_LIBS)
	$(link)

SHARE = $(DESTDIR)$(PREFIX)/share
install: all ## copy to PREFIX (default /usr/local); DESTDIR is honoured
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/reprise/stages $(SHARE)/man/man1 $(SHARE)/man/man5 $(SHARE)/doc/reprise/docs \
	  $(SHARE)/bash-completion/completions $(SHARE)/zsh/vendor-completions $(SHARE)/fish/vendor_completions.d $(SHARE)/reprise/schemas $(SHARE)/reprise/ci
	install $(BUILD)/reprise $(DESTDIR)$(PREFIX)/bin
	install $(STAGE_PROGRAMS) $(DESTDIR)$(PREFIX)/lib/reprise/stages
	$(if $(CUDA_BACKEND),install -m 644 $(CUDA_BACKEND) $(DESTDIR)$(PREFIX)/lib/reprise)
	install -m 644 docs/reprise.1 $(SHARE)/man/man1
	install -m 644 docs/reprise-pipeline.5 $(SHARE)/man/man5
	install -m 644 docs/ci/github.yml docs/ci/gitlab.yml $(SHARE)/reprise/ci
	install -m 644 README.md CHANGELOG.md LICENSE pipeline.yaml $(SHARE)/doc/reprise
	install -m 644 docs/*.md $(SHARE)/doc/reprise/docs
	install -m 644 docs/schemas/*.json $(SHARE)/reprise/schemas
	install -m 644 completions/reprise.bash $(SHARE)/bash-completion/completions/reprise
	install -m 644 completions/_reprise $(SHARE)/zsh/vendor-completions
	install -m 644 completions/reprise.fish $(SHARE)/fish/vendor_completions.d

has-cuda:
	@echo $(CUDA_BACKEND)

deb: ## install what is missing, and build packages for Debian beside this folder: reprise, and reprise-cuda where nvcc is
	@ci/install deb
	dpkg-buildpackage -b -us -uc

clean: ## remove what the build made; the cache and the artifacts stay
	rm -rf build build-*

help: ## list the targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/p' Makefile | awk -F'\t' '{printf "  make %-14s %s\n", $$1, $$2}'

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
FORCE:
.PHONY: FORCE all pipeline verify test build-tests gpu-bundle tune-gpu gpu-programs test-gpu-plans oracle bench bench-train lint check-address check-thread faults fuzz install has-cuda deb clean help
