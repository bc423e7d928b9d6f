"""Signatures of values: what was signed for one place is believed there and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from strangers import give_away, needs_root

from flowkit.codec.packing import BrokenValue, pack, unpack
from flowkit.codec.provenance import Provenance, cache_purpose, params_purpose, result_purpose
from flowkit.exceptions import SettingsError, UntrustedValue
from flowkit.settings import Settings, load_settings

KEY, OTHER = b"k" * 16, b"o" * 16
PLACE = ("flowkit", "run", "1000", "d" * 64)
RESULT, CACHE = result_purpose(*PLACE, 3), cache_purpose("flowkit", "e" * 32)
PACKED = pack({"a": 1})
ONE = Provenance([KEY])


def refused(provenance: Provenance, stored: bytes, purpose: tuple[str, ...] | object) -> str:
    with pytest.raises(UntrustedValue) as caught:
        provenance.open(stored, purpose, "the result")  # type: ignore[arg-type]
    return str(caught.value)


def test_a_value_is_trusted_only_for_its_signed_purposes() -> None:
    stored = ONE.sign(PACKED, RESULT, CACHE)
    assert ONE.open(stored, RESULT, "it") == ONE.open(stored, CACHE, "it") == PACKED
    assert ONE.open(ONE.sign(b"", CACHE), CACHE, "it") == b""
    assert len(ONE.sign(PACKED, RESULT)) == len(PACKED) + 18


@pytest.mark.parametrize(
    "elsewhere",
    [
        result_purpose(*PLACE, 4),
        result_purpose("other", *PLACE[1:], 3),
        result_purpose("flowkit", "run2", *PLACE[2:], 3),
        result_purpose("flowkit", "run", "1001", "d" * 64, 3),
        result_purpose("flowkit", "run", "1000", "e" * 64, 3),
        result_purpose("flowkit", "run1", "000", "d" * 64, 3),  # the same text, cut elsewhere
        params_purpose("flowkit", "run", "d" * 64),
        cache_purpose("flowkit", "e" * 32),
    ],
)
def test_a_value_moved_elsewhere_is_refused(elsewhere: tuple[str, ...]) -> None:
    assert "was signed for another place" in refused(ONE, ONE.sign(PACKED, RESULT), elsewhere)


def test_every_changed_byte_is_noticed() -> None:
    stored = ONE.sign(PACKED, RESULT)
    for at in range(len(stored)):
        refused(ONE, stored[:at] + bytes([stored[at] ^ 1]) + stored[at + 1 :], RESULT)
        refused(ONE, stored[:at], RESULT)
    refused(ONE, stored + b"\0", RESULT)
    refused(ONE, b"\xc1\xff" + stored[2:] * 200, RESULT)


def test_processes_with_different_keys_get_a_clear_error() -> None:
    assert "has no signature" in refused(ONE, PACKED, RESULT)
    assert "FLOWKIT_SIGNING_KEY='NEW OLD'" in refused(
        Provenance([OTHER]), ONE.sign(PACKED, RESULT), RESULT
    )
    nobody = Provenance()
    assert nobody.sign(PACKED, RESULT) == PACKED
    assert nobody.open(PACKED, RESULT, "it") == PACKED
    with pytest.raises(BrokenValue, match="is signed, and this process has no signing key"):
        unpack(nobody.open(ONE.sign(PACKED, RESULT), RESULT, "it"))


def test_keys_rotate_the_first_signs_and_all_verify() -> None:
    both = Provenance([OTHER, KEY])
    assert both.open(ONE.sign(PACKED, RESULT), RESULT, "it") == PACKED
    assert Provenance([OTHER]).open(both.sign(PACKED, RESULT), RESULT, "it") == PACKED
    refused(ONE, both.sign(PACKED, RESULT), RESULT)
    with pytest.raises(ValueError, match="at least 16 bytes"):
        Provenance([b"short"])


def test_the_key_comes_from_the_environment_or_a_file_and_is_never_shown(tmp_path) -> None:  # type: ignore[no-untyped-def]
    secret = "s3cret-" * 4
    path = tmp_path / "key"
    path.write_text(secret + "\n")
    for environ in ({"FLOWKIT_SIGNING_KEY": secret}, {"FLOWKIT_SIGNING_KEY_FILE": str(path)}):
        settings = load_settings(cwd=tmp_path, environ=environ)
        assert settings.signing_key == secret
        assert "s3cret" not in repr(settings)
    for environ, words in (
        ({"FLOWKIT_SIGNING_KEY": "s3cret"}, "at least 16 bytes"),
        ({"FLOWKIT_SIGNING_KEY": f"{secret} s3cret"}, "at least 16 bytes"),
        ({"FLOWKIT_SIGNING_KEY": secret, "FLOWKIT_SIGNING_KEY_FILE": "x"}, "are both set"),
        ({"FLOWKIT_SIGNING_KEY_FILE": str(tmp_path / "none")}, "cannot be read: No such file"),
        ({"FLOWKIT_SIGNING_KEY": ""}, "FLOWKIT_SIGNING_KEY is set but blank"),
        ({"FLOWKIT_SIGNING_KEY": " \n"}, "FLOWKIT_SIGNING_KEY is set but blank"),
        ({"FLOWKIT_SIGNING_KEY_FILE": ""}, "FLOWKIT_SIGNING_KEY_FILE is set but blank"),
        ({"FLOWKIT_SIGNING_KEY": "", "FLOWKIT_SIGNING_KEY_FILE": str(path)}, "set but blank"),
    ):
        with pytest.raises(SettingsError, match=words) as caught:
            load_settings(cwd=tmp_path, environ=environ)
        assert "s3cret" not in str(caught.value)
    (tmp_path / "pyproject.toml").write_text(f'[tool.flowkit]\nsigning-key = "{secret}"')
    with pytest.raises(SettingsError, match="unknown key") as caught:
        load_settings(cwd=tmp_path, environ={})
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(Settings(signing_key=secret))


def load_key(path: Path) -> str | None:
    environ = {"FLOWKIT_SIGNING_KEY_FILE": str(path)}
    return load_settings(cwd=path.parent, environ=environ).signing_key


def test_a_key_file_is_read_whole_or_refused(tmp_path: Path) -> None:
    """One that was cut would be another key, which signs what nobody accepts."""
    path = tmp_path / "key"
    path.write_text("s3cret-" * 9 + " " * 2**16)
    with pytest.raises(SettingsError, match="has more than 65,536 bytes"):
        load_key(path)
    path.write_text(" \n")
    with pytest.raises(SettingsError, match="is empty"):
        load_key(path)
    path.write_bytes(b"\xff" * 30)
    with pytest.raises(SettingsError, match="is not UTF-8"):
        load_key(path)


def test_a_key_file_that_others_can_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("s3cret-" * 9)
    link = tmp_path / "link"  # as Kubernetes mounts secrets
    link.symlink_to(path)
    assert load_key(link) == "s3cret-" * 9
    path.chmod(0o666)
    for name in (path, link):
        with pytest.raises(SettingsError, match="every account can write") as caught:
            load_key(name)
        assert "s3cret" not in str(caught.value)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(SettingsError, match="is not a regular file"):
        load_key(path)


@needs_root
def test_a_key_file_of_another_account_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("s3cret-" * 9)
    with pytest.raises(SettingsError, match="belongs to the account 'nobody'"):
        load_key(give_away(path))
