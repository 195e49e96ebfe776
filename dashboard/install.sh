#!/usr/bin/env bash
# Installs the dashboard's tools by its lock file; nothing where they are the right ones already.
#   dashboard/install.sh [--check]     --check: exit status 1 where something would be installed
set -euo pipefail
cd "$(dirname "$0")"

# What node_modules was made from, and the Node it was for.
stamp() { { cat package.json package-lock.json; node --version; } | sha256sum; }
current() {
  command -v npm >/dev/null && [ "$(cat node_modules/.stamp 2>/dev/null)" = "$(stamp)" ]
}

if [ "${1:-}" = "--check" ]; then current; exit; fi
if ! current; then
  printf 'installing the tools of dashboard/ by its lock file\n' >&2
  npm ci --silent --no-progress
  stamp >node_modules/.stamp
fi
# Builds compare times: a checkout makes the lock file newer, which is no reason by itself.
for input in package.json package-lock.json install.sh; do
  [ node_modules/.stamp -nt "$input" ] || touch node_modules/.stamp
done
