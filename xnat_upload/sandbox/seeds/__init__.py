"""What a sandbox can be filled from: DICOM files, a folder as XNAT keeps it on its disk, a YAML file."""
