"""What `cmake --install` gives to those who write programs: files, symbols, libraries that are needed, and the example of
docs/examples/c-client, built outside the tree in each way that is offered, at work."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

from drivers import BIN
from harness import ROOT, eventually

BUILD = BIN.parent
EXAMPLE = ROOT / "docs" / "examples" / "c-client"
HEADER = ROOT / "pkg" / "client" / "include" / "freshet" / "client.h"


def cached(name):
    """A value of the build's configuration."""
    found = re.search(rf"^{name}(?::\w+)?=(.*)$", (BUILD / "CMakeCache.txt").read_text(), re.M)
    return found.group(1) if found else ""


SANITIZE = cached("FRESHET_SANITIZE")
FLAGS = [f"-fsanitize={SANITIZE}"] if SANITIZE else []
LIB = cached("CMAKE_INSTALL_LIBDIR") or "lib"


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, timeout=300, **options)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


def install(folder, *components):
    for component in components or [None]:
        run("cmake", "--install", BUILD, "--prefix", folder, *(["--component", component] if component else []))
    return folder


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """Moved after it was installed: nothing in it knows where that was."""
    folder = tmp_path_factory.mktemp("installed")
    install(folder / "first")
    return (folder / "first").rename(folder / "moved")


DEVELOPMENT = {"include/freshet/client.h", f"{LIB}/libfreshet.so", f"{LIB}/libfreshet.a", f"{LIB}/pkgconfig/freshet.pc",
               f"{LIB}/cmake/freshet/freshetConfig.cmake", f"{LIB}/cmake/freshet/freshetConfigVersion.cmake"}
LIBRARY = {f"{LIB}/libfreshet.so.0", f"{LIB}/libfreshet.so.0.1.0"}
PROGRAMS = {"bin/freshet-tail", "bin/freshet-post"}


def test_what_is_installed(prefix):
    assert files(prefix) == DEVELOPMENT | LIBRARY | PROGRAMS


@pytest.mark.parametrize("component, wanted", [("library", LIBRARY), ("development", DEVELOPMENT), ("programs", PROGRAMS)])
def test_components(tmp_path, component, wanted):
    assert files(install(tmp_path, component)) == wanted


# ---- symbols ----

def declared():
    """The functions of the header."""
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.S)
    return set(re.findall(r"FRESHET_API[^;(]*?\b(freshet_\w+)\s*\(", text))


def defined(*options):
    """The names that nm gives, without the version behind them."""
    lines = run("nm", "--defined-only", "--format=posix", *options).splitlines()
    return {line.split()[0] for line in lines if len(line.split()) >= 2 and line.split()[1] in "TDBRVW"}


def test_only_the_header_s_functions_are_exported(prefix):
    assert len(declared()) > 30
    assert defined("--dynamic", prefix / LIB / "libfreshet.so") == {f"{name}@@FRESHET_0" for name in declared()}


def test_the_archive_has_the_same_names(prefix):
    assert defined("--extern-only", prefix / LIB / "libfreshet.a") == declared()


def dynamic(path, tag):
    return re.findall(rf"\({tag}\).*\[(.*)\]", run("readelf", "-d", path))


def test_what_the_library_needs(prefix):
    library = prefix / LIB / "libfreshet.so"
    needed = {name for name in dynamic(library, "NEEDED") if not re.match(r"lib(asan|ubsan|tsan|gcc_s|m)\.so", name) or not SANITIZE}
    assert needed == {"libcurl.so.4", "libprotobuf-c.so.1", "libc.so.6"}
    assert dynamic(library, "SONAME") == ["libfreshet.so.0"]
    assert dynamic(library, "RUNPATH") == dynamic(library, "RPATH") == [], "it stands on the system's libraries"


def test_programs_find_their_library(prefix):
    for name in "freshet-tail", "freshet-post":
        assert "libfreshet.so.0" in dynamic(prefix / "bin" / name, "NEEDED")
        assert run(prefix / "bin" / name, "--version") == f"{name} 0.1.0\n"


# ---- the header ----

@pytest.mark.parametrize("language", [["gcc", "-std=c99", "-x", "c"], ["gcc", "-std=c17", "-x", "c"]] + (
    [["g++", "-std=c++11", "-x", "c++"]] if shutil.which("g++") else []), ids=lambda it: it[1])
def test_the_header_alone(prefix, tmp_path, language):
    source = tmp_path / "alone"
    source.write_text("#include <freshet/client.h>\n#include <freshet/client.h>\n"
                      "int main(void) { freshet_error error; (void)error; return freshet_version() == 0; }\n")
    run(*language, "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", prefix / "include", source)


def test_the_header_has_standard_types_only(prefix):
    assert set(re.findall(r"#\s*include\s*(\S+)", (prefix / "include/freshet/client.h").read_text())) - {"<freshet/client.h>",
           "<stdio.h>"} == {"<stdbool.h>", "<stddef.h>", "<stdint.h>"}


def test_one_version(prefix):
    text = HEADER.read_text()
    parts = [re.search(rf"FRESHET_VERSION_{part} (\d+)", text).group(1) for part in ("MAJOR", "MINOR", "PATCH")]
    assert pkg_config(prefix, "--modversion").strip() == ".".join(parts)


# ---- the example ----

def pkg_config(prefix, *options):
    return run("pkg-config", *options, "freshet", env={**os.environ, "PKG_CONFIG_PATH": str(prefix / LIB / "pkgconfig")})


def test_pkg_config(prefix):
    assert "-lfreshet" in pkg_config(prefix, "--libs") and "curl" not in pkg_config(prefix, "--libs")
    private = pkg_config(prefix, "--libs", "--static")
    assert "-lfreshet" in private and "-lcurl" in private and "-lprotobuf-c" in private


def by_pkg_config(prefix, folder):
    """The line that the example itself tells, in a shell, as people type it."""
    line = re.search(r"cc newcomer\.c .*-o newcomer", (EXAMPLE / "newcomer.c").read_text()).group(0)
    linked = "" if SANITIZE else "-Werror -Wall "
    run("sh", "-ec", line.replace("cc ", f"cc {linked}{' '.join(FLAGS)} '-Wl,-rpath,{prefix / LIB}' ", 1), cwd=folder,
        env={**os.environ, "PKG_CONFIG_PATH": str(prefix / LIB / "pkgconfig")})


def by_archive(prefix, folder):
    libraries = run("pkg-config", "--libs", "libcurl", "libprotobuf-c").split()
    run("cc", *FLAGS, "newcomer.c", "-I", prefix / "include", prefix / LIB / "libfreshet.a", *libraries, "-o", "newcomer",
        cwd=folder)


def by_cmake(prefix, folder):
    cmake = {**os.environ, "CFLAGS": " ".join(FLAGS)}
    run("cmake", "-S", ".", "-B", "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}", cwd=folder, env=cmake)
    run("cmake", "--build", "build", cwd=folder)
    (folder / "build" / "newcomer").rename(folder / "newcomer")


def by_cmake_static(prefix, folder):
    lists = folder / "CMakeLists.txt"
    lists.write_text(lists.read_text().replace("freshet::freshet)", "freshet::freshet_static)").replace(
        "REQUIRED", "REQUIRED COMPONENTS static"))
    by_cmake(prefix, folder)


@pytest.mark.parametrize("build", [by_pkg_config, by_archive, by_cmake, by_cmake_static])
def test_the_example(prefix, tmp_path, system, people, build):
    folder = pathlib.Path(shutil.copytree(EXAMPLE, tmp_path / "example"))
    build(prefix, folder)
    needed = dynamic(folder / "newcomer", "NEEDED")
    assert ("libfreshet.so.0" in needed) == (build in (by_pkg_config, by_cmake))
    author, = people.some(1)
    reader = people.api.register()
    people.follow(reader, author)
    people.post(author, "on the page")
    system.settled()
    with open(folder / "said", "w+b") as said:
        program = subprocess.Popen([folder / "newcomer", f"http://127.0.0.1:{system.gateway.port}", reader.id], stdout=said,
                                   stderr=said, env={**os.environ, "FRESHET_PASSWORD": reader.password})
        try:
            def has(*texts):
                assert program.poll() is None, (folder / "said").read_text()
                return (folder / "said").read_text() == "".join(f"{author.id}: {text}\n" for text in texts)

            eventually(lambda: has("on the page"))
            people.post(author, "live")
            eventually(lambda: has("on the page", "live"))
        finally:
            program.kill()
            program.wait()


def test_the_example_says_what_is_wrong(prefix, tmp_path, system):
    folder = pathlib.Path(shutil.copytree(EXAMPLE, tmp_path / "example"))
    by_pkg_config(prefix, folder)
    done = subprocess.run([folder / "newcomer", f"http://127.0.0.1:{system.gateway.port}", "999999999999"], timeout=60,
                          capture_output=True, text=True, check=False, env={**os.environ, "FRESHET_PASSWORD": "correct horse"})
    assert done.returncode == 1 and len(done.stderr.strip()) > 3 and done.stdout == ""
