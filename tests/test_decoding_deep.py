"""Images of more than eight bits, and DICOM files, become the pixels that their window says, to the bit."""

import io
import math
import sys
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence

from roskdbench.data.cache import DECODING, _arrays, _note, cached_images
from roskdbench.data.catalogue import ImageFiles
from roskdbench.data.content import declaration
from roskdbench.data.datasets import catalogue
from roskdbench.data.decoding import Decoder, PixelForm, UnreadableError, decode, glance, stretched, windowed
from roskdbench.data.dicom import write_dicom
from roskdbench.data.preparation import prepare
from roskdbench.datasets.folder import Folder
from roskdbench.errors import UserError
from roskdbench.fingerprint import fingerprint
from roskdbench.store import Store

SIDE = 32
RANDOM = np.random.default_rng(0)
FILM = RANDOM.integers(300, 4000, (SIDE, SIDE), dtype=np.uint16)
FULL, PERCENTILES, NONE = (PixelForm(SIDE, "crop", 1, window) for window in ("full", "percentiles", None))


def encoded(image, form="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def refusal(data, form=NONE):
    with pytest.raises(UnreadableError) as error:
        decode(data, form)
    assert "\n" not in str(error.value)
    return str(error.value)


def by_hand(values, low, high):
    """Each value on its own, in fractions."""
    low, high = Fraction(float(low)), Fraction(float(high))
    shares = [[(Fraction(float(v)) - low) / (high - low) for v in row] for row in values.tolist()]
    return np.array([[round(min(max(share, 0), 1) * 255) for share in row] for row in shares], np.uint8)


def dicom(values=FILM, syntax=uid.ExplicitVRLittleEndian, frames=None, **elements):
    """The bytes of a DICOM file of these stored values; an element that is None is left out."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID, dataset.SOPInstanceUID = uid.DigitalXRayImageStorageForPresentation, "1.2.3"
    bits = values.dtype.itemsize * 8
    settings = {
        "SamplesPerPixel": 1 if values.ndim == 2 else 3,
        "PhotometricInterpretation": "MONOCHROME2" if values.ndim == 2 else "RGB",
        "PlanarConfiguration": None if values.ndim == 2 else 0,
        "Rows": values.shape[0],
        "Columns": values.shape[1],
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(values.dtype.kind == "i"),
        "PixelData": values.tobytes() if frames is None else encapsulate(frames),
    } | elements
    for name, value in settings.items():
        if value is not None:
            setattr(dataset, name, value)
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def shown(form=NONE, **elements):
    return decode(dicom(**elements), form)[0]


# 16-bit PNG and TIFF


@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_the_full_window_goes_from_an_images_lowest_value_to_its_highest(kind, dtype):
    if (kind, dtype) == ("PNG", np.int32):
        pytest.skip("a PNG has no 32 bits")
    data = encoded(Image.fromarray(FILM.astype(dtype)), kind)
    assert np.array_equal(decode(data, FULL)[0], by_hand(FILM, FILM.min(), FILM.max()))


def test_percentiles_leave_the_outermost_values_out():
    film = FILM.copy()
    film[0, 0], film[0, 1] = 0, 65535
    low, high = (np.sort(film, axis=None).astype(float)[[math.floor(p), math.ceil(p)]] for p in (5.115, 1017.885))
    wanted = by_hand(film, low[0] + 0.115 * (low[1] - low[0]), high[0] + 0.885 * (high[1] - high[0]))
    data = encoded(Image.fromarray(film))
    assert np.array_equal(decode(data, PERCENTILES)[0], wanted)
    assert decode(data, FULL)[0].max() == 255
    assert np.sort(decode(data, FULL)[0], axis=None)[-2] < 20  # one hot pixel darkens all of it
    assert wanted.std() > 60


def test_the_low_byte_of_a_16_bit_png_counts():
    """Reading the high byte alone would give one grey."""
    ramp = (0x1200 + np.arange(256, dtype=np.uint16)).reshape(16, 16).repeat(2, 0).repeat(2, 1)
    assert np.array_equal(decode(encoded(Image.fromarray(ramp)), FULL)[0], ramp - 0x1200)


def test_an_even_image_becomes_black():
    data = encoded(Image.fromarray(np.full((SIDE, SIDE), 777, np.uint16)))
    for form in (FULL, PERCENTILES):
        assert (decode(data, form) == 0).all()


def test_8_bit_images_are_left_as_they_are_by_any_window():
    grey = RANDOM.integers(90, 120, (SIDE, SIDE), dtype=np.uint8)
    for form in (FULL, PERCENTILES, NONE):
        assert np.array_equal(decode(encoded(Image.fromarray(grey)), form)[0], grey)


def test_a_deep_image_is_cut_resized_and_coloured_like_any_other():
    wide = np.pad(FILM, ((0, 0), (SIDE, SIDE)), constant_values=FILM.min())
    found = decode(encoded(Image.fromarray(wide)), PixelForm(SIDE, "crop", 3, "full"))
    assert np.array_equal(found, np.repeat(by_hand(FILM, FILM.min(), FILM.max())[None], 3, axis=0))
    exif = Image.Exif()
    exif[0x0112] = 3
    turned = encoded(Image.fromarray(FILM[::-1, ::-1].copy()), exif=exif)
    assert np.array_equal(decode(turned, FULL), decode(encoded(Image.fromarray(FILM)), FULL))


def test_stretching_is_monotone_and_ends_at_0_and_255():
    values = np.sort(RANDOM.normal(size=1000) * 1e4)
    for window in ("full", "percentiles"):
        found = windowed(values, window)
        assert (np.diff(found.astype(int)) >= 0).all()
        assert (found[0], found[-1]) == (0, 255)
    assert (stretched(values, 5, 5) == 0).all()


def coloured_16():
    import zlib

    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = (8).to_bytes(4, "big") * 2 + bytes([16, 2, 0, 0, 0])
    rows = zlib.compress(b"".join(b"\0" + bytes(48) for _ in range(8)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "form", "said"),
    [
        (encoded(Image.fromarray(FILM)), NONE, "16-bit PNG; convert it to 8 bits"),
        (encoded(Image.fromarray(FILM), "TIFF"), NONE, "pixels of mode I;16; convert it to 8 bits"),
        (coloured_16(), FULL, "16-bit PNG with colours or an alpha channel; convert it to 8 bits"),
        (encoded(Image.fromarray(FILM.astype(np.float32)), "TIFF"), FULL, "pixels of mode F; convert it to 8 bits"),
        (encoded(Image.fromarray(FILM))[:-500], FULL, "truncated"),
    ],
    ids=["PNG", "TIFF", "colours", "floats", "cut"],
)
def test_what_no_window_helps_has_a_reason_and_a_glance_finds_it(data, form, said, tmp_path):
    assert refusal(data, form) == said if said != "truncated" else said in refusal(data, form)
    (tmp_path / "image").write_bytes(data)
    if said == "truncated":  # behind its head
        glance(tmp_path / "image", form.window)
        return
    with pytest.raises(UnreadableError, match=said.split(";", maxsplit=1)[0]):
        glance(tmp_path / "image", form.window)


# Keys


def test_keys_of_forms_without_a_window_are_what_they_were():
    """The numbers were taken from the code before there were windows."""
    form, files = PixelForm(32, "crop", 3), ["a.png", "b.png"]
    old = {"size": 32, "fit": "crop", "channels": 3}
    assert form.facts == old
    assert fingerprint(["images", DECODING, form.facts, files]) == fingerprint(["images", DECODING, old, files])
    stamps = np.arange(10).reshape(2, 5)
    assert _note(files, stamps, form) == "data/f56724a173cc8712943dd3321f485a67727ec6307d9966a611339039686aa5e6.json"
    assert _arrays(form) == "arrays-bc1ff67b2973b86d"
    windows = {_arrays(PixelForm(32, "crop", 3, window)) for window in (None, "full", "percentiles")}
    assert len(windows) == 3


def test_another_window_is_another_array_and_an_image_is_not_taken_from_the_wrong_one(tmp_path):
    path = tmp_path / "film.png"
    path.write_bytes(encoded(Image.fromarray(FILM)))
    images, store = ImageFiles(["film"], [path]), Store.at(tmp_path / "store")
    arrays = {
        form.window: store.open(cached_images(images, form, store, 1).fingerprint).array("images.npy")
        for form in (FULL, PERCENTILES)
    }
    for form in (FULL, PERCENTILES):
        assert np.array_equal(arrays[form.window][0], decode(path.read_bytes(), form))
    assert not np.array_equal(arrays["full"], arrays["percentiles"])


# DICOM


@pytest.mark.parametrize("window", [(2000, 1500), (2047.5, 4096), ([2000, 100], [1500, 50])])
def test_a_dicom_is_shown_through_its_own_window(window):
    """PS3.3 C.11.2.1.2.1, one value at a time."""
    centre, width = (Fraction(each[0] if isinstance(each, list) else each) for each in window)

    def through(x):
        if x <= centre - 0.5 - (width - 1) / 2:
            return 0.0
        if x > centre - 0.5 + (width - 1) / 2:
            return 255.0
        return ((x - (centre - Fraction(1, 2))) / (width - 1) + Fraction(1, 2)) * 255

    wanted = np.array([[round(through(Fraction(int(x)))) for x in row] for row in FILM], np.uint8)
    for form in (NONE, FULL, PERCENTILES):
        assert np.array_equal(shown(form, WindowCenter=window[0], WindowWidth=window[1]), wanted)


def test_the_other_functions_of_a_window_are_known():
    exact = shown(WindowCenter=2000, WindowWidth=1500, VOILUTFunction="LINEAR_EXACT")
    assert np.array_equal(exact, by_hand(FILM, 1250, 2750))
    sigmoid = shown(WindowCenter=2000, WindowWidth=1500, VOILUTFunction="SIGMOID")
    wanted = [[round(255 / (1 + math.exp(-4 * (float(x) - 2000) / 1500))) for x in row] for row in FILM]
    assert np.array_equal(sigmoid, wanted)
    assert np.array_equal(shown(WindowCenter=2000, WindowWidth=1), np.where(FILM <= 1999, 0, 255))


def test_stored_values_become_what_they_measure_before_they_meet_the_window():
    found = shown(RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=3000, WindowWidth=2001)
    assert np.array_equal(found, by_hand(FILM.astype(float) * 2 - 1000, 1999.5, 3999.5))
    assert np.array_equal(shown(FULL, RescaleSlope=3, RescaleIntercept=7), shown(FULL))


@pytest.mark.parametrize("window", ["full", "percentiles"])
def test_without_a_window_of_its_own_the_forms_acts(window):
    form = PixelForm(SIDE, "crop", 1, window)
    assert np.array_equal(shown(form), windowed(FILM, window))
    assert np.array_equal(shown(form, WindowCenter=2000), windowed(FILM, window))  # no width
    assert np.array_equal(shown(form, WindowCenter=2000, WindowWidth=0), windowed(FILM, window))  # it shows nothing


def test_monochrome1_is_turned_round():
    for elements in ({}, {"WindowCenter": 2000, "WindowWidth": 1500}):
        bright = shown(FULL, **elements)
        dark = shown(FULL, PhotometricInterpretation="MONOCHROME1", **elements)
        assert np.array_equal(dark, 255 - bright)


def test_signed_values_are_signed():
    hounsfield = FILM.astype(np.int16) - 2000
    assert np.array_equal(shown(FULL, values=hounsfield), by_hand(hounsfield, hounsfield.min(), hounsfield.max()))
    found = shown(values=hounsfield, WindowCenter=0, WindowWidth=1001)
    assert np.array_equal(found, by_hand(hounsfield, -500.5, 499.5))


def test_a_table_of_shown_values_acts_where_there_is_no_window():
    item = Dataset()
    table = (np.arange(4096)[::-1] // 4).astype(int).tolist()  # 10 bits
    item.add_new("LUTDescriptor", "US", [4096, 0, 10])
    item.add_new("LUTData", "US", table)
    wanted = by_hand(np.array(table)[FILM], 0, 1023)
    assert np.array_equal(shown(VOILUTSequence=Sequence([item])), wanted)
    both = shown(VOILUTSequence=Sequence([item]), WindowCenter=2000, WindowWidth=1500)
    assert np.array_equal(both, shown(WindowCenter=2000, WindowWidth=1500))


def test_a_table_of_measured_values_is_gone_through():
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4096, 0, 16])
    item.add_new("LUTData", "US", (np.arange(4096) ** 2 // 300).tolist())
    item.ModalityLUTType = "US"
    squares = FILM.astype(int) ** 2 // 300
    assert np.array_equal(
        shown(FULL, ModalityLUTSequence=Sequence([item])), by_hand(squares, squares.min(), squares.max())
    )
    assert "16-bit DICOM without a window" in refusal(dicom(ModalityLUTSequence=Sequence([item])))


def test_8_bit_grey_without_a_window_is_taken_as_it_is():
    grey = RANDOM.integers(90, 120, (SIDE, SIDE), dtype=np.uint8)
    for form in (NONE, FULL, PERCENTILES):
        assert np.array_equal(shown(form, values=grey), grey)
    assert np.array_equal(shown(values=grey, WindowCenter=105, WindowWidth=21), by_hand(grey, 94.5, 114.5))
    assert np.array_equal(shown(values=grey, PhotometricInterpretation="MONOCHROME1"), 255 - grey)


def test_colours_come_as_they_are():
    colours = RANDOM.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    form = PixelForm(SIDE, "crop", 3)
    assert np.array_equal(decode(dicom(colours), form), colours.transpose(2, 0, 1))
    planes = colours.transpose(2, 0, 1).copy()
    stored = dicom(colours, PlanarConfiguration=1, PixelData=planes.tobytes())
    assert np.array_equal(decode(stored, form), planes)
    grey = decode(dicom(colours), NONE)[0]
    assert np.array_equal(grey, np.asarray(Image.fromarray(colours).convert("L")))


def test_luminance_and_colour_differences_become_colours():
    """PS3.3 C.7.6.3.1.2, backwards: Y, Cb and Cr of known colours."""
    colours = RANDOM.integers(0, 256, (SIDE, SIDE, 3)).astype(float)
    matrix = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
    ybr = np.clip(np.rint(colours @ matrix.T + [0, 128, 128]), 0, 255).astype(np.uint8)
    found = decode(dicom(ybr, PhotometricInterpretation="YBR_FULL"), PixelForm(SIDE, "crop", 3))
    assert np.abs(found.transpose(1, 2, 0) - colours).max() <= 2


UNCOMPRESSED = [
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
]


@pytest.mark.parametrize("syntax", UNCOMPRESSED, ids=lambda each: each.keyword)
def test_every_uncompressed_syntax_is_read(syntax):
    values = FILM.astype(">u2") if syntax == uid.ExplicitVRBigEndian else FILM
    assert np.array_equal(shown(FULL, values=values, syntax=syntax), windowed(FILM, "full"))


def test_a_compressed_file_is_read_where_pydicom_can():
    grey = np.asarray(Image.fromarray(FILM).resize((64, 64)).convert("I")) // 16
    jpeg = encoded(Image.fromarray(grey.astype(np.uint8)), "JPEG", quality=95)
    data = dicom(grey.astype(np.uint8), syntax=uid.JPEGBaseline8Bit, frames=[jpeg])
    assert np.array_equal(decode(data, PixelForm(64, "crop", 1))[0], np.asarray(Image.open(io.BytesIO(jpeg))))
    rows, columns = np.mgrid[0:64, 0:64]
    colours = np.stack([rows * 4, columns * 4, 255 - rows * 2 - columns * 2], -1).astype(np.uint8)
    jpeg = encoded(Image.fromarray(colours), "JPEG", quality=95)
    data = dicom(colours, uid.JPEGBaseline8Bit, [jpeg], PhotometricInterpretation="YBR_FULL_422")
    found = decode(data, PixelForm(64, "crop", 3)).transpose(1, 2, 0)
    assert np.abs(found.astype(int) - np.asarray(Image.open(io.BytesIO(jpeg)))).max() <= 2
    dataset = pydicom.dcmread(io.BytesIO(dicom()))
    dataset.compress(uid.RLELossless)
    stream = io.BytesIO()
    dataset.save_as(stream)
    assert np.array_equal(decode(stream.getvalue(), FULL)[0], windowed(FILM, "full"))


WRONG = {
    "no window": (dicom(), "16-bit DICOM without a window of its own; say which with window: full (or percentiles)"),
    "12 bits": (dicom(BitsStored=12, HighBit=11), "16-bit DICOM without a window of its own"),
    "no pixels": (dicom(PixelData=None), "a DICOM file without pixels"),
    "no depth": (dicom(BitsStored=None), "a DICOM file without BitsStored"),
    "frames": (
        dicom(np.zeros((SIDE * 2, SIDE), np.uint8), Rows=SIDE, NumberOfFrames=2),
        "a DICOM file of 2 frames; it should have one",
    ),
    "palette": (
        dicom(PhotometricInterpretation="PALETTE COLOR"),
        "a DICOM file of PALETTE COLOR pixels; they should be MONOCHROME1, MONOCHROME2 or RGB",
    ),
    "32 bits": (dicom(FILM.astype(np.uint32)), "a DICOM file of 32 bits; there should be 8 or 16"),
    "16-bit colours": (
        dicom(np.zeros((SIDE, SIDE, 3), np.uint16)),
        "a DICOM file of 16 bits; there should be 8, as it has colours",
    ),
    "no decoder": (
        dicom(syntax=uid.JPEGLosslessSV1, frames=[b"\xff\xd8\xff\xd9"], WindowCenter=9, WindowWidth=9),
        "a DICOM file compressed as JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14 [Selection "
        "Value 1]) (1.2.840.10008.1.2.4.70), which pydicom has no decoder for here; pip install pylibjpeg",
    ),
    "unknown syntax": (
        dicom(syntax=uid.MPEG2MPML, frames=[b"\0\0"], WindowCenter=9, WindowWidth=9),
        "compressed as MPEG2 Main Profile / Main Level (1.2.840.10008.1.2.4.100), which pydicom has no decoder",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_dicom_has_a_reason_and_a_glance_finds_it(case, tmp_path):
    data, said = WRONG[case]
    assert said in refusal(data)
    (tmp_path / "film.dcm").write_bytes(data)
    with pytest.raises(UnreadableError) as error:
        glance(tmp_path / "film.dcm")
    assert str(error.value) == refusal(data)


def test_a_glance_lets_good_files_pass(tmp_path):
    for number, (data, window) in enumerate(
        [(dicom(), "full"), (dicom(WindowCenter=9, WindowWidth=9), None), (encoded(Image.fromarray(FILM)), "full")]
    ):
        (tmp_path / f"{number}").write_bytes(data)
        glance(tmp_path / f"{number}", window)


@pytest.mark.filterwarnings("ignore")
def test_a_damaged_dicom_never_raises_anything_else():
    whole = dicom(WindowCenter=2000, WindowWidth=1500)
    for end in range(0, len(whole), 61):
        assert refusal(whole[:end])
    for position in range(0, len(whole) - FILM.nbytes, 5):
        broken = bytearray(whole)
        broken[position] ^= 0xFF
        try:
            decode(bytes(broken), FULL)
        except UnreadableError as error:
            assert str(error)
            assert "\n" not in str(error)


def test_without_pydicom_a_line_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pydicom", None)
    monkeypatch.setitem(sys.modules, "pydicom.dataset", None)
    assert refusal(dicom_bytes) == "a DICOM file; to read such: pip install 'roskdbench[dicom]'"
    (tmp_path / "film.dcm").write_bytes(dicom_bytes)
    with pytest.raises(UnreadableError, match=r"pip install 'roskdbench\[dicom\]'"):
        glance(tmp_path / "film.dcm")
    with pytest.raises(UserError, match=r"to write DICOM files: pip install 'roskdbench\[dicom\]'"):
        write_dicom(FILM, tmp_path / "other.dcm")
    assert decode(encoded(Image.fromarray(FILM)), FULL).shape == (1, SIDE, SIDE)  # other images do without


dicom_bytes = dicom(WindowCenter=2000, WindowWidth=1500)


def test_what_is_written_is_read_and_the_same_films_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_dicom(FILM, tmp_path / name / "film.dicom", WindowCenter=2000, WindowWidth=1500)
    one, other = ((tmp_path / name / "film.dicom").read_bytes() for name in ("a", "b"))
    assert one == other
    assert np.array_equal(decode(one, NONE), decode(dicom_bytes, NONE))


def test_threads_decode_what_one_alone_does(tmp_path):
    """A chunk is decoded by all of a pool at once."""
    paths = []
    for number in range(24):
        paths.append(tmp_path / f"{number}.dcm")
        write_dicom(np.roll(FILM, number), paths[-1], WindowCenter=2000 + number, WindowWidth=1500)
    images, decoder = ImageFiles([path.name for path in paths], paths), Decoder(NONE)
    with ThreadPoolExecutor(4) as pool:
        found = [pixels for _, pixels in images.load(0, 24, decoder, pool)]
    assert all(
        np.array_equal(pixels, decode(path.read_bytes(), NONE)) for pixels, path in zip(found, paths, strict=True)
    )


# From a suite


def deep_folder(root):
    for number in range(12):
        film = Image.fromarray(np.roll(FILM, number))
        path = root / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        film.save(path)
    write_dicom(FILM, root / "a" / "film.dcm", WindowCenter=2000, WindowWidth=1500)
    return root


def test_a_problem_of_16_bit_images_says_what_to_set_and_is_prepared_once_it_is(tmp_path):
    root, store = deep_folder(tmp_path / "films"), Store.at(tmp_path / "store")
    with pytest.raises(UserError) as error:
        prepare("mine", Folder(colour="grey", size=SIDE), root, store, 2)
    assert "12 of 13 images cannot be read: a/0.png (16-bit PNG; convert it to 8 bits)" in str(error.value)
    assert str(error.value).endswith("become 8 bits with problems.mine.window: full (or percentiles)")
    spec = Folder(colour="grey", size=SIDE, window="full")
    assert prepare("mine", spec, root, store, 2).samples == 13
    listed = catalogue("mine", spec, root)
    array = store.open(cached_images(listed.images, FULL, store, 1).fingerprint).array("images.npy")
    wanted = [decode(path.read_bytes(), FULL) for path in listed.images.paths]
    assert np.array_equal(array, wanted)


def test_a_window_that_is_not_set_leaves_declarations_as_they_were():
    plain, deep = Folder(colour="grey"), Folder(colour="grey", window="full")
    assert "window" not in declaration(plain)
    assert declaration(deep) == {**declaration(plain), "window": "full"}
    with pytest.raises(ValueError, match="window"):
        Folder(window="lung")
