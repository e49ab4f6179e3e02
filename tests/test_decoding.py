"""An image file becomes the pixels a person would see, or a reason why not."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from roskdbench.data.decoding import PixelForm, UnreadableError, decode

RANDOM = np.random.default_rng(0)


def encoded(image, form="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def smooth(width=96, height=64, mode="RGB"):
    """A picture without hard edges."""
    rows, columns = np.mgrid[0:height, 0:width] / max(width, height)
    waves = [np.sin(3 * rows + c) + np.cos(4 * columns * (c + 1)) for c in range(3)]
    array = ((np.stack(waves, -1) + 2) / 4 * 255).astype(np.uint8)
    return Image.fromarray(array).convert(mode)


def crop_of(image, size):
    """The middle square, resized in one step without scaled decoding."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    array = np.asarray(square.resize((size, size), Image.Resampling.BICUBIC)).astype(float)
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_mode_gives_the_colours_it_shows(mode, channels):
    picture = smooth(mode="RGB" if mode in ("RGBA", "P") else "L").convert(mode)
    if mode in ("RGBA", "LA"):
        picture.putalpha(255)
    found = decode(encoded(picture), PixelForm(32, "crop", channels))
    assert found.shape == (channels, 32, 32)
    assert found.dtype == np.uint8
    wanted = crop_of(picture.convert("RGB").convert("L" if channels == 1 else "RGB"), 32)
    assert np.abs(found - wanted).mean() < 1.5


def test_grey_saved_as_rgba_is_that_grey_to_the_bit():
    """ChestX-ray14 has some such films."""
    grey = RANDOM.integers(0, 256, (32, 32), dtype=np.uint8)
    film = np.stack([grey, grey, grey, np.full_like(grey, 255)], -1)
    assert np.array_equal(decode(encoded(Image.fromarray(film)), PixelForm(32, "crop", 1))[0], grey)


def test_an_alpha_channel_does_not_darken_what_it_covers():
    picture = smooth(32, 32)
    faint = picture.copy()
    faint.putalpha(40)
    assert np.array_equal(
        decode(encoded(faint), PixelForm(32, "crop", 3)), decode(encoded(picture), PixelForm(32, "crop", 3))
    )


@pytest.mark.parametrize("size", [28, 64, 224])
def test_scaled_decoding_of_a_jpeg_stays_close_to_a_full_one(size):
    picture = smooth(1024, 768)
    data = encoded(picture, "JPEG", quality=95)
    found = decode(data, PixelForm(size, "crop", 3))
    assert np.abs(found - crop_of(Image.open(io.BytesIO(data)), size)).mean() < 0.6


def test_shrinking_does_not_alias():
    """Stripes finer than the pixels become an even grey."""
    stripes = np.tile(np.array([0, 255], np.uint8), (512, 256))
    found = decode(encoded(Image.fromarray(stripes)), PixelForm(32, "crop", 1))
    assert np.abs(found.astype(int) - 127).max() <= 2


def test_cropping_keeps_the_middle_and_padding_keeps_all():
    wide = Image.new("RGB", (96, 32), "red")
    ImageDraw.Draw(wide).rectangle((32, 0, 63, 31), fill="blue")
    cropped = decode(encoded(wide), PixelForm(32, "crop", 3))
    assert np.array_equal(cropped[:, 5, 5], [0, 0, 255])
    assert np.array_equal(cropped[:, 16, 30], [0, 0, 255])
    padded = decode(encoded(wide), PixelForm(96, "pad", 3))
    assert np.array_equal(padded[:, 10, 48], [0, 0, 0])
    assert np.array_equal(padded[:, 48, 10], [255, 0, 0])
    assert np.array_equal(padded[:, 48, 48], [0, 0, 255])
    assert (padded.max((0, 2)) > 0).sum() == 32


def test_a_turned_photograph_is_set_upright():
    picture = smooth(64, 64)
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    turned = encoded(picture.rotate(180), "JPEG", quality=100, exif=exif, subsampling=0)
    upright = decode(encoded(picture, "JPEG", quality=100, subsampling=0), PixelForm(64, "crop", 3))
    assert np.abs(decode(turned, PixelForm(64, "crop", 3)).astype(int) - upright).mean() < 1


def png16():
    return encoded(Image.fromarray(RANDOM.integers(0, 65536, (32, 32), dtype=np.uint16)))


def rgb16():
    """A 16-bit colour PNG, which Pillow would read as 8 bits without a word."""
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)
    rows = b"".join(b"\0" + bytes(8 * 6) for _ in range(8))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "0 bytes"),
        (b"not an image at all", "not an image"),
        (png16(), "16-bit PNG; convert it to 8 bits"),
        (rgb16(), "16-bit PNG; convert it to 8 bits"),
        (encoded(smooth(512, 512), "JPEG")[:9000], "truncated"),
        (encoded(smooth(), "PNG")[:-400], "truncated"),
        (encoded(Image.fromarray(np.zeros((16, 16), np.float32)), "TIFF"), "pixels of mode F; convert it to 8 bits"),
    ],
    ids=["empty", "text", "grey 16", "colour 16", "JPEG cut", "PNG cut", "float TIFF"],
)
def test_what_cannot_be_used_has_a_reason(data, reason):
    with pytest.raises(UnreadableError) as error:
        decode(data, PixelForm(32, "crop", 3))
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_flipped_bytes_never_raise_anything_else():
    whole = bytearray(encoded(smooth(), "PNG"))
    for position in range(0, len(whole), 7):
        broken = whole.copy()
        broken[position] ^= 0xFF
        try:
            decode(bytes(broken), PixelForm(32, "crop", 3))
        except UnreadableError as error:
            assert str(error)
