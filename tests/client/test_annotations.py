"""Boxes of COCO and Pascal VOC are read as they are, and refused if they are wrong."""

import json
import re

import pytest
from modicum.errors import InvalidSource
from modicum.sources.images import Found
from modicum.sources.objects import with_objects
from PIL import Image

from tests.found_images import find_images

IMAGES = [
    {"id": 7, "file_name": "a.jpg", "width": 40, "height": 30},
    {"id": 8, "file_name": "elsewhere.jpg", "width": 40, "height": 30},
]
VOC = """<annotation><folder>f</folder><filename>whatever.jpg</filename>
<size><width>40</width><height>30</height><depth>3</depth></size>
<object><name>cat</name><bndbox><xmin>1</xmin><ymin>11</ymin><xmax>20</xmax><ymax>30</ymax></bndbox>
<part><name>head</name><bndbox><xmin>2</xmin><ymin>2</ymin><xmax>3</xmax><ymax>3</ymax></bndbox></part></object>
<object><name>dog</name><bndbox><xmin>5.5</xmin><ymin>2</ymin><xmax>44</xmax><ymax>9</ymax></bndbox></object>
</annotation>"""


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    for name in ("cat/a.jpg", "dog/b.jpg", "dog/c.jpg", "cat/c.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def found_of(photos, given) -> Found:
    return with_objects(Found(find_images(photos)), boxes=given)


def boxes_of(photos, given) -> dict[str, list]:
    found = {}
    for image in found_of(photos, given).images:
        if image.objects is not None:
            with image.objects.content().open() as stream:
                found[image.item] = json.loads(stream.read())
    return found


def coco(tmp_path, *annotations, images=IMAGES):
    path = tmp_path / "instances.json"
    path.write_text(json.dumps({"images": images, "annotations": list(annotations), "categories": []}))
    return path


def voc(tmp_path, **files):
    folder = tmp_path / "Annotations"
    for name, text in files.items():
        (folder / f"{name}.xml").parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.xml").write_text(text)
    return folder


def box(image, *numbers):
    return {"id": 1, "image_id": image, "category_id": 1, "bbox": list(numbers)}


def test_a_coco_file_gives_left_top_right_and_bottom_of_the_pictures_that_are_audited(photos, tmp_path):
    given = coco(tmp_path, box(7, 1, 2, 3.5, 4), box(8, 0, 0, 9, 9), box(7, 30, 20, 10.4, 10))

    assert boxes_of(photos, given) == {"cat/a.jpg": [[1, 2, 4.5, 6], [30, 20, 40, 30]]}


def test_a_box_of_coco_without_area_marks_nothing(photos, tmp_path):
    assert boxes_of(photos, coco(tmp_path, box(7, 1, 2, 0, 4), box(7, 1, 2, 3, 4))) == {"cat/a.jpg": [[1, 2, 4, 6]]}


def test_one_line_says_how_many_boxes_are_left_out_and_why(photos, tmp_path):
    outside, empty, absent = box(7, 41, 0, 5, 5), box(7, 1, 2, 0, 4), box(8, 0, 0, 9, 9)
    empty_voc = VOC.replace("<xmax>20</xmax>", "<xmax>0</xmax>").replace("5.5", "42")

    of_coco = coco(tmp_path, box(7, 1, 2, 3, 4), outside, outside, empty, absent, box(8, 0, 0, 0, 9))
    of_voc = voc(tmp_path, a=empty_voc, b=VOC, other=VOC)

    assert str(found_of(photos, of_coco).skipped) == (
        f"5 boxes of {of_coco} are left out: 2 outside their picture, 1 without area, "
        "2 of a picture that is not among the images"
    )
    assert str(found_of(photos, of_voc).skipped) == (
        f"4 boxes of {of_voc} are left out: 1 outside their picture, 1 without area, "
        "2 of a picture that is not among the images"
    )


def test_nothing_is_said_where_every_box_is_taken(photos, tmp_path):
    assert not str(found_of(photos, coco(tmp_path, box(7, 1, 2, 3, 4))).skipped)
    assert not str(found_of(photos, voc(tmp_path, a=VOC)).skipped)


def test_voc_counts_from_one_and_parts_are_within_their_object(photos, tmp_path):
    assert boxes_of(photos, voc(tmp_path, a=VOC, other=VOC)) == {"cat/a.jpg": [[0, 10, 20, 30], [4.5, 1, 40, 9]]}


def test_a_name_that_two_pictures_share_needs_its_folder(photos, tmp_path):
    assert set(boxes_of(photos, voc(tmp_path, a=VOC, c=VOC, **{"dog/c": VOC}))) == {"cat/a.jpg", "dog/c.jpg"}


@pytest.mark.parametrize(
    ("annotations", "told"),
    [
        ([], r"instances\.json: expected boxes; found none\. Give annotations that have some, or leave out --boxes$"),
        (
            [box(7, 41, 0, 5, 5), box(7, 1, 1, 0, 2)],
            "1 outside their picture, 1 without area, such as one from 41, 0 to 46, 5 in a picture of 40 x 30. Each",
        ),
        ([box(9, 1, 2, 3, 4)], r"annotations\[0\]: expected the id of one of the images, got 9"),
        ([box(7, 1, 2, 3)], r"expected bbox to be left, top, width and height; got \[1, 2, 3\]; correct it, or remove"),
        ([box(7, 1, 2, 3, float("nan"))], r"got \[1, 2, 3, nan\]; correct it, or remove the annotation"),
        ([box(7, 1, 2, 3, 4), box(7, 1, 2, "x", 4)], r"annotations\[1\]: expected bbox to be .* got \[1, 2, 'x', 4\]"),
        ([{"image_id": 7, "bbox": "1 2 3 4"}], r"annotations\[0\]: expected bbox as a list, got '1 2 3 4'; correct it"),
        ([{"image_id": 7}], r"expected an entry of a COCO file with bbox; got .*\. Add bbox$"),
        (
            [box(8, 1, 2, 3, 4)],
            "its file names match no image of the data set. The data set has cat/a.jpg; the boxes are for 1 other",
        ),
    ],
)
def test_a_coco_file_that_is_wrong_is_refused_with_the_place(photos, tmp_path, annotations, told):
    with pytest.raises(InvalidSource, match=told):
        boxes_of(photos, coco(tmp_path, *annotations))


@pytest.mark.parametrize(
    ("image", "told"),
    [
        ({"id": 7, "file_name": "../a.jpg", "width": 1, "height": 1}, r"without '\.\.'"),
        ({"id": 7, "width": 1, "height": 1}, r"images\[0\]: expected an entry of a COCO file with file_name"),
        ("a.jpg", r"images\[0\]: expected an entry of a COCO file with file_name"),
    ],
)
def test_an_image_of_coco_needs_its_name_and_size(photos, tmp_path, image, told):
    with pytest.raises(InvalidSource, match=told):
        boxes_of(photos, coco(tmp_path, box(7, 1, 2, 3, 4), images=[image]))


def test_a_name_of_coco_that_occurs_twice_is_refused(photos, tmp_path):
    twice = [*IMAGES, {**IMAGES[0], "id": 9}]

    with pytest.raises(InvalidSource, match=r"the file_name a.jpg occurs twice; remove one of its images"):
        boxes_of(photos, coco(tmp_path, box(7, 1, 2, 3, 4), images=twice))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<annotation>", "not valid XML"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>', "without declarations"),
        ("<size/>", "expected <annotation> with <size>"),
        ("<annotation></annotation>", "a.xml: expected one <size> in <annotation>, got none; write it with <width>"),
        ("<annotation><size><width>4</width></size></annotation>", "expected one <height> in <size>, got none"),
        (VOC.replace("40</width>", "wide</width>"), "expected a finite number in <width> of <size>, got wide; write"),
        (VOC.replace("<object>", "<thing>").replace("</object>", "</thing>"), "expected boxes; found none"),
    ],
)
def test_a_voc_file_that_is_wrong_is_refused(photos, tmp_path, text, told):
    with pytest.raises(InvalidSource, match=told):
        boxes_of(photos, voc(tmp_path, a=text))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("5.5", "nan", "expected a finite number in <xmin> of <bndbox>, got nan; correct it, or remove the object"),
        ("5.5", "left", "expected a finite number in <xmin> of <bndbox>, got left"),
        ("5.5", "", "expected a finite number in <xmin> of <bndbox>, got nothing"),
        ("<ymax>9</ymax>", "", "expected one <ymax> in <bndbox>, got none; correct it, or remove the object"),
        ("<ymax>9</ymax>", "<ymax>9</ymax><ymax>8</ymax>", "expected one <ymax> in <bndbox>, got 2"),
        ("<ymin>2</ymin><xmax>44", "<xmax>44", "expected one <ymin> in <bndbox>, got none"),
    ],
)
def test_an_object_of_voc_with_a_wrong_corner_is_refused_by_file_object_and_field(photos, tmp_path, old, new, told):
    with pytest.raises(InvalidSource) as refused:
        boxes_of(photos, voc(tmp_path, a=VOC.replace(old, new), b=VOC))

    assert str(refused.value).startswith(f"{tmp_path}/Annotations/a.xml: object 2 (dog): {told}")


def test_corners_of_two_objects_of_voc_are_never_joined(photos, tmp_path):
    first = VOC.replace("<xmin>1</xmin>", "").replace("<ymax>9</ymax>", "<ymax>9</ymax><xmin>7</xmin>")

    with pytest.raises(InvalidSource, match=r"a\.xml: object 1 \(cat\): expected one <xmin> in <bndbox>, got none"):
        boxes_of(photos, voc(tmp_path, a=first))


@pytest.mark.parametrize("box", ["", "<polygon><x1>4</x1></polygon>"])
def test_an_object_of_voc_without_a_box_is_refused(photos, tmp_path, box):
    wrong = VOC.replace("</annotation>", f"<object>{box}</object></annotation>")

    with pytest.raises(
        InvalidSource, match=r"a\.xml: object 3: expected one <bndbox> in <object>, got none; add it, or remove the"
    ):
        boxes_of(photos, voc(tmp_path, a=wrong))


def test_a_folder_without_voc_files_is_refused(photos, tmp_path):
    (tmp_path / "empty").mkdir()

    with pytest.raises(InvalidSource, match="expected Pascal VOC files"):
        boxes_of(photos, tmp_path / "empty")


@pytest.mark.parametrize("suffix", ["PNG", "JPEG", "GIF", "BMP"])
def test_a_picture_of_another_size_than_annotated_is_refused(photos, tmp_path, suffix):
    Image.new("RGB", (32, 16)).save(photos / "cat" / "a.jpg", suffix)
    told = "cat/a.jpg: annotated at 40x30, the picture has 32x16; scale the boxes"

    for given in (coco(tmp_path, box(7, 1, 2, 3, 4)), voc(tmp_path, a=VOC)):
        with pytest.raises(InvalidSource, match=told):
            boxes_of(photos, given)


def test_a_picture_of_the_annotated_size_or_of_one_that_is_not_stated_is_accepted(photos, tmp_path):
    Image.new("RGB", (40, 30)).save(photos / "cat" / "a.jpg")
    unknown = [{"id": 7, "file_name": "a.jpg", "width": 0, "height": 0}]

    assert boxes_of(photos, coco(tmp_path, box(7, 1, 2, 3, 4)))
    assert boxes_of(photos, coco(tmp_path, box(7, 1, 2, 3, 4), images=unknown)) == {"cat/a.jpg": [[1, 2, 4, 6]]}


def test_a_box_whose_corners_are_swapped_is_refused(photos, tmp_path):
    for given in (coco(tmp_path, box(7, 9, 2, -3, 4)), voc(tmp_path, a=VOC.replace("<xmin>1<", "<xmin>30<"))):
        with pytest.raises(InvalidSource, match="expected boxes whose left is below right"):
            boxes_of(photos, given)


def test_boxes_of_voc_that_lie_outside_are_refused_with_what_their_numbers_are(photos, tmp_path):
    given = voc(tmp_path, a=VOC.replace("<width>40", "<width>4").replace("<xmin>1<", "<xmin>9<"))

    with pytest.raises(
        InvalidSource, match="2 outside their picture, such as one from 8, 10 to 20, 30 in a picture of 4 x 30"
    ):
        boxes_of(photos, given)
    with pytest.raises(
        InvalidSource, match="xmin, ymin, xmax and ymax count from 1, in pixels of the original picture"
    ):
        boxes_of(photos, given)


@pytest.mark.parametrize("name", ["labels", "labels/a.txt"])
def test_boxes_in_the_form_of_yolo_are_refused_with_the_forms_that_are_read(photos, tmp_path, name):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 0.5 0.5 0.2 0.2\n")

    with pytest.raises(InvalidSource) as caught:
        boxes_of(photos, tmp_path / name)

    for form in (
        "file,left,top,right,bottom (.csv)",
        "a COCO file (.json)",
        "Pascal VOC",
        "YOLO's .txt files are not read",
    ):
        assert form in str(caught.value)


def test_boxes_in_shares_of_a_picture_are_refused(photos, tmp_path):
    table = tmp_path / "boxes.csv"
    table.write_text("cat/a.jpg,0.1,0.1,0.6,0.6\n")
    fractions = VOC
    for corner in ("xmin", "ymin", "xmax", "ymax"):
        fractions = re.sub(rf"<{corner}>[\d.]+<", f"<{corner}>0.{5 + 4 * corner.endswith('max')}<", fractions)

    for given in (coco(tmp_path, box(7, 0.1, 0.1, 0.5, 0.5)), table, voc(tmp_path, a=fractions)):
        with pytest.raises(InvalidSource, match="these look like shares of the picture; expected pixels: multiply"):
            boxes_of(photos, given)


def test_a_box_of_the_first_pixel_is_accepted(photos, tmp_path):
    assert boxes_of(photos, coco(tmp_path, box(7, 0, 0, 1, 1))) == {"cat/a.jpg": [[0, 0, 1, 1]]}


def test_a_coco_file_that_is_cut_off_or_empty_is_refused_with_what_to_do(photos, tmp_path):
    given = coco(tmp_path)
    with pytest.raises(
        InvalidSource, match=r"expected boxes; found none. Give annotations that have some, or leave out"
    ):
        boxes_of(photos, given)

    given.write_text(given.read_text()[:30])
    with pytest.raises(InvalidSource, match=r"or a COCO file, but it is not valid"):
        boxes_of(photos, given)


def test_two_pictures_of_one_stem_are_told_apart_by_the_filename_of_voc(photos, tmp_path):
    (photos / "cat/a.png").write_bytes(b"another")
    annotated = voc(tmp_path, a=VOC.replace("whatever.jpg", "a.png"))

    assert list(boxes_of(photos, annotated)) == ["cat/a.png"]


@pytest.mark.parametrize("name", ["whatever.jpg", ""])
def test_an_annotation_of_voc_that_fits_two_pictures_is_refused(photos, tmp_path, name):
    (photos / "cat/a.png").write_bytes(b"another")
    annotated = voc(tmp_path, a=VOC.replace("whatever.jpg", name))

    with pytest.raises(InvalidSource) as refused:
        boxes_of(photos, annotated)

    assert str(refused.value) == (
        f"{annotated}: the annotation a fits 2 images: cat/a.jpg, cat/a.png. Give the one that it is of in its "
        "<filename>, or leave out the others"
    )
