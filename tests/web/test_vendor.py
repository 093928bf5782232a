"""What is vendored is what its makers published."""

import base64
import hashlib
import json

import pytest

from workbench.web.render import STATIC

VENDOR = STATIC / "vendor"
MANIFEST = json.loads((VENDOR / "manifest.json").read_text())


@pytest.mark.parametrize("entry", MANIFEST, ids=lambda entry: entry["file"])
def test_a_vendored_file_has_its_hash_its_licence_and_its_version(entry):
    digest = hashlib.sha384((VENDOR / entry["file"]).read_bytes()).digest()
    assert entry["sha384"] == "sha384-" + base64.b64encode(digest).decode()
    assert (VENDOR / entry["licence_file"]).read_text().strip()
    assert entry["version"]
    assert entry["licence"]


def test_every_vendored_script_is_in_the_manifest():
    assert {path.name for path in VENDOR.glob("*.js")} == {entry["file"] for entry in MANIFEST}
