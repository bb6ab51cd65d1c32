"""Every kind of image file ends as an upright 8-bit RGB picture, or as an error with a reason."""

import io
import random
import struct
import sys
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from hamsight_core.errors import ImageError
from hamsight_core.images.decode import decode

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *chunks: bytes) -> bytes:
    """A PNG made by hand, for kinds that Pillow does not write."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pixel(data: bytes, at: tuple[int, int] = (0, 0)) -> tuple[int, ...]:
    picture = decode(data)
    assert picture.image.mode == "RGB"
    assert picture.image.size == (picture.width, picture.height)
    return picture.image.getpixel(at)


def greys(data: bytes) -> list[int]:
    array = np.asarray(decode(data).image)
    assert (array == array[..., :1]).all()
    return array[..., 0].ravel().tolist()


def photo(width: int = 48, height: int = 32) -> Image.Image:
    ramp = np.linspace(0, 255, width * height).reshape(height, width)
    return Image.fromarray(
        np.stack([ramp, ramp.T.reshape(height, width), 255 - ramp], 2).astype("u1")
    )


def test_an_rgb_jpeg_keeps_size_and_type():
    picture = decode(encoded(photo(), "JPEG"))
    assert (picture.width, picture.height) == (48, 32)
    assert (picture.orientation, picture.format) == (1, "JPEG")


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "PPM", "QOI"])
def test_lossless_types_come_back_pixel_for_pixel(format):
    picture = decode(encoded(photo(), format))
    assert picture.format == format
    assert picture.image.tobytes() == photo().tobytes()


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("1", 1, (255, 255, 255)),
        ("L", 77, (77, 77, 77)),
        ("LA", (77, 255), (77, 77, 77)),
        ("LA", (0, 0), (255, 255, 255)),
        ("RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("RGBA", (10, 20, 30, 0), (255, 255, 255)),
        ("RGBA", (0, 0, 0, 51), (204, 204, 204)),
    ],
)
def test_greyscale_and_alpha_lie_over_white(mode, colour, expected):
    assert pixel(encoded(Image.new(mode, (3, 2), colour), "PNG")) == expected


def test_half_transparent_webp_lies_over_white():
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    assert pixel(encoded(image, "WEBP", lossless=True)) == (255, 255, 255)


def test_palettes_with_and_without_transparency():
    image = Image.new("P", (2, 1))
    image.putpalette([200, 10, 20, 30, 40, 50])
    image.putpixel((1, 0), 1)
    for format in ("PNG", "GIF"):
        opaque = encoded(image, format)
        assert [pixel(opaque), pixel(opaque, (1, 0))] == [(200, 10, 20), (30, 40, 50)]
        clear = encoded(image, format, transparency=0)
        assert [pixel(clear), pixel(clear, (1, 0))] == [(255, 255, 255), (30, 40, 50)]


@pytest.mark.parametrize(
    ("mode", "clear", "other"), [("L", 7, 8), ("RGB", (1, 2, 3), (1, 2, 4)), ("1", 0, 1)]
)
def test_a_transparent_colour_is_white(mode, clear, other):
    image = Image.new(mode, (2, 1), clear)
    image.putpixel((1, 0), other)
    data = encoded(image, "PNG", transparency=clear)
    expected = image.convert("RGB").getpixel((1, 0))
    assert [pixel(data), pixel(data, (1, 0))] == [(255, 255, 255), expected]


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk_has_its_colours(format):
    image = Image.new("RGB", (16, 16), (200, 30, 60)).convert("CMYK")
    assert np.abs(np.subtract(pixel(encoded(image, format)), (200, 30, 60))).max() <= 3


def test_ycck_jpeg_has_its_colours():
    cyan, magenta, yellow, black = 40, 180, 90, 30
    luma, blue, red = (
        Image.new("RGB", (1, 1), (cyan, magenta, yellow)).convert("YCbCr").getpixel((0, 0))
    )
    # Pillow stores CMYK inverted, as Adobe does; the marker's last byte then says YCCK.
    stored = Image.new("CMYK", (16, 16), (255 - luma, 255 - blue, 255 - red, black))
    data = bytearray(encoded(stored, "JPEG", quality=100))
    data[data.index(b"\xff\xee") + 15] = 2
    expected = Image.new("CMYK", (1, 1), (cyan, magenta, yellow, black)).convert("RGB")
    assert np.abs(np.subtract(pixel(bytes(data)), expected.getpixel((0, 0)))).max() <= 3


def test_sixteen_bit_greyscale_is_scaled_not_wrapped():
    values = np.array([[0, 128, 129, 257, 32896, 65407, 65535]], dtype=np.uint16)
    expected = [0, 0, 1, 1, 128, 255, 255]
    for format in ("PNG", "TIFF"):
        assert greys(encoded(Image.fromarray(values), format)) == expected
    assert greys(b"P5 7 1 65535\n" + values.astype(">u2").tobytes()) == expected
    big_endian = png(7, 1, 16, 0, b"\0" + values.astype(">u2").tobytes())
    assert greys(big_endian) == expected


def test_a_dark_sixteen_bit_image_stays_dark():
    values = np.full((2, 2), 200, dtype=np.uint16)
    assert set(greys(encoded(Image.fromarray(values), "PNG"))) == {1}
    assert set(greys(b"P5 2 2 65535\n" + values.astype(">u2").tobytes())) == {1}


def test_every_sixteen_bit_value_is_the_nearest_257th():
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    expected = np.rint(values / 257).astype(int).ravel().tolist()
    assert greys(encoded(Image.fromarray(values), "PNG")) == expected


def test_sixteen_bit_greyscale_with_a_transparent_value():
    rows = b"\0" + np.array([0x1234, 0x1235], dtype=">u2").tobytes()
    assert greys(png(2, 1, 16, 0, rows, chunk(b"tRNS", b"\x12\x34"))) == [255, 0x12]


def test_sixteen_bit_colour_and_alpha():
    rgb = b"\0" + np.array([0x1200, 0x80FF, 0xFFFF], dtype=">u2").tobytes()
    assert pixel(png(1, 1, 16, 2, rgb)) == (0x12, 0x80, 0xFF)
    clear = chunk(b"tRNS", rgb[1:])
    assert pixel(png(1, 1, 16, 2, rgb, clear)) == (255, 255, 255)
    rgba = b"\0" + np.array([0, 0, 0, 0], dtype=">u2").tobytes()
    assert pixel(png(1, 1, 16, 6, rgba)) == (255, 255, 255)
    grey_alpha = b"\0" + np.array([0x4000, 0xFFFF], dtype=">u2").tobytes()
    assert pixel(png(1, 1, 16, 4, grey_alpha)) == (0x40, 0x40, 0x40)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([0.0, 257.0, 65535.0], [0, 1, 255]),
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([float("nan"), float("inf"), 1.0], [0, 255, 255]),
        ([5.0, 5.0, 5.0], [5, 5, 5]),
    ],
)
def test_floats_are_scaled(values, expected):
    data = encoded(Image.fromarray(np.array([values], dtype=np.float32)), "TIFF")
    assert greys(data) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 100, 255], [0, 100, 255]),
        ([0, 257, 65535], [0, 1, 255]),
        ([-1000, 0, 1000], [0, 128, 255]),
        ([0, 1_000_000_000, 2_000_000_000], [0, 128, 255]),
    ],
)
def test_integers_of_32_bits_are_scaled(values, expected):
    data = encoded(Image.fromarray(np.array([values], dtype=np.int32)), "TIFF")
    assert greys(data) == expected


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF", "MPO"])
def test_the_first_frame_is_taken(format):
    first, second = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    data = encoded(first, format, save_all=True, append_images=[second])
    assert np.abs(np.subtract(pixel(data), (255, 0, 0))).max() <= 4


def test_a_phone_picture_of_two_images_counts_as_jpeg():
    data = encoded(photo(), "MPO", save_all=True, append_images=[photo()])
    assert decode(data).format == "JPEG"


TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_come_out_upright(format, orientation):
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:16, :16] = (255, 0, 0)
    upright[16:, :16] = (0, 255, 0)
    stored = Image.fromarray(np.ascontiguousarray(TURNS[orientation](upright)))
    exif = Image.Exif()
    exif[274] = orientation
    lossless = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95, "subsampling": 0}}
    picture = decode(encoded(stored, format, exif=exif, **lossless.get(format, {})))
    assert (picture.width, picture.height, picture.orientation) == (48, 32, orientation)
    assert np.abs(np.asarray(picture.image).astype(int) - upright).max() < 30


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
@pytest.mark.parametrize("orientation", [3, 6])
def test_avif_is_read_upright(orientation):
    exif = Image.Exif()
    exif[274] = orientation
    picture = decode(encoded(photo(), "AVIF", exif=exif))
    assert (picture.format, picture.orientation) == ("AVIF", orientation)
    assert (picture.width, picture.height) == ((48, 32) if orientation == 3 else (32, 48))


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_heic_is_read_upright(orientation):
    heif = pytest.importorskip("pillow_heif", reason="the extra heic is not installed")
    stored = Image.new("RGB", (48, 32), (20, 160, 220))
    stored.paste((220, 30, 40), (0, 0, 16, 16))
    exif = Image.Exif()
    exif[274] = orientation
    out = io.BytesIO()
    heif.from_pillow(stored).save(out, exif=exif.tobytes(), quality=90)
    picture = decode(out.getvalue())
    assert (picture.format, picture.orientation) == ("HEIF", 1)
    assert (picture.width, picture.height) == ((32, 48) if orientation == 6 else (48, 32))
    corner = {1: (6, 6), 3: (42, 26), 6: (26, 6)}[orientation]
    assert np.abs(np.subtract(picture.image.getpixel(corner), (220, 30, 40))).max() < 30


def test_transparent_heic_lies_over_white():
    heif = pytest.importorskip("pillow_heif", reason="the extra heic is not installed")
    out = io.BytesIO()
    heif.from_pillow(Image.new("RGBA", (32, 32), (0, 0, 0, 0))).save(out, quality=90)
    assert min(pixel(out.getvalue(), (16, 16))) > 245


@pytest.mark.parametrize("brands", [b"heic", b"heix", b"mif1\0\0\0\0mif1heic", b"msf1\0\0\0\0hevc"])
def test_heic_without_its_package_names_the_extra(brands, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    data = struct.pack(">I", 8 + len(brands)) + b"ftyp" + brands + b"\0" * 40
    with pytest.raises(ImageError) as caught:
        decode(data)
    assert "a HEIC image, which needs the package pillow-heif" in str(caught.value)
    assert "pip install 'hamsight[heic]'" in str(caught.value)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_truncated_heic_is_refused(kept):
    heif = pytest.importorskip("pillow_heif", reason="the extra heic is not installed")
    out = io.BytesIO()
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    heif.from_pillow(noise).save(out, quality=90)
    data = out.getvalue()
    with pytest.raises(ImageError, match="HEIF"):
        decode(data[: int(len(data) * kept)])


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0rubbish", b"Exif\0\0II*\0\xff\xff\xff\xff"]
)
def test_malformed_exif_counts_as_absent(exif):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = decode(encoded(photo(), "JPEG", exif=exif))
    assert (picture.width, picture.height, picture.orientation) == (48, 32, 1)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_out_of_range_counts_as_absent(value):
    exif = Image.Exif()
    exif[274] = value
    for format in ("JPEG", "TIFF"):
        assert decode(encoded(photo(), format, exif=exif)).orientation == 1


def test_an_icc_profile_leaves_the_pixels_as_they_are():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert pixel(encoded(Image.new("RGB", (4, 4), (9, 8, 7)), "PNG", icc_profile=profile)) == (
        9,
        8,
        7,
    )


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM"])
def test_one_pixel(format):
    picture = decode(encoded(Image.new("RGB", (1, 1)), format))
    assert (picture.width, picture.height) == (1, 1)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"<!DOCTYPE html><html>", "not an image: HTML text"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image: an SVG drawing"),
        (b"%PDF-1.7", "not an image: a PDF document"),
        (b"PK\x03\x04abc", "not an image: a zip archive"),
        (b"hello, world\n", "not an image: text"),
        (b"\0" * 100, "not an image: 100 bytes, all zero"),
        (b"\x01\x02\xfe\xff", "not an image: of no known type"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"\0\0\0\x14ftypisom\0\0\0\0avc1", "a video or another ISO media file"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image: PostScript"),
    ],
)
def test_what_is_no_image_says_what_it_is(data, reason):
    with pytest.raises(ImageError) as caught:
        decode(data)
    assert reason in str(caught.value)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_refused(format, kept):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    data = encoded(noise, format)
    with pytest.raises(ImageError) as caught:
        decode(data[: int(len(data) * kept)])
    assert "\n" not in str(caught.value)
    if format in ("JPEG", "PNG"):
        assert f"truncated {format}" in str(caught.value)


def test_a_tiff_without_data_for_its_last_rows_is_refused():
    data = bytearray(encoded(Image.new("L", (9, 9), 200), "TIFF"))
    height = data.index(struct.pack("<HHI", 257, 4, 1)) + 8
    data[height : height + 4] = struct.pack("<I", 1000)
    with pytest.raises(ImageError, match="truncated TIFF: data for 9 of 1000 rows"):
        decode(bytes(data))


def test_more_pixels_than_the_limit_are_refused_before_they_are_decoded():
    data = png(50_000, 50_000, 8, 2, b"")
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ImageError, match=r"50000 x 50000 = 2500000000 .* limit of 200000000"):
            decode(data)
    assert time.perf_counter() - started < 5
    with pytest.raises(ImageError, match=r"48 x 32 = 1536 pixels, more than the limit of 1535"):
        decode(encoded(photo(), "JPEG"), max_pixels=1535)
    assert decode(encoded(photo(), "JPEG"), max_pixels=1536).width == 48


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "BMP", "PPM"])
def test_the_limit_is_ours_and_not_pillows(format, monkeypatch):
    data = encoded(photo(), format)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode(data).width == 48


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "TIFF"])
def test_damaged_files_end_in_a_picture_or_an_error(format):
    whole = encoded(photo(24, 20), format)
    dice = random.Random(format)
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(400):
            data = bytearray(whole)
            if dice.random() < 0.3:
                del data[dice.randrange(len(data)) :]
            else:
                for _ in range(dice.choice((1, 2, 8))):
                    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
            try:
                picture = decode(bytes(data), max_pixels=1_000_000)
            except ImageError as error:
                assert str(error)
                assert "\n" not in str(error)
            else:
                assert picture.image.mode == "RGB"
    assert time.perf_counter() - started < 20


def test_many_threads_decode_at_once():
    files = [encoded(photo(), format) for format in ("JPEG", "PNG", "GIF", "WEBP", "TIFF")] * 20
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(decode, files))
    for file, picture in zip(files, together, strict=True):
        assert picture.image.tobytes() == decode(file).image.tobytes()


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not here")
@pytest.mark.parametrize("folder", ["coco128", "flowers", "emoji", "flickr8k-2000/images"])
def test_real_files(folder):
    files = sorted(f for f in (DATA / folder).rglob("*") if f.suffix in (".jpg", ".png"))[:60]
    for file in files:
        picture = decode(file.read_bytes())
        assert picture.format == {".jpg": "JPEG", ".png": "PNG"}[file.suffix]
        assert picture.image.mode == "RGB"


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize(
    ("least", "expected"),
    [(None, (400, 240)), (121, (400, 240)), (120, (200, 120)), (61, (200, 120)), (60, (100, 60))],
)
def test_large_jpegs_are_decoded_smaller(orientation, least, expected):
    exif = Image.Exif()
    exif[274] = orientation
    y, x = np.mgrid[0:240, 0:400]
    colours = np.stack([x * 255 / 399, y * 255 / 239, x * 0 + 90], 2).astype(np.uint8)
    data = encoded(Image.fromarray(colours), "JPEG", quality=95, exif=exif)
    whole, picture = decode(data), decode(data, least=least)
    turned = orientation >= 5
    assert picture.image.size == (expected[::-1] if turned else expected)
    assert (picture.width, picture.height) == ((240, 400) if turned else (400, 240))
    assert (picture.width, picture.height) == whole.image.size
    assert picture.orientation == orientation
    shrunk = np.asarray(whole.image.resize(picture.image.size, Image.Resampling.BOX)).astype(int)
    assert np.abs(np.asarray(picture.image) - shrunk).max() <= 4


def test_other_types_are_decoded_whole():
    for format in ("PNG", "WEBP", "BMP"):
        data = encoded(Image.new("RGB", (400, 240), "teal"), format)
        assert decode(data, least=10).image.size == (400, 240)
