"""Archives of strangers: whatever is in them, one error."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tagger.arrays import read_archive
from tagger.errors import BundleError


def read(path: Path) -> dict[str, np.ndarray]:
    return read_archive(path, 10**6, dict)


def pack(path: Path, content: bytes, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("values.npy", content)
    return path


def header(shape: str, descr: str = "'<f4'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_writes_is_read(tmp_path: Path, save) -> None:
    arrays = {
        "rows": np.arange(6, dtype=np.float16).reshape(2, 3), "columns": np.asfortranarray(np.eye(3, 2)),
        "none": np.zeros((0, 4), np.int32), "one": np.array(7), "words": np.array(["a", "été"]),
        "yes": np.array([True, False]),
    }  # fmt: skip
    save(tmp_path / "a.npz", **arrays)
    found = read(tmp_path / "a.npz")
    assert list(found) == list(arrays)
    for name, values in arrays.items():
        np.testing.assert_array_equal(found[name], values)
        assert found[name].dtype == values.dtype


@pytest.mark.parametrize("shape", ["(10**14,)", "(100000000000000,)", "(3, 99999999999, 99999999999999)", "(2,)"])
def test_more_values_than_the_file_has(tmp_path: Path, shape: str) -> None:
    with pytest.raises(BundleError, match="Copy the bundle again"):
        read(pack(tmp_path / "a.npz", header(shape) + b"1234"))


def test_what_is_no_array(tmp_path: Path) -> None:
    pickled = io.BytesIO()
    np.save(pickled, np.array([{}], dtype=object), allow_pickle=True)
    for content in (b"", b"PK", b"\x93NUMPY\x09\x00", header("(1,)", "'|O'") + bytes(8), pickled.getvalue()):
        with pytest.raises(BundleError, match="Copy the bundle again"):
            read(pack(tmp_path / "a.npz", content))


def test_bytes_that_changed_on_the_way(tmp_path: Path) -> None:
    whole = pack(tmp_path / "a.npz", header("(1000,)") + np.random.default_rng(0).bytes(4000)).read_bytes()
    for at in range(0, len(whole), 7):
        (tmp_path / "b.npz").write_bytes(whole[:at] + bytes(3) + whole[at + 3 :])
        try:
            read(tmp_path / "b.npz")  # some bytes, such as a date, mean nothing
        except BundleError as error:
            assert "Copy the bundle again" in str(error)


def test_packed_as_numpy_does_not(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="NumPy doesn't write"):
        read(pack(tmp_path / "a.npz", header("(1,)") + b"1234", zipfile.ZIP_BZIP2))
