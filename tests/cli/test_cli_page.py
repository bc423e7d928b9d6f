"""The commands that serve the page: what they refuse, and how they open a browser."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import pytest
from click.testing import CliRunner
from console import Run

from flowkit import Client
from flowkit.cli import main
from flowkit.cli.page import address_of, name_of, opened
from flowkit.cli.page_actor import acting_client
from flowkit.cli.page_password import read_password
from flowkit.dashboard import packages
from flowkit.dashboard.access import TokenAccess
from flowkit.embedded import EmbeddedServer
from flowkit.settings import Settings

ADDRESS = "http://127.0.0.1:8420/?token=a-secret"


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was given to the browser, which can be seen by all accounts of the machine."""
    words: list[str] = []
    monkeypatch.setattr(click, "launch", words.append)
    for name in ("WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    return words


def test_no_command_line_shows_the_token(launched: list[str]) -> None:
    """``ps`` shows the command line of the browser to every account."""
    with opened(ADDRESS):
        assert "a-secret" not in launched[0]
        file = Path(unquote(urlsplit(launched[0]).path))
        assert f'content="0; url={ADDRESS}"' in file.read_text()
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert not file.parent.exists()


def test_a_browser_is_opened_only_if_wanted_and_on_a_screen(
    launched: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a server, a browser that draws text would take the terminal."""
    with opened(ADDRESS, wanted=False):
        assert launched == []
    monkeypatch.setenv("DISPLAY", "")
    monkeypatch.setattr("sys.platform", "linux")
    with opened(ADDRESS):
        assert launched == []


def test_the_page_is_served_without_a_browser_if_the_file_cannot_be_written(
    launched: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(**options: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("flowkit.cli.page.TemporaryDirectory", full)
    with opened(ADDRESS):
        assert launched == []
    assert "no file can be written: No space left on device." in capsys.readouterr().err


def test_the_address_has_the_token_unless_there_is_a_password() -> None:
    access = TokenAccess("flowkit-1")
    assert address_of("::1", 1, access) == f"http://[::1]:1/?token={access.token}"
    assert address_of("h", 1, TokenAccess("flowkit-1", "twelve letters")) == "http://h:1/"


def test_names_are_those_of_a_host_header() -> None:
    hosts = ("127.0.0.1", "runs.example", "2001:db8::1", "0.0.0.0", "::")
    names = ["127.0.0.1", "runs.example", "[2001:db8::1]", "127.0.0.1", "[::1]"]
    assert [name_of(host) for host in hosts] == names


@pytest.mark.parametrize("words", [["dashboard"], ["dev", "--app", "chain.py", "--dashboard"]])
def test_without_the_extra_the_command_says_what_to_install(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "missing_packages", lambda: "uvicorn, jinja2")
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    assert (
        "The dashboard needs uvicorn, jinja2. Install them: pip install 'flowkit[dashboard]'"
        in done.stderr
    )


def password_of(host: str, file: Path | None, **environ: str) -> str | None:
    return read_password(host, file, environ)


def test_an_address_that_others_can_reach_needs_a_password(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("twelve letters\n")
    file.chmod(0o600)
    assert password_of("127.0.0.1", None) is None
    assert password_of("localhost", None) is None
    with pytest.raises(click.UsageError, match=r"Others can reach 0\.0\.0\.0: give"):
        password_of("0.0.0.0", None)
    assert password_of("0.0.0.0", file, FLOWKIT_DASHBOARD_PASSWORD="ignored") == "twelve letters"
    named = {"FLOWKIT_DASHBOARD_PASSWORD_FILE": str(file)}
    assert password_of("0.0.0.0", None, **named) == "twelve letters"
    assert password_of("::", None, FLOWKIT_DASHBOARD_PASSWORD="other letters") == "other letters"


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"FLOWKIT_DASHBOARD_PASSWORD": ""}, "must be one line: a password of 12 to 1,000"),
        ({"FLOWKIT_DASHBOARD_PASSWORD": "short"}, "FLOWKIT_DASHBOARD_PASSWORD must be one line"),
        ({"FLOWKIT_DASHBOARD_PASSWORD_FILE": " "}, "is set but blank"),
        ({"FLOWKIT_DASHBOARD_PASSWORD_FILE": "/nowhere"}, "/nowhere cannot be read: No such file"),
        (
            {"FLOWKIT_DASHBOARD_PASSWORD": "x", "FLOWKIT_DASHBOARD_PASSWORD_FILE": "x"},
            "are both set; unset one of them",
        ),
    ],
)
def test_a_setting_that_has_no_password(environ: dict[str, str], problem: str) -> None:
    with pytest.raises(click.UsageError) as raised:
        password_of("127.0.0.1", None, **environ)
    assert problem in raised.value.message


@pytest.mark.parametrize(
    ("content", "mode", "problem"),
    [
        (b"short", 0o600, "must be one line: a password of 12 to 1,000 characters"),
        (b"two lines of\npassword", 0o600, "must be one line"),
        (b"x" * 5_000, 0o600, "must be one line"),
        (b"\xff" * 20, 0o600, "is not UTF-8"),
        (b"a good password", 0o666, "every account can write"),
    ],
)
def test_a_file_that_has_no_password(
    tmp_path: Path, content: bytes, mode: int, problem: str
) -> None:
    file = tmp_path / "password"
    file.write_bytes(content)
    file.chmod(mode)
    with pytest.raises(click.UsageError) as raised:
        password_of("127.0.0.1", file)
    assert problem in raised.value.message


def test_a_password_that_others_can_read_is_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "password"
    file.write_text("a good password")
    file.chmod(0o644)
    assert password_of("127.0.0.1", file) == "a good password"
    said = capsys.readouterr().err
    assert "Other accounts of this machine can read the password. Run: chmod 600" in said
    assert "a good password" not in said


def test_a_command_with_no_password_says_so(flowkit: Run) -> None:
    done = flowkit("dashboard", "--host", "0.0.0.0", "--redis", "redis://localhost")
    assert done.returncode == 2
    assert "Others can reach 0.0.0.0" in done.stderr


# -- who acts -------------------------------------------------------------------------------------


@pytest.fixture
def reader(fake_server: EmbeddedServer, namespace: str) -> Iterator[Client]:
    with Client(Settings(redis_url=fake_server.url, namespace=namespace)) as client:
        yield client


def test_the_page_acts_as_it_reads_unless_it_is_told_otherwise(
    reader: Client, tmp_path: Path
) -> None:
    file = tmp_path / "url"
    file.write_text(f"{reader.url}\n")
    file.chmod(0o600)
    with click.Context(main) as context:
        assert acting_client(context, reader, None, {"FLOWKIT_ACT_REDIS_URL": " "}) is reader
        for given in ((file, {}), (None, {"FLOWKIT_ACT_REDIS_URL": reader.url})):
            actor = acting_client(context, reader, *given)
            assert actor is not reader
            assert actor.settings == reader.settings


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty: write the URL"),
        ("redis://:secret@a#other", "is of another system: it has the namespaces other"),
        ("redis://:secret@a#x redis://:secret@b#x", "is of another system"),
        ("http://:secret@a", "is not allowed"),
    ],
)
def test_a_url_to_act_with_that_does_not_fit_is_refused(
    reader: Client, tmp_path: Path, text: str, words: str
) -> None:
    file = tmp_path / "url"
    file.write_text(text)
    file.chmod(0o600)
    with click.Context(main) as context, pytest.raises(click.UsageError) as refused:
        acting_client(context, reader, file, {})
    assert words in str(refused.value)
    assert "secret" not in str(refused.value)
    with click.Context(main) as context, pytest.raises(click.UsageError, match="No such file"):
        acting_client(context, reader, tmp_path / "none", {})
