"""Label files as people have them are read alike, and what is wrong in one is named with its row."""

import gzip

import pytest

from roskdbench.data.labelfile import one_of, read_label_file
from roskdbench.errors import UserError

PLAIN = 'image,label,note\na.jpg,1,x\nb.jpg,0,"y, z"\n'


def read(path):
    return read_label_file(path, ["label", "image"], "image")


@pytest.mark.parametrize(
    "data",
    [
        PLAIN.encode(),
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.replace("\n", "\r\n").encode(),
        b"image;label;note\na.jpg;1;x\nb.jpg;0;y, z\n",
        b"\xef\xbb\xbfimage;label;note\r\na.jpg;1;x\r\nb.jpg;0;y, z\r\n",
        b"image\tlabel\tnote\na.jpg\t1\tx\nb.jpg\t0\ty\n",
        b" image , label ,note\n a.jpg, 1 ,x\n\nb.jpg,0,y\n\n",
        PLAIN.rstrip().encode(),
        gzip.compress(PLAIN.encode()),
    ],
    ids=["plain", "BOM", "CRLF", "semicolons", "BOM, CRLF, semicolons", "tabs", "spaces", "no last newline", "gzip"],
)
def test_all_these_say_the_same(tmp_path, data):
    path = tmp_path / ("labels.csv.gz" if data[:2] == b"\x1f\x8b" else "labels.csv")
    path.write_bytes(data)
    found = read(path)
    assert found["image"] == ["a.jpg", "b.jpg"]
    assert found["label"] == ["1", "0"]


def test_rows_know_their_lines(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text('image,label\n"a\nb",1\n\nc,0\n')
    assert [read(path).place(row) for row in (0, 1)] == ["labels.csv:3", "labels.csv:5"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image,labl\na,1\n", "labels.csv: there is no column 'label'; did you mean 'labl'?"),
        ("image,label,label\na,1,1\n", "the column 'label' is there twice"),
        ("image,label\n", "labels.csv has no rows"),
        ("", "there is no column 'label'"),
        ("image,label\na,1\nb\n", "labels.csv:3: 1 cells where the header has 2"),
        ("image,label\na,1\nb,0\na,0\n", "labels.csv:4: 'a' was listed before, on line 2"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, text, said):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        read(path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("labels.csv", b"\xff\xfe\x00\x01", "is not text in UTF-8"),
        ("labels.csv.gz", gzip.compress(PLAIN.encode(), mtime=0)[:-12], "is not a whole gzip file"),
        ("labels.csv.gz", b"image,label\n", "is not a whole gzip file"),
    ],
)
def test_a_file_that_is_no_csv_is_named(tmp_path, name, data, said):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=said):
        read(tmp_path / name)


def test_the_one_label_file_is_found_also_gzipped(tmp_path):
    with pytest.raises(UserError, match=r"has no a\.csv or b\.csv, the file with the labels"):
        one_of(tmp_path, ["a.csv", "b.csv"], "the labels")
    (tmp_path / "b.csv.gz").touch()
    assert one_of(tmp_path, ["a.csv", "b.csv"], "the labels").name == "b.csv.gz"
    (tmp_path / "a.csv").touch()
    with pytest.raises(UserError, match=r"has both a\.csv and b\.csv\.gz; keep the one that counts"):
        one_of(tmp_path, ["a.csv", "b.csv"], "the labels")
