"""The data: shapes, scales, and where they come from."""

from pathlib import Path

import numpy as np
import pytest

from optlib.problems import datasets

FOLDER = Path(datasets.__file__).with_name("data")


def test_digits_are_split_into_1297_for_training_and_500_held_out():
    data = datasets.digits()
    assert data.x.shape == (1297, 64)
    assert data.x_test.shape == (500, 64)
    assert data.y.shape == (1297,)
    assert data.y_test.shape == (500,)
    assert data.classes == 10
    assert np.bincount(data.y).min() > 100
    assert np.bincount(data.y_test).min() > 30


def test_digit_pixels_are_centred_on_the_training_images_and_doubled():
    data = datasets.digits()
    images, labels = datasets.digit_images()
    assert images.shape == (1797, 8, 8)
    assert (images.min(), images.max()) == (0, 16)
    np.testing.assert_allclose(data.x.mean(0), 0.0, atol=1e-14)
    back = 16 * (data.x_test / 2 + images[:1297].reshape(1297, 64).mean(0) / 16)
    np.testing.assert_allclose(back, images[1297:].reshape(500, 64), atol=1e-12)
    np.testing.assert_array_equal(labels, np.concatenate([data.y, data.y_test]))


def test_words_are_sorted_by_frequency():
    ids, vocab = datasets.words()
    assert ids.shape == (135_964,)
    assert len(vocab) == 1000
    assert vocab[:3] == ("the", "and", "i")
    counts = np.bincount(ids)
    assert len(counts) == 1001
    assert (np.diff(counts[:1000]) <= 0).all()


def test_data_are_read_once_and_cannot_be_overwritten():
    assert datasets.digits() is datasets.digits()
    assert datasets.words()[0] is datasets.words()[0]
    for array in (datasets.digits().x, datasets.digits().y_test, datasets.digit_images()[0], datasets.words()[0]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_every_data_file_has_its_source_licence_and_maker_beside_it():
    readme = (FOLDER / "README.md").read_text(encoding="utf8")
    for file in FOLDER.glob("*.npz"):
        section = readme.split(f"## {file.name}")[1].split("\n## ")[0]
        assert "**Source**" in section
        assert "**Licence**" in section
        assert f"make_{file.stem}.py" in section
        assert (FOLDER / f"make_{file.stem}.py").exists()
    assert "CC BY 4.0" in readme
    assert "10.24432/C50P49" in readme
    assert {file.stem for file in FOLDER.glob("*.npz")} == {"digits", "words"}
    assert sum(file.stat().st_size for file in FOLDER.iterdir() if file.is_file()) < 300_000
