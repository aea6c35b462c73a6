"""A policy survives its file, and says in one sentence what is wrong with one that does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantization import NumberType, RecipeError
from quantization.policy import KeptLayer, Policy, read_policy

LAYERS = st.builds(
    KeptLayer,
    layer=st.text(min_size=1, max_size=20),
    number=st.sampled_from([NumberType.FLOAT16, NumberType.FLOAT32]),
    reason=st.text(max_size=30),
)


@given(st.lists(LAYERS, max_size=5, unique_by=lambda entry: entry.layer))
def test_round_trip(entries: list[KeptLayer]) -> None:
    policy = Policy("int8_static", tuple(entries))
    assert Policy.from_toml(policy.to_toml(), "here") == policy


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("version = 2\nrecipe = 'x'", "reads version 1"),
        ("recipe = 'x'", "version None"),
        ("version = 1", "names no recipe"),
        ("version = 1\nrecipe = 'x'\nkept = []", "unknown key 'kept'"),
        ("version = 1\nrecipe = 'x'\n[[keep]]\nlayer = 'a'\ntype = 'int8'", "write float16 or float32"),
        ("version = 1\nrecipe = 'x'\n[[keep]]\ntype = 'float16'", "needs layer"),
        ("version = 1\nrecipe = 'x'\nkeep = [3]", "is no table"),
        ("version = ", "not a readable TOML"),
        ("version = 1\nrecipe = 'x'" + 2 * "\n[[keep]]\nlayer = 'a'\ntype = 'float16'", "'a' twice"),
    ],
)
def test_bad_files(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=says):
        read_policy(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"there is no policy .*nowhere\.toml; check the path"):
        read_policy(tmp_path / "nowhere.toml")
