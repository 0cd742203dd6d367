#!/usr/bin/env bash
# Brings real editors for the end-to-end tests: unpacks programs of a Debian suite, with all the libraries they need,
# into a private folder, and writes a starter for each that runs it through its own dynamic loader. So a Debian or
# derivative of any age can run the newest Neovim next to an old one. Changes nothing on the system, needs no root.
#
#   tests/e2e/get_debian.sh SUITE PACKAGE[:PROGRAM] ...
#   tests/e2e/get_debian.sh sid neovim:nvim            # newest
#   tests/e2e/get_debian.sh trixie neovim:nvim hx:hx   # 0.10
#   tests/e2e/get_debian.sh bookworm neovim:nvim       # 0.7
#   OFFHAND_EDITORS=.cache/servers tests/e2e/get_debian.sh sid llama.cpp-tools:llama-server
#   OFFHAND_EDITORS=.cache/browser tests/e2e/get_debian.sh bookworm chromium-headless-shell:chromium-headless-shell
#
# Result: .cache/editors/SUITE/bin/PROGRAM, where the tests look for them, and .cache/editors/SUITE/SHA256SUMS, the
# packages it is made of. A second run does nothing when the programs are there; delete the folder to fetch anew.
#
# OFFHAND_EDITORS        another folder than .cache/editors
# OFFHAND_DEBIAN_MIRROR  the mirror; without it the first one of this machine's apt sources
set -euo pipefail

say() { echo "get_debian: $*"; }
fail() { echo "get_debian: $*" >&2; exit 1; }

[ $# -ge 2 ] || { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2; }
suite=$1; shift
here=$(cd "$(dirname "$0")/../.." && pwd)
dest=${OFFHAND_EDITORS:-$here/.cache/editors}/$suite

missing=0
for wanted in "$@"; do
  [ -x "$dest/bin/${wanted#*:}" ] && "$dest/bin/${wanted#*:}" --version >/dev/null 2>&1 || missing=1
done
if [ "$missing" = 0 ]; then
  say "$suite: nothing to do, $dest/bin has all of it"
  exit 0
fi

for tool in apt-get apt-cache dpkg; do
  command -v "$tool" >/dev/null || fail "$tool is not here: this script needs Debian or a derivative. Install the program yourself and set OFFHAND_NVIM, OFFHAND_LLAMA_SERVER or OFFHAND_CHROMIUM."
done
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$keyring" ] || fail "$keyring is not here: install the package debian-archive-keyring."

mirror_of_this_machine() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
    awk '$1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /^https?:/) print $i }'
  cat /etc/apt/sources.list.d/*.sources 2>/dev/null | awk '$1 == "URIs:" { print $2 }'
}
mirror=${OFFHAND_DEBIAN_MIRROR:-$(mirror_of_this_machine | head -n 1)}
[ -n "$mirror" ] || fail "no mirror in this machine's apt sources: set OFFHAND_DEBIAN_MIRROR to the address of a Debian mirror."

# A folder half made by a broken run must not look complete: build beside, move at the end.
work=$dest.new
rm -rf "$work"
mkdir -p "$work"/{lists/partial,archives/partial,debs,root,bin}
cat > "$work/sources.list" <<SOURCES
deb [signed-by=$keyring] $mirror $suite main
SOURCES
cat > "$work/apt.conf" <<CONF
Dir::State "$work";
Dir::State::lists "$work/lists";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "$work";
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "-";
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
Acquire::Retries "2";
APT::Update::Error-Mode "any";
CONF
export APT_CONFIG="$work/apt.conf"

say "$suite: reading the package lists"
apt-get update -qq || fail "the package lists of Debian $suite could not be read. Offline, or a mirror without that suite? Tests that need $* are skipped until this works."

packages=()
for wanted in "$@"; do packages+=("${wanted%%:*}"); done
# The whole closure is taken, libc included, so that nothing of the host's age is mixed in. Lines that begin with a
# word are packages; a name in <> is virtual. -base packages (debconf and its like) are of no use to a program here, nor
# are graphics drivers with their compiler, and of the fonts that any of would do one is enough.
mapfile -t closure < <(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
  --no-replaces --no-enhances "${packages[@]}" | grep '^[a-z0-9]' |
  grep -v -e '-base$' -e ':' -e '^libgl1-mesa-dri$' -e '^libllvm' -e '^fonts-\(croscore\|freefont\|liberation\|texgyre\|urw\)' | sort -u)
[ "${#closure[@]}" -gt 0 ] || fail "Debian $suite has no package ${packages[*]}."
say "$suite: fetching ${#closure[@]} packages"
(cd "$work/debs" && apt-get download -qq "${closure[@]}") || fail "the packages of Debian $suite could not be fetched. Run the script again."
for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$work/root"; done

libraries=usr/lib/$(uname -m)-linux-gnu
loader=$(cd "$work/root" && find lib lib64 usr/lib usr/lib64 -name 'ld-linux*.so*' \( -type f -o -type l \) 2>/dev/null | sort | tail -n 1 || true)
[ -n "$loader" ] || fail "no dynamic loader among the packages of Debian $suite."
for wanted in "$@"; do
  program=${wanted#*:}
  found=$(cd "$work/root" && find usr/bin usr/lib usr/libexec -name "$program" -type f -perm -u+x 2>/dev/null | head -n 1 || true)
  [ -n "$found" ] || fail "package ${wanted%%:*} of Debian $suite has no program $program."
  runtime= arguments=
  # shellcheck disable=SC2016 # the starter expands it
  [ "$program" = nvim ] && runtime='export VIMRUNTIME="$root/usr/share/nvim/runtime"'
  # Libraries that only this package uses.
  private=
  [ "$program" = llama-server ] && private=":\$root/$libraries/llama"
  # Chromium starts itself again, and looks for its files where it lies: by what the kernel says, where the loader lies.
  if [ "$program" = chromium-headless-shell ]; then
    found=usr/lib/chromium/$program
    cp -L "$work/root/$loader" "$work/root/usr/lib/chromium/loader"
    loader=usr/lib/chromium/loader
    private=":\$root/$libraries/pulseaudio"
    # shellcheck disable=SC2016 # the starter expands it
    arguments='--no-zygote --browser-subprocess-path="$root/../bin/chromium-headless-shell"'
    # shellcheck disable=SC2016 # the starter expands it
    runtime='export FONTCONFIG_SYSROOT="$root"'
  fi
  # Suites before the merge of /usr keep the C library in /lib, and Lua's C modules may sit deeper.
  cat > "$work/bin/$program" <<STARTER
#!/bin/sh
root=\$(cd "\$(dirname "\$0")/../root" && pwd)
$runtime
exec "\$root/$loader" --library-path "\$root/$libraries:\$root/lib/$(uname -m)-linux-gnu$private" "\$root/$found" $arguments "\$@"
STARTER
  chmod +x "$work/bin/$program"
done
(cd "$work/debs" && sha256sum -- *.deb) > "$work/SHA256SUMS"
rm -rf "$work/lists" "$work/archives" "$work/debs" "$work/sources.list" "$work/apt.conf" "$work"/*.bin "$dest"
mv "$work" "$dest"

for wanted in "$@"; do
  program=${wanted#*:}
  version=$("$dest/bin/$program" --version 2>&1 | head -n 1) || fail "$dest/bin/$program does not start: $version"
  say "$suite: $dest/bin/$program is $version"
done
