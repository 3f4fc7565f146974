"""The command ``xnat-upload`` as ``python -m xnat_upload``."""

from xnat_upload.cli.main import main

if __name__ == "__main__":
    main()
