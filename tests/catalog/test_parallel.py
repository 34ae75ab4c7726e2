from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tagger.catalog import parallel
from tagger.catalog.parallel import decode_photos
from tagger.config import PhotoConfig
from tagger.errors import CatalogError, PhotoError

PHOTO = PhotoConfig(height=16, width=16)


@pytest.fixture
def shades(tmp_path):
    """Forty photos, each of a grey of its own, and a broken one in the middle."""
    paths = []
    for shade in range(40):
        paths.append(tmp_path / f"{shade}.png")
        Image.new("L", (16, 16), shade).save(paths[-1])
    paths[20].write_text("broken")
    return paths


def shade(decoded):
    return str(decoded) if isinstance(decoded, PhotoError) else int(decoded[0, 0, 0])


def test_photos_come_in_their_order_and_a_broken_one_as_its_error(shades):
    found = [shade(decoded) for decoded in decode_photos(shades, PHOTO)]
    assert found[:20] == list(range(20))
    assert "not a photo" in found[20]
    assert found[21:] == list(range(21, 40))


def test_processes_give_the_same_as_one_alone(shades, monkeypatch):
    alone = [shade(decoded) for decoded in decode_photos(shades, PHOTO)]
    monkeypatch.setattr(parallel, "_ALONE", 0.0)
    monkeypatch.setattr(parallel, "_CHUNK", 3)
    monkeypatch.setattr(parallel, "usable_cores", lambda: 2)
    assert [shade(decoded) for decoded in decode_photos(shades, PHOTO)] == alone


def test_a_script_without_a_guard_runs_once(shades):
    script = f"""
from tagger.catalog import parallel
from tagger.config import PhotoConfig
print("started")
parallel._ALONE, parallel.usable_cores = 0.0, lambda: 2
print(sum(1 for photo in parallel.decode_photos({[str(path) for path in shades]}, PhotoConfig())))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-"], input=script, env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("started\n40\n", "")


def test_no_process_outlives_its_parent(shades):
    script = f"""
import itertools, multiprocessing
from tagger.catalog import parallel
from tagger.config import PhotoConfig
parallel._ALONE, parallel.usable_cores = 0.0, lambda: 2
for _ in parallel.decode_photos(itertools.cycle({[str(path) for path in shades]}), PhotoConfig()):
    for child in multiprocessing.active_children():
        print(child.pid, flush=True)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{child}").exists()


def test_a_process_that_dies_is_told(shades, monkeypatch):
    monkeypatch.setattr(parallel, "_ALONE", 0.0)
    monkeypatch.setattr(parallel, "usable_cores", lambda: 2)
    monkeypatch.setattr(parallel, "_follow_parent", sys.exit)
    with pytest.raises(CatalogError, match="died"):
        list(decode_photos(shades, PHOTO))


def test_an_endless_stream_is_read_only_as_far_as_needed(shades):
    decoded = decode_photos(itertools.cycle(shades[:5]), PHOTO)
    assert [shade(photo) for photo in itertools.islice(decoded, 12)] == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]
    decoded.close()


def test_no_photos_give_nothing():
    assert list(decode_photos([], PHOTO)) == []


def test_pixels_can_be_changed(shades):
    first = next(decode_photos(shades, PHOTO))
    assert isinstance(first, np.ndarray)
    first += 1
