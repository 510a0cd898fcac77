"""proto/ keeps the rules, and tools/check-proto finds what it is there for: each planted violation is complained of by its own rule, at its
own line, and what is allowed is not."""

import importlib.machinery
import importlib.util
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHECKER = ROOT / "tools" / "check-proto"
FOLDER = pathlib.PurePosixPath("proto/acme/things/v1")

# One of everything that the rules know.
THINGS = """// What these are for.
syntax = "proto3";

package acme.things.v1;

import "acme/things/v1/parts.proto";

// A colour.
enum Colour {
  reserved 7 to 9;
  reserved "COLOUR_PINK";
  // Not said.
  COLOUR_UNSPECIFIED = 0;
  // Like blood.
  COLOUR_RED = 1;
  // Like grass.
  COLOUR_GREEN = 2;
}

// A thing.
message Thing {
  reserved 20, 30 to 39;
  reserved "weight";
  // A kind of thing.
  enum Kind {
    // Not said.
    KIND_UNSPECIFIED = 0;
    // Not alive.
    KIND_DEAD = 1;
  }
  // A place.
  message Place {
    // In metres.
    int64 height = 1;
  }
  // Its number.
  int64 id = 1;
  // What it is called.
  string name = 2;
  // Its parts.
  repeated Part parts = 3;
  // Words by language.
  map<string, int32> words = 4;
  // Where.
  Place place = 5;
  // What sort.
  Kind kind = 6;
  // How old, in days.
  optional int32 age = 7;
  // Who has it.
  oneof owner {
    // A person.
    int64 user_id = 8;
    // A firm.
    string firm = 9;
  }
  // Its looks.
  Colour colour = 10;
}
"""
PARTS = """// What things are made of.
syntax = "proto3";

package acme.things.v1;

// A part.
message Part {
  // Its number.
  int64 id = 1;
}

// Nothing much.
message Screw {
}
"""
OTHER = """// Imported by nobody.
syntax = "proto3";

package acme.things.v1;
"""
LAST_FIELD = "  // Its looks.\n  Colour colour = 10;\n"


loader = importlib.machinery.SourceFileLoader("check_proto", str(CHECKER))
checker = importlib.util.module_from_spec(importlib.util.spec_from_loader("check_proto", loader))
loader.exec_module(checker)


class Checkout:
    """A checkout of git with the files above, released as v1.2.0."""

    def __init__(self, root):
        self.root = root
        (root / FOLDER).mkdir(parents=True)
        self.write("things.proto", THINGS)
        self.write("parts.proto", PARTS)
        self.write("other.proto", OTHER)
        self.git("init", "--quiet", "--initial-branch=main")
        self.release("v1.2.0")

    def write(self, name, text):
        (self.root / FOLDER / name).write_text(text, encoding="utf-8")

    def plant(self, old, new, name="things.proto"):
        text = (self.root / FOLDER / name).read_text(encoding="utf-8")
        assert old in text, f"{name} has no {old!r} any more"
        self.write(name, text.replace(old, new))

    def git(self, *arguments):
        who = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false")
        subprocess.run(["git", *who, "-C", str(self.root), *arguments], check=True, capture_output=True)

    def commit(self):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "as it is")

    def release(self, tag):
        self.commit()
        self.git("tag", tag)

    def check(self, against=None):
        """(what was compared with, complaints)"""
        try:
            bad, compared = checker.check(self.root, against)
        except checker.Refused as refused:
            return None, str(refused).splitlines()
        return compared, bad

    def rules(self, against=None):
        return sorted({line.rsplit("(", 1)[-1].rstrip(")") for line in self.check(against)[1]})


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    return Checkout(tmp_path_factory.mktemp("proto") / "checkout")


@pytest.fixture
def checkout(released, tmp_path):
    """One's own copy."""
    made = Checkout.__new__(Checkout)
    made.root = tmp_path / "checkout"
    shutil.copytree(released.root, made.root)
    return made


def test_the_files_of_this_project_keep_the_rules():
    done = subprocess.run([str(CHECKER)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_keeps_the_rules_passes(checkout):
    assert checkout.check() == ("against v1.2.0", [])


def test_the_program_says_what_is_wrong_and_fails(checkout):
    def run():
        return subprocess.run([str(CHECKER), "--against", "HEAD", str(checkout.root)], capture_output=True, text=True, check=False)

    good = run()
    assert (good.returncode, good.stdout, good.stderr) == (0, "breaking changes: against HEAD\n", "")
    checkout.plant(LAST_FIELD, "")
    bad = run()
    assert bad.returncode == 1 and bad.stderr.count("\n") == 2 and "FIELD_NO_DELETE_UNLESS_NAME_RESERVED" in bad.stderr
    checkout.plant("message Thing", "massage Thing")
    broken = run()
    assert broken.returncode == 1 and broken.stdout == "" and "Traceback" not in broken.stderr and broken.stderr


# ---- the rules for the files as they are ----

@pytest.mark.parametrize("old, new, rule", [
    ("message Screw {", "message small_screw {", "MESSAGE_PASCAL_CASE"),
    ("  int64 id = 1;", "  int64 ID = 1;", "FIELD_LOWER_SNAKE_CASE"),
    ("  int64 id = 1;", "  int64 partId = 1;", "FIELD_LOWER_SNAKE_CASE"),
    ("  int64 id = 1;", "  int64 id_ = 1;", "FIELD_LOWER_SNAKE_CASE"),
    ("  int64 id = 1;", "  int64 descriptor = 1;", "FIELD_NO_DESCRIPTOR"),
    ("// A part.\n", "", "COMMENT_MESSAGE"),
    ("  // Its number.\n", "", "COMMENT_FIELD"),
    ("  // Its number.\n", "  //\n", "COMMENT_FIELD"),
    ("  // Its number.\n  int64 id = 1;", "  int64 id = 1;  // Its number.", "COMMENT_FIELD"),
    ("// What things are made of.\n", "", "COMMENT_FILE"),
    ("message Screw {\n", "message Screw {\n  // One.\n  oneof oneOf {\n    // A.\n    bool a = 1;\n  }\n", "ONEOF_LOWER_SNAKE_CASE"),
    ("message Screw {\n", "message Screw {\n  oneof one {\n    // A.\n    bool a = 1;\n  }\n", "COMMENT_ONEOF"),
    ("message Screw {\n", "message Screw {\n  // In.\n  message Inner {\n    bool a = 1;\n  }\n", "COMMENT_FIELD"),
    ("message Screw {\n", "message Screw {\n  // In.\n  message inner {\n  }\n", "MESSAGE_PASCAL_CASE"),
    ("// Nothing", "enum Size {\n  // A.\n  SIZE_UNSPECIFIED = 0;\n}\n// Nothing", "COMMENT_ENUM"),
    ("// Nothing", "// A.\nenum Size {\n  SIZE_UNSPECIFIED = 0;\n}\n// Nothing", "COMMENT_ENUM_VALUE"),
    ("// Nothing", "// A.\nenum size {\n  // A.\n  SIZE_UNSPECIFIED = 0;\n}\n// Nothing", "ENUM_PASCAL_CASE"),
    ("// Nothing", "// A.\nenum Size {\n  // A.\n  SIZE_UNSPECIFIED = 0;\n  // A.\n  SIZE_small = 1;\n}\n// Nothing", "ENUM_VALUE_UPPER_SNAKE_CASE"),
    ("// Nothing", "// A.\nenum Size {\n  // A.\n  SIZE_UNSPECIFIED = 0;\n  // A.\n  SMALL = 1;\n}\n// Nothing", "ENUM_VALUE_PREFIX"),
    ("// Nothing", "// A.\nenum PartSize {\n  // A.\n  PARTSIZE_UNSPECIFIED = 0;\n}\n// Nothing", "ENUM_VALUE_PREFIX"),
    ("// Nothing", "// A.\nenum Size {\n  // A.\n  SIZE_SMALL = 0;\n}\n// Nothing", "ENUM_ZERO_VALUE_SUFFIX"),
    ("// Nothing", "// A.\nenum Size {\n  option allow_alias = true;\n  // A.\n  SIZE_UNSPECIFIED = 0;\n  // A.\n  SIZE_S = 1;\n  // A.\n  SIZE_T = 1;\n}\n"
     "// Nothing", "ENUM_NO_ALLOW_ALIAS"),
    ("// Nothing", "// A.\nservice Making {\n  // A.\n  rpc Make(Part) returns (Part);\n}\n// Nothing", "NO_SERVICE"),
    ("// Nothing", "// A.\nservice making {\n  // A.\n  rpc Make(Part) returns (Part);\n}\n// Nothing", "SERVICE_PASCAL_CASE"),
    ("// Nothing", "// A.\nservice Making {\n  rpc Make(Part) returns (Part);\n}\n// Nothing", "COMMENT_RPC"),
    ("// Nothing", "// A.\nservice Making {\n  // A.\n  rpc make(Part) returns (Part);\n}\n// Nothing", "RPC_PASCAL_CASE"),
    ("package acme.things.v1;", "package acme.things.v1;\nimport public \"acme/things/v1/other.proto\";", "IMPORT_NO_PUBLIC"),
    ("package acme.things.v1;", "package acme.things.v1;\nimport weak \"acme/things/v1/other.proto\";", "IMPORT_NO_WEAK"),
    ("package acme.things.v1;", "package acme.things.v1;\noption java_package = \"org.acme\";", "PACKAGE_SAME_JAVA_PACKAGE"),
    ("package acme.things.v1;", "package acme.things.v1;\noption go_package = \"acme/v1\";", "PACKAGE_SAME_GO_PACKAGE"),
])
def test_a_violation_is_found(checkout, old, new, rule):
    checkout.plant(old, new, "parts.proto")
    assert rule in checkout.rules("v1.2.0")


@pytest.mark.parametrize("name, text, rule", [
    ("PartsTwo.proto", '// A.\nsyntax = "proto3";\npackage acme.things.v1;\n', "FILE_LOWER_SNAKE_CASE"),
    ("two.proto", '// A.\nsyntax = "proto3";\n', "PACKAGE_DEFINED"),
    ("two.proto", '// A.\nsyntax = "proto3";\npackage acme.v1;\n', "PACKAGE_DIRECTORY_MATCH"),
    ("two.proto", '// A.\nsyntax = "proto3";\npackage acme.Things.v1;\n', "PACKAGE_LOWER_SNAKE_CASE"),
    ("two.proto", '// A.\nsyntax = "proto3";\npackage acme.things;\n', "PACKAGE_VERSION_SUFFIX"),
    ("two.proto", "// A.\npackage acme.things.v1;\n", "SYNTAX_SPECIFIED"),
    ("two.proto", '// A.\nsyntax = "proto2";\npackage acme.things.v1;\n', "SYNTAX_SPECIFIED"),
    ("two.proto", '// A.\nsyntax = "proto2";\npackage acme.things.v1;\n// A.\nmessage Two {\n  // A.\n  required bool a = 1;\n}\n',
     "FIELD_NOT_REQUIRED"),
    ("two.proto", '// A.\nsyntax = "proto2";\npackage acme.things.v1;\n// A.\nenum Two {\n  // A.\n  TWO_ONE = 1;\n}\n', "ENUM_FIRST_VALUE_ZERO"),
])
def test_a_file_that_is_wrong_is_found(checkout, name, text, rule):
    checkout.write(name, text)
    assert rule in checkout.rules()


def test_packages_that_import_each_other_are_found(checkout):
    other = checkout.root / "proto" / "acme" / "more" / "v1"
    other.mkdir(parents=True)
    (other / "more.proto").write_text('// A.\nsyntax = "proto3";\npackage acme.more.v1;\nimport "acme/things/v1/parts.proto";\n'
                                      "// A.\nmessage More {\n  // A.\n  acme.things.v1.Part part = 1;\n}\n", encoding="utf-8")
    assert checkout.rules() == []
    checkout.plant('import "', 'import "acme/more/v1/more.proto";\nimport "')
    checkout.plant("  // Its number.", "  // More.\n  acme.more.v1.More more = 40;\n  // Its number.")
    assert checkout.rules() == ["PACKAGE_NO_IMPORT_CYCLE"]


def test_an_import_that_nobody_uses_is_found(checkout):
    checkout.plant('import "', 'import "acme/things/v1/other.proto";\nimport "')
    _, bad = checkout.check()
    assert len(bad) == 1 and "other.proto is unused" in bad[0], bad


def test_what_does_not_compile_is_refused(checkout):
    checkout.plant("int64 id = 1;", "int65 id = 1;")
    _, bad = checkout.check()
    assert bad and '"int65" is not defined' in bad[0], bad


def test_the_place_is_told(checkout):
    checkout.plant("  // What it is called.\n", "")
    line = THINGS.splitlines().index("  // What it is called.") + 1  # where the field stands now
    assert checkout.check()[1] == [f"{FOLDER}/things.proto:{line}: field Thing.name has no comment (COMMENT_FIELD)"]


# ---- breaking changes ----

@pytest.mark.parametrize("old, new, rules", [
    (LAST_FIELD, "", ["FIELD_NO_DELETE_UNLESS_NAME_RESERVED", "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED"]),
    (LAST_FIELD, "  reserved 10;\n", ["FIELD_NO_DELETE_UNLESS_NAME_RESERVED"]),
    (LAST_FIELD, '  reserved "colour";\n', ["FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED"]),
    (LAST_FIELD, '  reserved 5000 to max;\n  reserved "colour";\n', ["FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED"]),
    ("Colour colour = 10;", "Colour colour = 11;", ["FIELD_NO_DELETE"]),
    ("Colour colour = 10;", "Colour color = 10;", ["FIELD_SAME_JSON_NAME", "FIELD_SAME_NAME"]),
    ("Colour colour = 10;", 'Colour colour = 10 [json_name = "look"];', ["FIELD_SAME_JSON_NAME"]),
    ("Colour colour = 10;", "int32 colour = 10;", ["FIELD_SAME_TYPE"]),
    ("Colour colour = 10;", "Kind colour = 10;", ["FIELD_SAME_TYPE"]),
    ("int64 height = 1;", "sint64 height = 1;", ["FIELD_SAME_TYPE"]),
    ("string name = 2;", "bytes name = 2;", ["FIELD_SAME_TYPE"]),
    ("map<string, int32>", "map<string, int64>", ["FIELD_SAME_TYPE"]),
    ("int64 id = 1;", "repeated int64 id = 1;", ["FIELD_SAME_CARDINALITY"]),
    ("int64 id = 1;", "optional int64 id = 1;", ["FIELD_SAME_CARDINALITY"]),
    ("optional int32 age = 7;", "int32 age = 7;", ["FIELD_SAME_CARDINALITY"]),
    ("repeated Part parts = 3;", "Part parts = 3;", ["FIELD_SAME_CARDINALITY"]),
    ("int64 id = 1;", "int64 id = 1 [jstype = JS_STRING];", ["FIELD_SAME_JSTYPE"]),
    ("    // A firm.\n    string firm = 9;\n  }\n", "  }\n  // A firm.\n  string firm = 9;\n", ["FIELD_SAME_ONEOF"]),
    ("oneof owner {", "oneof holder {", ["FIELD_SAME_ONEOF", "ONEOF_NO_DELETE"]),
    ("  // What it is called.\n  string name = 2;\n", "  // Named.\n  oneof called {\n    // A.\n    string name = 2;\n  }\n", ["FIELD_SAME_ONEOF"]),
    ("reserved 20, 30 to 39;", "reserved 30 to 39;", ["RESERVED_MESSAGE_NO_DELETE"]),
    ("reserved 20, 30 to 39;", "reserved 20, 30 to 38;", ["RESERVED_MESSAGE_NO_DELETE"]),
    ("reserved 20, 30 to 39;", "reserved 20, 30 to 34, 36 to 39;", ["RESERVED_MESSAGE_NO_DELETE"]),
    ('reserved "weight";', 'reserved "size";', ["RESERVED_MESSAGE_NO_DELETE"]),
    ('reserved "weight";', "// How much.\n  int64 weight = 11;", ["RESERVED_MESSAGE_NO_DELETE"]),
    ("  // Like grass.\n  COLOUR_GREEN = 2;\n", "",
     ["ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED", "ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED"]),
    ("  // Like grass.\n  COLOUR_GREEN = 2;\n", "  reserved 2;\n", ["ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED"]),
    ("COLOUR_GREEN = 2;", "COLOUR_GREEN = 3;", ["ENUM_VALUE_NO_DELETE"]),
    ("COLOUR_GREEN = 2;", "COLOUR_BLUE = 2;", ["ENUM_VALUE_SAME_NAME"]),
    ("KIND_DEAD = 1;", "KIND_ALIVE = 1;", ["ENUM_VALUE_SAME_NAME"]),
    ("reserved 7 to 9;", "reserved 7 to 8;", ["RESERVED_ENUM_NO_DELETE"]),
    ('  reserved "COLOUR_PINK";\n', "", ["RESERVED_ENUM_NO_DELETE"]),
    ("message Thing {", "message Object {", ["ENUM_NO_DELETE", "MESSAGE_NO_DELETE"]),  # with what is in it
    ("Place", "Spot", ["FIELD_SAME_TYPE", "MESSAGE_NO_DELETE"]),
    ("Colour", "Shade", ["ENUM_NO_DELETE", "ENUM_VALUE_PREFIX", "FIELD_SAME_TYPE"]),
])
def test_a_breaking_change_is_found(checkout, old, new, rules):
    checkout.plant(old, new)
    assert checkout.rules() == rules


@pytest.mark.parametrize("old, new", [
    (LAST_FIELD, '  reserved 10;\n  reserved "colour";\n'),  # the way to take a field away
    (LAST_FIELD, '  reserved 10 to 19;\n  reserved "colour";\n'),
    ("  // Like grass.\n  COLOUR_GREEN = 2;\n", '  reserved 2;\n  reserved "COLOUR_GREEN";\n'),
    (LAST_FIELD, LAST_FIELD + "  // New.\n  bool fresh = 11;\n"),
    ("    // A firm.\n", "    // New.\n    bool nobody = 11;\n    // A firm.\n"),
    ("  // Like grass.\n", "  // Like the sky.\n  COLOUR_BLUE = 3;\n  // Like grass.\n"),
    ("// A thing.\n", "// New.\nmessage Fresh {\n}\n\n// A thing.\n"),
    ("  // A place.\n", "  // New.\n  message Fresh {\n  }\n  // A place.\n"),
    ("reserved 20, 30 to 39;", "reserved 20, 25 to 34, 35 to 50;"),
    ("reserved 7 to 9;", "reserved 7, 8 to 12;"),
    ("// Its number.", "// Its number, in other words."),
    ("int64 height = 1;", "int64 height = 1 [deprecated = true];"),
])
def test_what_breaks_nobody_passes(checkout, old, new):
    checkout.plant(old, new)
    assert checkout.check() == ("against v1.2.0", [])


def test_a_new_file_passes(checkout):
    checkout.write("more.proto", '// A.\nsyntax = "proto3";\n\npackage acme.things.v1;\n')
    assert checkout.rules() == []


def test_the_order_does_not_count(checkout):
    checkout.plant(LAST_FIELD, "")
    checkout.plant("  // Its number.\n", LAST_FIELD + "  // Its number.\n")
    assert checkout.rules() == []


def test_a_file_that_is_gone_is_found(checkout):
    checkout.plant("  // Its parts.\n  repeated Part parts = 3;\n", '  reserved 3;\n  reserved "parts";\n')
    checkout.plant('import "acme/things/v1/parts.proto";\n', "")
    (checkout.root / FOLDER / "parts.proto").unlink()
    assert checkout.rules() == ["FILE_NO_DELETE"]


def test_a_message_that_moved_to_another_file_is_found(checkout):
    screw = PARTS[PARTS.index("// Nothing much."):]
    checkout.plant(screw, "", "parts.proto")
    checkout.plant("// A thing.\n", screw + "\n// A thing.\n")
    assert checkout.check()[1] == [f"{FOLDER}/parts.proto: message Screw is gone (MESSAGE_NO_DELETE)"]


def test_another_package_is_found(checkout):
    checkout.plant("package acme.things.v1;", "package acme.things.v2;", "parts.proto")
    checkout.plant("repeated Part", "repeated acme.things.v2.Part")
    assert checkout.rules() == ["FIELD_SAME_TYPE", "FILE_SAME_PACKAGE", "PACKAGE_DIRECTORY_MATCH"]


def test_another_place_of_generated_code_is_found(checkout):
    for name in ("things.proto", "parts.proto", "other.proto"):
        checkout.plant("package acme.things.v1;", "package acme.things.v1;\noption java_package = \"org.acme\";", name)
    assert checkout.rules() == ["FILE_SAME_JAVA_PACKAGE"]


def test_calls_of_a_service_are_compared(checkout):
    service = "// A.\nservice Making {\n  // A.\n  rpc Make(Part) returns (Part);\n  // A.\n  rpc Mend(Part) returns (Part);\n}\n"
    checkout.write("parts.proto", PARTS + service)
    checkout.release("v1.3.0")
    checkout.plant("rpc Make(Part)", "rpc Make(stream Screw)", "parts.proto")
    checkout.plant("  // A.\n  rpc Mend(Part) returns (Part);\n", "", "parts.proto")
    assert checkout.rules() == ["NO_SERVICE", "RPC_NO_DELETE", "RPC_SAME_CLIENT_STREAMING", "RPC_SAME_INPUT_TYPE"]
    checkout.write("parts.proto", PARTS)
    assert checkout.rules() == ["SERVICE_NO_DELETE"]


# ---- against what ----

def test_the_newest_release_behind_this_commit_counts(checkout):
    checkout.plant(LAST_FIELD, LAST_FIELD + "  // New.\n  bool fresh = 11;\n")
    checkout.release("v1.3.0")
    checkout.git("tag", "vendor-7")  # not a release
    checkout.plant("  // New.\n  bool fresh = 11;\n", "")
    checkout.commit()
    assert checkout.check()[0] == "against v1.3.0"
    assert checkout.rules() == ["FIELD_NO_DELETE_UNLESS_NAME_RESERVED", "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED"]
    assert checkout.check("v1.2.0") == ("against v1.2.0", [])


def test_without_a_release_there_is_nothing_to_break(checkout):
    checkout.git("tag", "--delete", "v1.2.0")
    checkout.plant(LAST_FIELD, "")
    assert checkout.check() == ("not checked, no release tag is behind this commit", [])
    assert "FIELD_NO_DELETE_UNLESS_NAME_RESERVED" in checkout.rules("HEAD")


def test_a_clone_without_history_has_no_release(checkout, tmp_path):
    checkout.commit()  # the tag is on the commit before
    clone = Checkout.__new__(Checkout)
    clone.root = tmp_path / "clone"
    checkout.git("clone", "--quiet", "--depth=1", "--no-tags", f"file://{checkout.root}", str(clone.root))
    assert clone.check() == ("not checked, no release tag is behind this commit", [])


def test_without_git_there_is_nothing_to_compare_with(checkout):
    shutil.rmtree(checkout.root / ".git")
    assert checkout.check() == ("not checked, this is no checkout of git", [])


def test_a_release_without_messages_has_nothing_to_break(checkout):
    shutil.move(checkout.root / "proto", checkout.root / "aside")
    checkout.release("v1.3.0")
    shutil.move(checkout.root / "aside", checkout.root / "proto")
    assert checkout.check() == ("against v1.3.0", [])


def test_an_unknown_commit_is_refused(checkout):
    assert checkout.check("nonsense") == (None, ["git knows no commit nonsense"])


def test_no_files_are_refused(checkout):
    shutil.rmtree(checkout.root / "proto")
    _, bad = checkout.check()
    assert len(bad) == 1 and bad[0].endswith("holds no .proto file"), bad
