"""tools/dev/web.sh: when ./dev builds web/, and what it says when it can't. node and npm are small stand-ins."""

import os
import subprocess
import textwrap

import pytest

from harness import ROOT

NPM = """\
    #!/bin/sh
    [ "$1" = --version ] && { echo "${TEST_NPM_VERSION:-9.2.0}"; exit; }
    echo "$*" >>"$TEST_CALLS"
    case $* in
    ci*)
        [ -z "${TEST_CI_SAYS:-}" ] || { echo "$TEST_CI_SAYS" >&2; exit 1; }
        mkdir -p node_modules ;;
    *build)
        [ -z "${TEST_BUILD_SAYS:-}" ] || { echo "$TEST_BUILD_SAYS" >&2; exit 1; }
        rm -rf dist; mkdir -p dist sdk/dist
        touch dist/index.html sdk/dist/index.js
        echo "index.html: 3 files, 45.5 KiB gzipped" ;;
    esac
    """
NODE = """\
    #!/bin/sh
    echo "${TEST_NODE_VERSION:-v18.20.4}"
    """
UNREACHABLE = "npm ERR! code ENOTFOUND\nnpm ERR! request to https://registry.test/esbuild failed, reason: getaddrinfo ENOTFOUND"


class Checkout:
    def __init__(self, folder):
        self.top, self.bin, self.calls_file = folder / "top", folder / "bin", folder / "calls"
        for name in ("package-lock.json", "package.json", "sdk/package.json", "app/package.json", "app/src/main.ts"):
            path = self.top / "web" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        (self.top / "proto").mkdir()
        self.bin.mkdir()
        for name, text in (("npm", NPM), ("node", NODE)):
            (self.bin / name).write_text(textwrap.dedent(text))
            (self.bin / name).chmod(0o755)

    def do(self, function, path=None, **environment):
        parts = " && ".join(f"source {ROOT}/tools/dev/{part}.sh" for part in ("common", "packages", "web"))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FRESHET_")}
        return subprocess.run(["bash", "-c", f"set -uo pipefail; top=$1; {parts} && {function}", "bash", self.top], text=True, check=False,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=60,
                              env={**kept, "PATH": path or f"{self.bin}:{os.environ['PATH']}", "TEST_CALLS": str(self.calls_file),
                                   "FRESHET_NO_INSTALL": "1", **environment})

    def build(self, **environment):
        return self.do("build_web", **environment)

    @property
    def calls(self):
        """What npm was asked for since the last time: its verbs."""
        if not self.calls_file.exists():
            return []
        lines = self.calls_file.read_text().splitlines()
        self.calls_file.unlink()
        return [line.split()[0] for line in lines]


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path)


def test_it_is_built_when_something_has_changed(checkout):
    done = checkout.build()
    assert done.returncode == 0 and "45.5 KiB" in done.stdout and done.stderr == "", done
    assert checkout.calls == ["ci", "run"]
    again = checkout.build()
    assert (again.returncode, again.stdout, checkout.calls) == (0, "", [])
    (checkout.top / "web/app/src/main.ts").write_text("changed")
    assert checkout.build().returncode == 0
    assert checkout.calls == ["run"], "its packages are the same"
    (checkout.top / "proto/new.proto").write_text("new")
    assert checkout.build().returncode == 0
    assert checkout.calls == ["run"]
    (checkout.top / "web/package-lock.json").write_text("changed")
    assert checkout.build().returncode == 0
    assert checkout.calls == ["ci", "run"]
    assert checkout.build(TEST_NODE_VERSION="v20.1.0").returncode == 0
    assert checkout.calls == ["ci", "run"], "another node may want other packages"


@pytest.mark.parametrize("environment, why", [
    ({"TEST_CI_SAYS": UNREACHABLE}, "npm can't reach its registry"),
    ({"TEST_CI_SAYS": "npm ERR! code EUSAGE\nnpm ERR! package.json and package-lock.json are not in sync"},
     "npm failed: package.json and package-lock.json are not in sync"),
    ({"TEST_CI_SAYS": "npm error code EUSAGE\nnpm error The lock file is missing"}, "npm failed: The lock file is missing"),
    ({"TEST_NODE_VERSION": "v16.20.0"}, "there is no node 18 and npm 9, or newer"),
    ({"TEST_NPM_VERSION": "8.19.4"}, "there is no node 18 and npm 9, or newer"),
])
def test_run_goes_on_without_it_and_says_why_in_one_line(checkout, environment, why):
    done = checkout.do("build_web_if_possible", **environment)
    assert done.returncode == 0
    assert len(done.stderr.splitlines()) == 1 and f"web: {why}" in done.stderr and "without its page" in done.stderr, done.stderr
    assert checkout.build(**environment).returncode == 1, "whoever needs it learns that it is not there"


def test_run_keeps_the_page_that_was_built_before(checkout):
    assert checkout.build().returncode == 0
    (checkout.top / "web/app/src/main.ts").write_text("broken")
    done = checkout.do("build_web_if_possible", TEST_BUILD_SAYS="main.ts:1: no")
    assert done.returncode == 0 and "main.ts:1: no" in done.stderr
    assert "web: the build failed" in done.stderr and "the page is the one that was built before" in done.stderr
    assert (checkout.top / "web/dist/index.html").exists()
    (checkout.top / "web/app/src/main.ts").write_text("mended")
    assert checkout.build().returncode == 0
    assert checkout.calls == ["ci", "run", "run", "run"]


def test_without_any_node(checkout, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("bash", "dirname", "mkdir", "cat"):
        (bare / name).symlink_to(f"/usr/bin/{name}")
    done = checkout.do("build_web_if_possible", path=str(bare))
    assert done.returncode == 0 and "there is no node 18 and npm 9" in done.stderr, done


def test_a_node_from_elsewhere_is_enough(checkout):
    """ensure_packages is not asked for Debian's, which would shut the other one out."""
    done = checkout.do("ensure_packages() { echo asked; }; ensure_node", TEST_NODE_VERSION="v22.0.0", TEST_NPM_VERSION="11.1.0")
    assert (done.returncode, done.stdout) == (0, "")
    done = checkout.do("ensure_packages() { echo \"asked for $*\"; }; ensure_node", TEST_NODE_VERSION="v16.0.0")
    assert (done.returncode, done.stdout) == (1, "asked for web\n")
