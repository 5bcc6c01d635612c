"""The voxel store: what goes in comes out, whole or not at all."""

import gzip
import os
import shutil
import time
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from ctworkbench.core.errors import StudyError
from ctworkbench.core.store import VoxelStore, content_key
from ctworkbench.core.volume import Volume, write_nifti
from tests.core.heads import head


def test_that_an_image_comes_back_as_it_was_put(tmp_path: Path) -> None:
    store, image = VoxelStore(tmp_path), head()
    back = store.get(store.put(image))
    assert np.array_equal(back.voxels, image.voxels)
    assert back.voxels.dtype == image.voxels.dtype
    assert np.allclose(back.affine, image.affine, atol=1e-5)


def test_that_the_same_image_is_kept_once_however_it_was_packed(tmp_path: Path) -> None:
    store, image = VoxelStore(tmp_path / "store"), head()
    key = store.put(image)
    write_nifti(image, tmp_path / "a.nii")
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress((tmp_path / "a.nii").read_bytes(), 9, mtime=7))
    assert store.put_file(tmp_path / "b.nii.gz") == key
    assert store.put(Volume(np.ascontiguousarray(image.voxels), image.affine)) == key
    assert list(store.keys()) == [key]


def test_that_another_place_or_another_voxel_is_another_image() -> None:
    image = head()
    moved = image.affine.copy()
    moved[0, 3] += 1
    changed = image.voxels.copy()
    changed[3, 4, 5] += 1
    keys = {content_key(image), content_key(Volume(image.voxels, moved)), content_key(Volume(changed, image.affine))}
    assert len(keys) == 3


def test_that_an_altered_and_a_missing_image_are_found(tmp_path: Path) -> None:
    store = VoxelStore(tmp_path)
    altered, missing, whole = (store.put(head(seed)) for seed in range(3))
    write_nifti(head(9), store.path(altered))
    store.path(missing).unlink()
    assert "altered" in str(store.verify(altered))
    assert "missing" in str(store.verify(missing))
    assert store.verify(whole) is None
    with pytest.raises(StudyError, match="missing"):
        store.get(missing)


def test_that_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage(NamedTuple):
        total: int
        used: int
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(1000, 999, 1))
    store = VoxelStore(tmp_path)
    with pytest.raises(StudyError, match="disk is full"):
        store.put(head())
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_that_a_write_that_fails_midway_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    store = VoxelStore(tmp_path)
    with pytest.raises(StudyError, match="No space left"):
        store.put(head())
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_that_gc_removes_what_nothing_names_and_half_written_files_once_they_are_old(tmp_path: Path) -> None:
    store, day = VoxelStore(tmp_path), timedelta(days=1)
    kept, orphan, again = (store.put(head(seed)) for seed in (1, 2, 3))
    part = store.path(kept).with_name(".abc.part")
    part.write_bytes(b"half")
    assert store.older_than(day) == []
    for path in (store.path(kept), store.path(orphan), store.path(again), part):
        os.utime(path, (time.time() - 90_000,) * 2)
    found, size = store.older_than(day), store.path(orphan).stat().st_size
    assert len(found) == 4
    store.put(head(3))  # somebody puts it again between the look and the removal
    assert sorted(store.gc([kept], found, day)) == [4, size]
    assert sorted(store.keys()) == sorted([kept, again])
    assert not store.path(orphan).exists()
    assert not part.exists()
