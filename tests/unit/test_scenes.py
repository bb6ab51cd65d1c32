from __future__ import annotations

import json
import time

import numpy as np
import pytest
from PIL import Image

from hamsight.demo.scenes import draw_scene, write_dataset
from hamsight.demo.scenes.captions import Said, group_words
from hamsight.demo.scenes.content import COLOURS, SHAPES
from hamsight_core.errors import UsageError


@pytest.fixture(scope="module")
def scenes():
    rng = np.random.default_rng(77)
    return [draw_scene(rng) for _ in range(200)]


def test_a_seed_gives_the_same_scene():
    once, again = (draw_scene(np.random.default_rng(5)) for _ in range(2))
    assert once.image.tobytes() == again.image.tobytes()
    assert once.captions == again.captions
    assert once.boxes == again.boxes
    other = draw_scene(np.random.default_rng(6))
    assert other.captions != once.captions


def test_scenes_vary_and_stay_within_their_bounds(scenes):
    assert {scene.image.mode for scene in scenes} == {"RGB"}
    assert all(192 <= side <= 320 for scene in scenes for side in scene.image.size)
    assert len({scene.image.size for scene in scenes}) > 150
    groups = [group for scene in scenes for group in scene.groups]
    assert {len(scene.groups) for scene in scenes} == {1, 2, 3, 4}
    assert {group.shape for group in groups} == set(SHAPES)
    assert {group.colour for group in groups} == set(COLOURS)
    assert {group.count for group in groups} == {1, 2, 3, 4, 5}
    assert {group.size for group in groups} == {"small", "medium", "large"}
    assert len({group.place for group in groups}) == 9
    assert len({scene.background.kind for scene in scenes}) == 9


def test_boxes_count_the_shapes_and_lie_in_the_picture(scenes):
    for scene in scenes:
        labels = [box.label for box in scene.boxes]
        assert {label: labels.count(label) for label in labels} == {
            group.shape: group.count for group in scene.groups
        }
        for box in scene.boxes:
            assert box.x >= 0 and box.y >= 0 and box.width > 8 and box.height > 8
            assert box.x + box.width <= scene.image.width
            assert box.y + box.height <= scene.image.height


def test_boxes_enclose_what_is_drawn_in_the_colour(scenes):
    for scene in scenes:
        if scene.background.kind != "plain":
            continue
        pixels = np.asarray(scene.image).astype(int)
        backdrop = pixels[0, 0]
        seen = np.zeros(pixels.shape[:2], bool)
        for box in scene.boxes:
            left, top = int(box.x), int(box.y)
            window = slice(top, top + int(box.height)), slice(left, left + int(box.width))
            assert (np.abs(pixels[window] - backdrop).max(axis=2) > 30).mean() > 0.15, box
            seen[window] = True
        strong = np.abs(pixels - backdrop).max(axis=2) > 130
        assert not (strong & ~seen).any(), "a shape reaches out of its box"


def test_captions_say_what_is_there(scenes):
    words = {"circle": ("circle", "disc"), "cross": ("cross", "plus sign")}
    words |= {"ring": ("ring", "hoop"), "moon": ("moon", "crescent")}
    for scene in scenes:
        assert len(scene.captions) >= 2
        for caption in scene.captions:
            for group in scene.groups:
                assert any(word in caption for word in words.get(group.shape, (group.shape,)))
    assert len({caption for scene in scenes for caption in scene.captions}) > 550


def test_articles_and_plurals():
    rng = np.random.default_rng(3)
    text = " | ".join(caption for _ in range(600) for caption in draw_scene(rng).captions)
    for wrong in (" a orange", " a arrow", "crosss", " a image", "  ", "None"):
        assert wrong not in text
    for right in ("an orange", "crosses", "plus signs"):
        assert right in text
    arrows = {group_words(rng, Said(count=1, shape="arrow")) for _ in range(50)}
    assert arrows == {"an arrow", "one arrow", "a single arrow", "1 arrow"}


def test_the_dataset_is_whole_and_agrees_with_its_pictures(tmp_path):
    write_dataset(tmp_path, count=60, seed=4)
    sizes = {"train": 50, "val": 10}
    for subset, size in sizes.items():
        instances = json.loads((tmp_path / f"annotations/instances_{subset}.json").read_text())
        captions = json.loads((tmp_path / f"annotations/captions_{subset}.json").read_text())
        assert {"info", "licenses", "images", "annotations", "categories"} == set(instances)
        assert instances["images"] == captions["images"]
        images = {image["id"]: image for image in instances["images"]}
        assert len(images) == size == len(list((tmp_path / subset).iterdir()))
        for image in images.values():
            with Image.open(tmp_path / subset / image["file_name"]) as picture:
                assert picture.size == (image["width"], image["height"])
        assert [category["name"] for category in instances["categories"]] == list(SHAPES)
        names = {category["id"]: category["name"] for category in instances["categories"]}
        for box in instances["annotations"]:
            x, y, width, height = box["bbox"]
            image = images[box["image_id"]]
            assert 0 <= x <= x + width <= image["width"]
            assert 0 <= y <= y + height <= image["height"]
            assert box["area"] == width * height and box["iscrowd"] == 0
            assert box["category_id"] in names
        assert {box["image_id"] for box in instances["annotations"]} == set(images)
        assert {caption["image_id"] for caption in captions["annotations"]} == set(images)
        for document in (instances, captions):
            ids = [annotation["id"] for annotation in document["annotations"]]
            assert len(set(ids)) == len(ids)


def test_the_same_seed_writes_the_same_files(tmp_path):
    for name in ("a", "b"):
        write_dataset(tmp_path / name, count=12, seed=9)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*"))
    assert len(files) == 16
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_stopped_run_leaves_no_annotations(tmp_path, monkeypatch):
    write_dataset(tmp_path, count=6, seed=1)
    drawn = 0

    def stop_after_three(rng):
        nonlocal drawn
        drawn += 1
        if drawn > 3:
            raise KeyboardInterrupt
        return draw_scene(rng)

    monkeypatch.setattr("hamsight.demo.scenes.coco.draw_scene", stop_after_three)
    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path, count=6, seed=2)
    assert list((tmp_path / "annotations").iterdir()) == []


def test_a_dataset_needs_two_scenes(tmp_path):
    with pytest.raises(UsageError, match="2 or more"):
        write_dataset(tmp_path, count=1)


def test_drawing_is_fast_enough_for_the_demo():
    rng = np.random.default_rng(0)
    start = time.process_time()
    for _ in range(100):
        draw_scene(rng)
    assert time.process_time() - start < 5
