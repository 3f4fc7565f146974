"""The data types this archive knows, and what their documents are called.

See docs/xnat/scans-and-resources.md, "Types of scans and sessions".
"""

from __future__ import annotations

STEMS_OF_BOTH = (
    "cr", "ct", "dx3DCraniofacial", "dx", "ecg", "eeg", "eps", "es", "esv", "gm", "gmv", "hd", "io", "meg",
    "mg", "mr", "nm", "op", "opt", "otherDicom", "pet", "rf", "rg", "sm", "sr", "us", "xa3D", "xa", "xc", "xcv",
)  # fmt: skip
SCAN_TYPES = frozenset(f"xnat:{stem}ScanData" for stem in (*STEMS_OF_BOTH, "mrs", "rtImage", "sc", "seg", "voiceAudio"))
SESSION_TYPES = frozenset(f"xnat:{stem}SessionData" for stem in (*STEMS_OF_BOTH, "petmr", "rt"))
ABSTRACT_SCAN_TYPE = "xnat:imageScanData"
ABSTRACT_ASSESSOR_TYPE = "xnat:imageAssessorData"
ASSESSOR_TYPES = frozenset({
    "xnat:imageAssessorData", "xnat:mrAssessorData", "xnat:petAssessorData", "xnat:qcAssessmentData",
    "xnat:qcManualAssessorData",
})  # fmt: skip
RECONSTRUCTION_TYPE = "xnat:reconstructedImageData"
OTHER_TYPES = frozenset({
    "xnat:projectData", "xnat:subjectData", "xnat:resourceCatalog", "xnat:imageSessionData", RECONSTRUCTION_TYPE,
})  # fmt: skip
ALL_TYPES = SCAN_TYPES | SESSION_TYPES | ASSESSOR_TYPES | OTHER_TYPES | {ABSTRACT_SCAN_TYPE}

# The stems that XNAT's own schema does not write in capitals throughout.
PROPER_STEMS = {
    "dx3DCraniofacial": "DX3DCraniofacial",
    "otherDicom": "OtherDicom",
    "rtImage": "RTImage",
    "seg": "Seg",
    "voiceAudio": "VoiceAudio",
}

PROPER_ELEMENTS = {
    "xnat:qcAssessmentData": "xnat:QCAssessment",
    "xnat:qcManualAssessorData": "xnat:QCManualAssessment",
    "xnat:imageAssessorData": "xnat:imageAssessorData",
    "xnat:mrAssessorData": "xnat:mrAssessorData",
    "xnat:petAssessorData": "xnat:petAssessorData",
    RECONSTRUCTION_TYPE: "xnat:ReconstructedImage",
}


def root_element(xsi_type: str) -> str:
    """Give the XML root of a type: ``xnat:mrSessionData`` is written ``xnat:MRSession``."""
    if xsi_type in PROPER_ELEMENTS:
        return PROPER_ELEMENTS[xsi_type]
    prefix, _, name = xsi_type.partition(":")
    for suffix in ("Session", "Scan"):
        if name.endswith(f"{suffix}Data"):
            stem = name.removesuffix(f"{suffix}Data")
            return f"{prefix}:{PROPER_STEMS.get(stem, stem.upper())}{suffix}"
    return f"{prefix}:{name.removesuffix('Data').capitalize()}"
