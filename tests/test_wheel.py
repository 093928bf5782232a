"""What is installed from a wheel is whole: templates, static files and migrations travel with it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(["uv", "build", "--wheel", "--out-dir", folder, ROOT], capture_output=True, text=True)
    if built.returncode and "uv" not in built.stderr:
        pytest.skip("the build backend cannot be had without a network")
    assert built.returncode == 0, built.stderr
    return next(folder.glob("*.whl"))


def test_templates_static_files_and_migrations_are_in_the_wheel(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for page in (ROOT / "templates").rglob("*.html"):
        assert f"workbench/{page.relative_to(ROOT).as_posix()}" in names
    for folder in ("static", "admin/static"):
        for path in (ROOT / "workbench" / "web" / folder).rglob("*"):
            if path.is_file():
                assert path.relative_to(ROOT).as_posix() in names
    assert any(name.startswith("workbench/store/migrations/versions/0001") for name in names)
    assert not any(name.startswith(("tests/", "notebooks/")) for name in names)


def test_a_page_is_drawn_from_an_unpacked_wheel(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        "import workbench, sys; from litestar.testing import TestClient; from workbench.desk import open_desk;"
        "from workbench.web.app import create_app; assert 'site' in workbench.__file__;"
        "client = TestClient(create_app(open_desk(':memory:')), base_url='http://127.0.0.1:8000').__enter__();"
        "answer = client.get('/paper-trading/'); print(answer.status_code, len(answer.text) > 2000);"
        'import re; style = re.search(\'href="([^"]+look[^"]*css[^"]*)"\', answer.text)[1];'
        "print(client.get(style).status_code); client.__exit__(None, None, None)"
    )
    shown = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "site", capture_output=True, text=True)
    assert shown.stdout.split() == ["200", "True", "200"], shown.stderr
