# The front door: everything here drives CMake and Ninja. `make help` lists it.
# The binaries of `make` are in build/; the sanitizers have build directories of their own.
.DEFAULT_GOAL := build
.PHONY: build setup test check check-asan check-tsan check-sizes bench demo install clean help

BUILD ?= build
JOBS ?= 2
PREFIX ?= /usr/local
export JOBS

# What `make check` builds and runs under the thread sanitizer: what starts threads.
THREADED ?= ^(os|index|log|storage|query|engine|cmd|stress)\.|^redis\.(loops|keep|door|search_turn)$$|^net\.(net|stream)$$|^line\.sockets$$

# gcc 12's thread sanitizer does not start where the kernel randomizes addresses over 28 bits.
FIXED_ADDRESSES = $$(setarch -R true 2>/dev/null && echo setarch -R)

build: ## build the library, the program and the tests
	@test -f $(BUILD)/build.ninja || cmake -S . -B $(BUILD) -G Ninja -DCMAKE_INSTALL_PREFIX=$(PREFIX)
	@ninja -C $(BUILD) -j$(JOBS) $(TARGETS)

setup: ## install the Debian packages that are missing
	@scripts/setup.sh

test: setup ## build and run every test; the last line is `N passed, N failed`
	@$(MAKE) --no-print-directory build
	@tests/run.sh $(BUILD)

check: check-asan check-tsan check-sizes ## the long one: sanitizers, and more of what is random

check-sizes: setup
	@$(MAKE) --no-print-directory build
	@KITH_OPS=100000 tests/run.sh $(BUILD) -R '^stress\.oracle$$'

check-asan: setup
	@cmake --preset asan >/dev/null
	@ninja -C build-asan -j$(JOBS)
	@UBSAN_OPTIONS=print_stacktrace=1 \
	    tests/run.sh build-asan

check-tsan: setup
	@cmake --preset tsan -DKITH_TESTS='$(THREADED)' >/dev/null
	@ninja -C build-tsan -j$(JOBS)
	@# Not stress.follow: it forks with threads running, which ThreadSanitizer cannot follow.
	@TSAN_OPTIONS=halt_on_error=1 $(FIXED_ADDRESSES) tests/run.sh build-tsan -R '$(THREADED)' \
	    -E '^stress\.follow$$'

bench: ## build and run the micro-benchmarks that need no data; bench/README.md has the others
	@$(MAKE) --no-print-directory build
	@for name in kernel_bench predicate_bench scalar_bench; do \
	    ninja -C $(BUILD) -j$(JOBS) $$name && $(BUILD)/$$name || exit 1; done

demo: setup ## set up, build the program, and show the main job on real word vectors
	@$(MAKE) --no-print-directory build TARGETS=kith
	@scripts/demo.sh $(BUILD)/kith

install: TARGETS = kith kith_shared kith_static
install: build ## install to PREFIX (default /usr/local)
	@cmake --install $(BUILD) --prefix $(PREFIX)

clean: ## remove what make built
	@rm -rf $(BUILD) build-asan build-tsan build-debug build-release build-fuzz build-coverage

help: ## this list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/make \1\t\2/p' Makefile | expand -t 16
