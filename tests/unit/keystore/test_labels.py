"""Labels: what constructs, what does not, and that text and label are one to one."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2xpki.errors import KeystoreError
from v2xpki.keystore import KeyLabel

authorities = st.from_regex(r"[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,3}){0,2}", fullmatch=True)
labels = st.builds(KeyLabel, authorities, st.sampled_from(["sign", "encrypt"]), st.integers(1, 10**6))


@given(labels)
def test_text_and_label_are_one_to_one(label):
    assert KeyLabel.parse(label.text) == label
    assert str(label) == label.text


def test_a_label_reads_as_authority_use_generation():
    assert KeyLabel("ea", "sign", 1).text == "ea-sign-1"
    assert KeyLabel.parse("ota-root-encrypt-12") == KeyLabel("ota-root", "encrypt", 12)


@given(st.text(max_size=20))
def test_any_other_text_is_refused_or_comes_back_the_same(text):
    with suppress(KeystoreError):
        assert KeyLabel.parse(text).text == text


@pytest.mark.parametrize(
    "text",
    ["", "ea", "ea-sign", "ea-sign-", "ea-sign-0", "ea-sign-01", "ea-carry-1", "-sign-1", "EA-sign-1",
     "ea-sign-x", "ea-sign-1 ", "e a-sign-1", "ea-sign-١"],
)  # fmt: skip
def test_illegal_texts_are_no_labels(text):
    with pytest.raises(KeystoreError):
        KeyLabel.parse(text)


@pytest.mark.parametrize(
    ("authority", "use", "generation"),
    [("", "sign", 1), ("EA", "sign", 1), ("ea-", "sign", 1), ("ea", "verify", 1), ("ea", "sign", 0)],
)
def test_illegal_labels_do_not_construct(authority, use, generation):
    with pytest.raises(KeystoreError):
        KeyLabel(authority, use, generation)


@given(labels, labels)
def test_object_ids_are_as_different_as_labels(one, other):
    assert len(one.object_id) == 16
    assert (one.object_id == other.object_id) == (one == other)
