"""HEIC, the photo format of newer phones: read where the library for it is installed (`pip install 'dissem[heic]'`)."""

from importlib.util import find_spec


def installed() -> bool:
    """Whether HEIC photos can be read here; asking costs nothing."""
    return find_spec("pi_heif") is not None


def open_up() -> None:
    """Let Pillow open HEIC in this process; only the main picture, with one thread so that memory stays foreseeable."""
    import pi_heif

    pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
