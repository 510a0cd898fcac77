"""tools/check-openapi finds what it is there for: each planted mistake is complained of."""

import importlib.machinery
import importlib.util
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPENAPI = ROOT / "docs" / "openapi.yaml"


@pytest.fixture(scope="module")
def checker():
    loader = importlib.machinery.SourceFileLoader("check_openapi", str(ROOT / "tools" / "check-openapi"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("check_openapi", loader))
    loader.exec_module(module)
    return module


def test_the_document_is_clean(checker):
    assert checker.Document(OPENAPI).check() == []


@pytest.mark.parametrize("old, new, complaint", [
    ("openapi: 3.1.0", "openapi: 3.0.3", "is not 3.1"),
    ("operationId: login", "operationID: login", "operationId is missing"),
    ("operationId: getUser\n", "operationId: login\n", "the operationId login is there twice"),
    ("components/parameters/Cursor'", "components/parameters/Curser'", "leads nowhere"),
    ("    TraceParent:\n", "    Unused:\n      name: x\n      in: query\n      schema: {type: string}\n    TraceParent:\n", "used by nothing"),
    ("tags: [feed]", "tags: [feeds]", "there is no tag feeds"),
    ("/user/get/{id}:", "/user/get/{user}:", "the path's parameters are not ['id']"),
    ("minLength: 1", "minlength: 1", "minlength is no word of a schema"),
    ("type: integer", "type: int", "int"),
    ("password: correct horse", "password: 5", "5 is not of type 'string'"),
    ("example: '178412309504000002'", "example: '0178412309504000002'", "does not match"),
    ("x-message: freshet.v1.Token", "x-message: freshet.v1.Tokens", "no message of proto/freshet/v1"),
    ("        '415':\n          $ref: '#/components/responses/UnsupportedType'\n", "", "does not say what 415 is"),
    ("        default:\n          $ref: '#/components/responses/Refused'\n", "", "does not say what default is"),
    ("      required: true\n      schema:\n        $ref: '#/components/schemas/Id'", "      schema:\n        $ref: '#/components/schemas/Id'",
     "a parameter of the path is required"),
    ("required: [id, text, author_user_id, created_at]", "required: [id, txt]", "txt is required and not described"),
])
def test_a_mistake_is_found(checker, tmp_path, old, new, complaint):
    text = OPENAPI.read_text(encoding="utf-8")
    assert old in text, f"the document has no {old!r} any more"
    broken = tmp_path / "openapi.yaml"
    broken.write_text(text.replace(old, new, 1), encoding="utf-8")
    bad = checker.Document(broken).check()
    assert [line for line in bad if complaint in line], bad


def test_a_problem_in_one_form_only_is_found(checker):
    document = checker.Document(OPENAPI)
    del document.tree["components"]["responses"]["BadRequest"]["content"]["application/json"]
    assert [line for line in document.check() if "a problem is told in" in line]


def test_json_without_protobuf_is_found(checker):
    document = checker.Document(OPENAPI)
    del document.tree["paths"]["/post/get/{id}"]["get"]["responses"]["200"]["content"]["application/x-protobuf"]
    assert [line for line in document.check() if "not in protobuf" in line]
