# shellcheck shell=bash
# Sourced by the other scripts: where things are, how to say something, and how
# to run a command so that signals reach it. Starts nothing by itself.
#
# After sourcing: $root is the checkout, $state its private folder (.denticloud),
# and the current folder is $root.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
state=$root/.denticloud
cd "$root" || exit 1

# What scripts/install put aside comes first, then rustup's usual place.
for bin in "${CARGO_HOME:-$HOME/.cargo}/bin" "$state/tools/node/bin"; do
  case ":$PATH:" in
    *":$bin:"*) ;;
    *) if [ -d "$bin" ]; then PATH=$bin:$PATH; fi ;;
  esac
done
if [ -z "${RUSTUP_TOOLCHAIN:-}" ] && [ -s "$state/tools/rust-toolchain" ]; then
  RUSTUP_TOOLCHAIN=$(cat "$state/tools/rust-toolchain")
  export RUSTUP_TOOLCHAIN
fi
export PATH
unset bin
unset MAKEFLAGS MFLAGS MAKELEVEL # cargo would look for a job server of `make -j`

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# version_at_least FOUND WANTED
version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# The folder cargo builds into, whether set by CARGO_TARGET_DIR or a config file.
target_dir() {
  cargo metadata --format-version 1 --no-deps --offline |
    sed 's/.*"target_directory":"\(\([^"\\]\|\\.\)*\)".*/\1/'
}

# On CI the lock file is the law; at home cargo may add a new dependency to it.
cargo_locked=()
# shellcheck disable=SC2034 # used by the scripts that source this
if [ -n "${CI:-}" ]; then cargo_locked=(--locked); fi

# Does anything listen on this port of this machine?
port_taken() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null || (exec 3<>"/dev/tcp/::1/$1") 2>/dev/null
}

# A free port below the range that the kernel hands out to outgoing connections.
free_port() {
  local port _
  for _ in {1..200}; do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    if ! port_taken "$port"; then
      say "$port"
      return
    fi
  done
  die "found no free port between 20000 and 32000"
}

# A secret of 64 hexadecimal digits.
new_secret() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

# Put before a program that is started in the background, to give it a session of
# its own: the terminal's Ctrl-C does not reach it (only we say what it gets), and
# it is not stopped for touching the terminal. bash lets background programs ignore
# INT, so take that back; and when we are killed outright, the kernel sends it a TERM.
apart=(env --default-signal=INT --default-signal=QUIT setsid setpriv --pdeathsig TERM --)

# supervise CMD…: run a program apart, hand on INT, TERM and HUP to it and all its
# children, and return its status once it is gone. Afterwards $interrupted names
# the signal that was handed on, if any.
supervise() {
  local child status again
  # shellcheck disable=SC2034 # for the caller
  interrupted=''
  "${apart[@]}" "$@" <&0 9>&- & # 9: with-postgres' lock
  child=$!
  # shellcheck disable=SC2064 # the child's number is wanted as it is now
  {
    trap "interrupted=INT again=1; kill -INT -- -$child 2>/dev/null || true" INT
    trap "interrupted=TERM again=1; kill -TERM -- -$child 2>/dev/null || true" TERM
    trap "interrupted=HUP again=1; kill -HUP -- -$child 2>/dev/null || true" HUP
  }
  while :; do
    again=''
    status=0
    wait "$child" || status=$?
    if [ -z "$again" ]; then break; fi
  done
  trap - INT TERM HUP
  return "$status"
}
