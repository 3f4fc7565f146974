"""Contents of files as hospitals have them, made from the real images that pydicom brings along."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
import pydicom
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.uid import JPEG2000Lossless, SegmentationStorage, generate_uid

MIB = 1024 * 1024
# An enlarged image is smoother than the one it was made of. With this noise it deflates to two thirds, as whole CT
# slices do; pydicom's own, which shows nothing but tissue, to 0.7.
_NOISE = 12


def noise(index: int, size_bytes: int) -> bytes:
    """Give what no compression makes smaller."""
    return np.random.default_rng(index).bytes(size_bytes)


def ct(index: int, size_bytes: int) -> bytes:
    """Give an uncompressed CT image of 512 × 512 pixels: pydicom's small one, enlarged."""
    dataset = pydicom.dcmread(_path("CT_small.dcm"))
    pixels = _enlarged() + np.random.default_rng(index).normal(0, _NOISE, (512, 512))
    dataset.PixelData = pixels.round().astype("<i2").tobytes()
    dataset.Rows = dataset.Columns = 512
    return _as_bytes(dataset)


def ct_volume(index: int, size_bytes: int) -> bytes:
    """Give the pixels of many such images, one after another."""
    pixels = _enlarged().astype("<i2")
    random = np.random.default_rng(index)
    frames = (pixels + random.normal(0, _NOISE, pixels.shape) for _ in range(size_bytes // pixels.nbytes))
    return b"".join(frame.round().astype("<i2").tobytes() for frame in frames)


def mask(index: int, size_bytes: int) -> bytes:
    """Give a mask: of two, one is a NIfTI volume of one byte for each voxel, and one a DICOM SEG of one bit."""
    side = 128
    z, y, x = np.ogrid[: size_bytes // side**2, :side, :side]
    inside = ((z - z.size / 2) / (z.size / 3)) ** 2 + ((y - 60 - index) / 30) ** 2 + ((x - 64) / 40) ** 2 < 1
    if index % 2:
        import nibabel

        volume = nibabel.Nifti1Image(inside.transpose(2, 1, 0).astype(np.uint8), np.eye(4))
        return bytes(volume.to_bytes())
    frames = np.repeat(inside, 8, axis=0)
    dataset = pydicom.dcmread(_path("CT_small.dcm"))
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = SegmentationStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[str(index)])
    dataset.Modality, dataset.NumberOfFrames, dataset.Rows, dataset.Columns = "SEG", len(frames), side, side
    dataset.BitsAllocated = dataset.BitsStored = 1
    dataset.HighBit = 0
    dataset.PixelData = np.packbits(frames, bitorder="little").tobytes()
    dataset["PixelData"].VR = "OB"
    return _as_bytes(dataset)


def gzipped(index: int, size_bytes: int) -> bytes:
    """Give a volume as ``.nii.gz``."""
    pixels = _enlarged() + np.random.default_rng(index).normal(0, _NOISE, (512, 512))
    once = pixels.round().astype("<i2").tobytes()
    return gzip.compress(once * max(1, round(size_bytes / 0.7 / len(once))), compresslevel=1)


def jpeg_2000(index: int, size_bytes: int) -> bytes:
    """Give the same CT image with its pixels as a JPEG 2000 stream."""
    dataset = pydicom.dcmread(io.BytesIO(ct(index, size_bytes)))
    frame = io.BytesIO()
    Image.fromarray(dataset.pixel_array.clip(0).astype(np.uint16)).save(frame, "JPEG2000")
    dataset.PixelData = pydicom.encaps.encapsulate([frame.getvalue()])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    return _as_bytes(dataset)


CONTENTS: dict[str, Callable[[int, int], bytes]] = {
    each.__name__: each for each in (noise, ct, ct_volume, mask, gzipped, jpeg_2000)
}


def _path(name: str) -> str:
    path = get_testdata_file(name)
    assert isinstance(path, str)
    return path


def _as_bytes(dataset: pydicom.Dataset) -> bytes:
    file = io.BytesIO()
    dataset.save_as(file)
    return file.getvalue()


@cache
def _enlarged() -> npt.NDArray[np.float64]:
    pixels = pydicom.dcmread(_path("CT_small.dcm")).pixel_array.astype(float)
    at = np.linspace(0, 127, 512)
    rows = np.array([np.interp(at, range(128), column) for column in pixels.T]).T
    return np.array([np.interp(at, range(128), row) for row in rows])
