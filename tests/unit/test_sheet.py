"""The contact sheet: sizes, what is drawn where, errors, and that files are whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from hamsight_core.errors import DiskFullError, UsageError
from hamsight_core.items import Box
from hamsight_core.show import sheet_page
from hamsight_core.show.lettering import cut_end, cut_middle, text_width, wrap
from hamsight_core.show.sheet import MatchCell, QueryCell, sheet_format
from hamsight_core.show.sheet_page import draw_sheet

MARGIN, TILE, PITCH = 40, 200, 220
QUERY_TOP = 78
MATCH_TOP = QUERY_TOP + 250 + 40 + 38
RED, GREEN, BLUE = (220, 20, 20), (20, 160, 20), (20, 20, 220)
TEXT = QueryCell("a dog", None)


@pytest.fixture
def photo(tmp_path):
    """Return a function that writes a picture of one colour and gives its path."""

    def make(name, colour=RED, size=(60, 60)):
        file = tmp_path / "photos" / name
        file.parent.mkdir(exist_ok=True)
        Image.new("RGB", size, colour).save(file)
        return str(file)

    return make


def match(uri, rank=1, label="photo.png", distance=3, similarity=0.5, query=0, boxes=()):
    return MatchCell(rank, label, uri, distance, similarity, query, boxes)


def drawn(path, queries, matches, **options):
    draw_sheet(queries, matches, path, **options)
    with Image.open(path) as image:
        return image.convert("RGB")


def middle(column, top=MATCH_TOP):
    return MARGIN + column * PITCH + TILE // 2, top + TILE // 2


def tile(image, column, top=MATCH_TOP):
    x = MARGIN + column * PITCH
    return image.crop((x, top, x + TILE, top + TILE))


def caption(image, column, top=MATCH_TOP):
    x = MARGIN + column * PITCH
    return image.crop((x, top + TILE, x + TILE, top + TILE + 50))


def test_queries_stand_above_the_matches_in_their_order(tmp_path, photo):
    queries = [QueryCell("blue.png", photo("blue.png", BLUE))]
    matches = [match(photo("red.png", RED)), match(photo("green.png", GREEN), rank=2)]
    image = drawn(tmp_path / "sheet.png", queries, matches)
    assert image.getpixel(middle(0, QUERY_TOP)) == BLUE
    assert image.getpixel(middle(0)) == RED
    assert image.getpixel(middle(1)) == GREEN
    assert image.getpixel(middle(2)) == (255, 255, 255)


def test_of_a_query_the_part_is_shown_that_is_asked_for(tmp_path):
    picture = Image.new("RGB", (200, 100), RED)
    picture.paste(BLUE, (100, 0, 200, 100))
    picture.save(tmp_path / "two.png")
    uri = str(tmp_path / "two.png")
    queries = [
        QueryCell("a part", uri, part=lambda width, height: (width // 2, 0, width, height)),
        QueryCell("an object", uri, crop=Box("", 20, 20, 40, 40)),
    ]
    image = drawn(tmp_path / "sheet.png", queries, [])
    assert image.getpixel(middle(0, QUERY_TOP)) == BLUE
    assert {image.getpixel((MARGIN + PITCH + n, QUERY_TOP + 100)) for n in (8, 190)} == {RED}


@pytest.mark.parametrize(
    ("number", "columns"), [(0, 4), (1, 4), (3, 4), (5, 5), (10, 5), (50, 10), (120, 10)]
)
def test_the_grid_grows_with_the_number_of_matches(tmp_path, photo, number, columns):
    uri = photo("a.png")
    image = drawn(tmp_path / "s.png", [TEXT], [match(uri, rank=i + 1) for i in range(number)])
    rows = -(-number // columns)
    assert image.width == 2 * MARGIN + columns * PITCH - 20
    assert image.height == MATCH_TOP + max(0, rows * 270 - 20) + MARGIN


def test_pictures_keep_their_aspect_ratio(tmp_path, photo):
    wide, tall = photo("wide.png", RED, (400, 100)), photo("tall.png", GREEN, (3, 3000))
    image = drawn(tmp_path / "s.png", [TEXT], [match(wide), match(tall)])
    first, second = tile(image, 0), tile(image, 1)
    assert [first.getpixel((100, y)) == RED for y in (70, 80, 120, 130)] == [
        False,
        True,
        True,
        False,
    ]
    assert first.getpixel((3, 100)) == RED
    assert second.getpixel((99, 100)) == GREEN
    assert second.getpixel((101, 100)) != GREEN


def test_a_picture_that_cannot_be_read_gives_a_card_with_the_reason(tmp_path, photo):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 nothing")
    matches = [match(str(tmp_path / "gone.jpg")), match(str(broken)), match(photo("a.png"))]
    image = drawn(tmp_path / "s.png", [QueryCell("gone", "/nowhere/gone.png")], matches)
    assert image.getpixel(middle(2)) == RED
    missing, damaged, query = tile(image, 0), tile(image, 1), tile(image, 0, QUERY_TOP)
    assert len(missing.getcolors(40_000)) > 5  # the words
    assert missing.tobytes() != damaged.tobytes()
    assert query.getpixel((100, 150)) == missing.getpixel((100, 150))


def test_words_rank_distance_similarity_and_label_show(tmp_path, photo):
    uri = photo("a.png")
    base = match(uri)
    others = [
        match(uri, rank=2),
        match(uri, distance=4),
        match(uri, distance=None),
        match(uri, similarity=0.6),
        match(uri, similarity=None),
        match(uri, label="other.png"),
    ]
    for other in others:
        image = drawn(tmp_path / "s.png", [TEXT], [base, other])
        assert caption(image, 0).tobytes() != caption(image, 1).tobytes(), other
    image = drawn(tmp_path / "s.png", [TEXT, QueryCell("a cat", None), TEXT], [base])
    words = [tile(image, column, QUERY_TOP).crop((3, 3, 197, 197)) for column in range(3)]
    assert words[0].tobytes() != words[1].tobytes()


def test_a_match_wears_the_colour_of_the_query_that_it_answers(tmp_path, photo):
    uri = photo("a.png")
    matches = [match(uri, query=1), match(uri, query=0), match(uri, query=None)]
    image = drawn(tmp_path / "s.png", [TEXT, QueryCell("a cat", None)], matches)
    frames = [tile(image, column, QUERY_TOP).getpixel((1, 1)) for column in range(2)]
    assert frames[0] != frames[1]
    for column, frame, other in ((0, frames[1], frames[0]), (1, frames[0], frames[1])):
        colours = {colour for _, colour in caption(image, column).getcolors(20_000)}
        assert frame in colours
        assert other not in colours
    plain = {colour for _, colour in caption(image, 2).getcolors(20_000)}
    assert not plain & set(frames)


def test_boxes_are_drawn_in_scale_and_clipped(tmp_path, photo):
    uri = photo("a.png", RED, (400, 400))
    boxes = (Box("dog", 100, 100, 200, 200),)
    wild = (Box("x", -50, float("nan"), 9999, float("inf")), Box("y", 500, 500, 10, -3))
    matches = [match(uri, boxes=boxes), match(uri, boxes=wild)]
    boxed = tile(drawn(tmp_path / "s.png", [TEXT], matches), 0)
    assert boxed.getpixel((100, 100)) == RED
    assert boxed.getpixel((30, 100)) == RED
    for edge in ((50, 100), (150, 100), (100, 50), (100, 150)):
        assert boxed.getpixel(edge) != RED


def test_only_so_many_are_drawn_and_the_footer_says_so(tmp_path, photo, monkeypatch):
    monkeypatch.setattr(sheet_page, "MOST_MATCHES", 6)
    uri = photo("a.png")
    cells = [match(uri, rank=i + 1) for i in range(9)]
    all_drawn = drawn(tmp_path / "six.png", [TEXT], cells[:6])
    cut = drawn(tmp_path / "nine.png", [TEXT], cells)
    assert cut.width == all_drawn.width
    assert cut.height == all_drawn.height + 24
    footer = cut.crop((0, all_drawn.height - MARGIN, cut.width, cut.height))
    assert len(footer.getcolors(100_000)) > 5
    assert (
        sheet_page._footer(100, 2000) == "Shown: first 40 of 100 queries, first 6 of 2,000 matches"
    )
    assert sheet_page._footer(40, 6) == ""


def test_the_largest_sheet_fits_every_format():
    columns = sheet_page._columns(sheet_page.MOST_QUERIES, sheet_page.MOST_MATCHES)
    sections = (sheet_page.MOST_QUERIES, sheet_page.MOST_MATCHES)
    height = 200 + sum(sheet_page._section_height(cells, columns) for cells in sections)
    assert height < 16_383


@pytest.mark.parametrize(
    ("name", "format"),
    [("a.png", "PNG"), ("a.JPG", "JPEG"), ("a.jpeg", "JPEG"), ("a.webp", "WEBP")],
)
def test_the_suffix_chooses_the_format(tmp_path, photo, name, format):
    draw_sheet([TEXT], [match(photo("a.png"))], tmp_path / name)
    with Image.open(tmp_path / name) as image:
        assert image.format == format
    assert sheet_format(Path(name)) == format


@pytest.mark.parametrize("name", ["a.gif", "a", "a.png.txt", ".png"])
def test_another_suffix_is_an_error_that_names_those_allowed(tmp_path, name):
    with pytest.raises(UsageError, match=r"\.jpeg, \.jpg, \.png, \.webp"):
        draw_sheet([TEXT], [], tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_folder_is_an_error(tmp_path):
    (tmp_path / "out.png").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        draw_sheet([TEXT], [], tmp_path / "out.png")


def test_missing_folders_are_made_and_a_file_is_replaced(tmp_path, photo):
    path = tmp_path / "new" / "deep" / "s.png"
    first = drawn(path, [TEXT], [match(photo("a.png"))])
    second = drawn(path, [TEXT], [match(photo("b.png", BLUE))])
    assert (first.getpixel(middle(0)), second.getpixel(middle(0))) == (RED, BLUE)
    assert [file.name for file in path.parent.iterdir()] == ["s.png"]


def test_a_place_that_cannot_be_written_is_a_usage_error(tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(UsageError, match=r"s\.png cannot be written"):
        draw_sheet([TEXT], [], file / "s.png")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "s.png"
    draw_sheet([TEXT], [], path)
    before = path.read_bytes()

    def half(self, file, *args, **kwargs):
        Path(file).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", half)
    with pytest.raises(DiskFullError, match="No space left on device"):
        draw_sheet([QueryCell("other", None)], [], path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "label",
    [
        "",
        "\x1b[2J\n\r\x00\u202e",
        "x" * 100_000,
        "名前 🐕 привет é 👩‍💻",
        "\ud800",
        "\u0301" * 50,
        "a\tb",
    ],
)
def test_any_label_can_be_drawn(tmp_path, photo, label):
    uri = photo("a.png")
    image = drawn(tmp_path / "s.png", [QueryCell(label, None)], [match(uri, label=label)])
    assert image.width == 2 * MARGIN + 4 * PITCH - 20


def test_long_labels_keep_the_end_of_the_file_name_and_fit():
    label = "a/very/long/path/" * 30 + "IMG_0001.jpg"
    cut = cut_middle(label, 13, 200)
    assert cut.startswith("a/very")
    assert "…" in cut
    assert cut.endswith("IMG_0001.jpg")
    assert text_width(cut, 13) <= 200
    assert cut_middle("short.jpg", 13, 200) == "short.jpg"
    assert cut_end("word " * 50, 13, 100).endswith("…")


def test_words_wrap_within_their_card():
    lines = wrap("a dog and a cat " * 3 + "incomprehensibilities" * 4, 14, 168, 20)
    assert all(text_width(line, 14) <= 168 for line in lines)
    assert "".join(lines).replace(" ", "") == ("adogandacat" * 3 + "incomprehensibilities" * 4)
    cut = wrap("a dog and a cat " * 50, 14, 168, 3)
    assert len(cut) == 3
    assert cut[-1].endswith("…")
    assert wrap("  ", 14, 168, 3) == []


def test_importing_the_sheet_does_not_import_pillow():
    code = (
        "import sys, hamsight_core.show.sheet, hamsight_core.show.formats;"
        "print('PIL' in sys.modules, 'pyarrow' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    found = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert found.stdout.split() == ["False", "False"], found.stderr
