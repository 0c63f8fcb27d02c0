"""Raw files: from the mirror, from the downloads, or from the network; never used before their SHA-256 is right.

Floor 2: files and network only, no torch. What is read here is untrusted: a file is what its checksum says, and an
archive is read in memory, never unpacked.
"""

import hashlib
import inspect
import lzma
import sys
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

import filelock
import requests
from tqdm import tqdm

from benchmarks.jobs.outcome import NotAvailableError
from benchmarks.jobs.source import literal

TIMEOUT = (5, 30)  # seconds to connect, and seconds without a byte
LOCK_TIMEOUT = 600  # seconds to wait for another process that downloads the same file
DOWNLOADS = Path("data")
CHUNK = 1 << 16  # small, for what was read of a chunk is lost when the connection breaks


class RawFileError(ValueError):
    """A raw file is there and is not what it should be."""


def locate(
    dataset_folder: str,
    files: Mapping[str, str],
    mirror: Path | None,
    downloads: Path,
    urls: Mapping[str, str] = {},
    source: str = "its official source",
) -> Path:
    """The one folder that holds all `files` ({relative path: SHA-256}), each of them checked.

    An empty SHA-256 is one that nobody stated: such a file is taken as the user puts it there, and never downloaded.
    `mirror`/`dataset_folder` if all files are there, else `downloads`/`dataset_folder`, where files that are missing
    and have a URL are put first. Raises RawFileError for a file with another checksum, and NotAvailableError, with
    `source` in its message, for one that is nowhere.
    """
    for name in (dataset_folder, *files):
        _refuse_outside(name, "list of raw files")
    folder = downloads / dataset_folder
    candidates = [folder] if mirror is None else [mirror / dataset_folder, folder]
    for candidate in candidates:
        if all((candidate / name).is_file() for name in files):
            for name, expected in files.items():
                _check(candidate / name, expected, f"Delete it, or put the right one there, from {source}.")
            return candidate

    def not_available(name: str, reason: str) -> NotAvailableError:
        return NotAvailableError(
            f"{dataset_folder}/{name} is not available: not all of {', '.join(files)} are in "
            f"{' or in '.join(map(str, dict.fromkeys(candidates)))}, and {reason}. Get the file"
            f"{files[name] and f' with SHA-256 {files[name]}'} from {source}, put it at {folder / name}, and give the "
            "same command again, such as snakemake --cores all.",
            needs=[f"{dataset_folder}/{name}" for name in files],
        )

    missing = [name for name in files if not (folder / name).is_file()]
    for name in missing:  # all of them before the first download, which would be in vain
        if name not in urls or not files[name]:
            raise not_available(name, "no URL is known for these very bytes")
    for name in missing:
        try:
            _download(urls[name], folder / name, files[name])
        except (requests.RequestException, filelock.Timeout) as error:
            raise not_available(name, f"{urls[name]} did not give it ({type(error).__name__}: {error})") from error
    for name, expected in files.items():
        _check(folder / name, expected, f"Delete it, or put the right one there, from {source}.")
    return folder


def folder_for(module: ModuleType, options: Mapping[str, Any], mirror: Path) -> Path | None:
    """The folder with the raw files of a dataset module (`FOLDER`, `FILES`, ...); None for one that needs none.

    A module that needs some of its files only, as its options say, has a function `needed`.
    """
    if not hasattr(module, "FILES"):
        return None
    files = module.FILES
    if hasattr(module, "needed"):
        asked = {n: options.get(n, p.default) for n, p in inspect.signature(module.needed).parameters.items()}
        files = {name: files[name] for name in module.needed(**asked)}
    return locate(module.FOLDER, files, mirror, DOWNLOADS, getattr(module, "URLS", {}), module.SOURCE)


def obtainable(make: str, mirror: Path) -> list[str]:
    """Raw files of the dataset module `make` that lie here or have a URL, for planning: nothing is imported or read."""
    folder, files, urls = (literal(make, name) for name in ("FOLDER", "FILES", "URLS"))
    if not isinstance(folder, str) or not isinstance(files, dict):
        return []
    known, found = urls if isinstance(urls, dict) else {}, []
    for name, sha256 in files.items():
        here = [p / folder / name for p in (mirror, DOWNLOADS) if (p / folder / name).is_file()]
        if name in known or here:  # of a file whose bytes are not pinned, the size tells another one
            found.append(name if sha256 else f"{name}, {here[0].stat().st_size} bytes")
    return found


def tar_files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of each plain file of a tar archive, in archive order, read in memory.

    Raises RawFileError for a member that is a link or a device or has a name outside the archive.
    """
    try:
        with tarfile.open(path, "r:*") as archive:
            for member in archive:
                _refuse_outside(member.name, str(path))
                content = archive.extractfile(member) if member.isfile() else None
                if content is not None:
                    yield member.name, content.read()
                elif not member.isdir():
                    raise RawFileError(
                        f"{path}: {member.name!r} is a link or a device, and only plain files are read. "
                        "This is not the official archive: get that one."
                    )
    except (tarfile.TarError, lzma.LZMAError, EOFError) as error:
        raise RawFileError(f"{path} is not a whole tar archive ({error}). Delete it and get it again.") from error


def _download(url: str, path: Path, expected: str) -> None:
    """Put the file behind `url` at `path`, whole and checked, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with filelock.FileLock(path.with_name(path.name + ".lock"), timeout=LOCK_TIMEOUT):
        if path.is_file():  # another process was faster
            return
        size = -1
        while size < (size := _size(part)):  # try again as long as the last attempt brought something
            try:
                _append(url, part)
                break
            except requests.RequestException:
                if _size(part) <= size:
                    raise
        try:
            _check(part, expected, f"It came from {url} and is deleted now. Run again, or put the file there by hand.")
        except RawFileError:
            part.unlink()
            raise
        part.replace(path)


def _append(url: str, part: Path) -> None:
    """Bring `part` to its full length, from where it broke off if the server can do that."""
    have = _size(part)
    headers = {"Accept-Encoding": "identity"}  # a compressed answer has other lengths and offsets
    if have:
        headers["Range"] = f"bytes={have}-"
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        rest = answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if have and (answer.status_code == 416 or (answer.status_code == 206 and not rest)):
            part.unlink()  # not a beginning of this file
        else:
            answer.raise_for_status()
            resumed = answer.status_code == 206
            length = answer.headers.get("Content-Length", "")
            with (
                part.open("ab" if resumed else "wb") as file,
                tqdm(
                    desc=part.stem,
                    total=have * resumed + int(length) if length.isdigit() else None,
                    initial=have * resumed,
                    unit="B",
                    unit_scale=True,
                    mininterval=5,  # seconds, so that a log is not flooded
                    file=sys.stderr,
                ) as bar,
            ):
                for chunk in answer.iter_content(CHUNK):
                    file.write(chunk)
                    bar.update(len(chunk))
            return
    _append(url, part)


def _check(path: Path, expected: str, remedy: str) -> None:
    if not expected:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise RawFileError(f"{path} has SHA-256 {found}, expected {expected}. {remedy}")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _refuse_outside(name: str, where: str) -> None:
    """A name becomes a path only if it stays inside its folder, on every platform."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in name:
        raise RawFileError(f"{where}: the name {name!r} is not a relative path inside the folder, so it is refused")
