from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagger.catalog.duplicates import group_near_duplicates


def groups_by_brute_force(hashes: list[int], distance: int) -> list[int]:
    groups = list(range(len(hashes)))
    for left in range(len(hashes)):
        for right in range(left):
            if (hashes[left] ^ hashes[right]).bit_count() <= distance:
                old, new = groups[left], groups[right]
                groups = [new if group == old else group for group in groups]
    numbers: dict[int, int] = {}
    return [numbers.setdefault(group, len(numbers)) for group in groups]


# Flips of few bits, low and high, so that chains and near misses are common.
flips = st.lists(st.integers(0, 63), max_size=5).map(lambda bits: sum(1 << bit for bit in set(bits)))
near_hashes = st.lists(
    st.tuples(st.sampled_from([0, 2**64 - 1, 0xDEADBEEF01234567]), flips).map(lambda pair: pair[0] ^ pair[1]),
    max_size=25,
)


@given(near_hashes, st.integers(0, 3))
def test_groups_are_those_of_comparing_all_pairs(hashes, distance):
    found = group_near_duplicates(np.array(hashes, dtype=np.uint64), distance)
    assert found.dtype == np.int64
    assert found.tolist() == groups_by_brute_force(hashes, distance)


@pytest.mark.parametrize(("distance", "expected"), [(0, [0, 1, 2, 3]), (1, [0, 0, 0, 1]), (3, [0, 0, 0, 0])])
def test_a_chain_of_near_photos_is_one_group(distance, expected):
    hashes = np.array([0b0, 0b1, 0b11, 0b11111], dtype=np.uint64)
    assert group_near_duplicates(hashes, distance).tolist() == expected


def test_many_identical_photos_are_one_group_at_once():
    assert group_near_duplicates(np.zeros(200_000, dtype=np.uint64), 3).max() == 0


def test_many_different_photos_stay_alone():
    hashes = np.random.default_rng(0).integers(0, 2**64, 50_000, dtype=np.uint64)
    assert group_near_duplicates(hashes, 3).tolist() == list(range(50_000))


def test_no_photos_have_no_groups():
    assert group_near_duplicates(np.empty(0, dtype=np.uint64), 1).shape == (0,)
