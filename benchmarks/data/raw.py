"""Raw files: from the mirror, from the downloads, or from the network; never used before their SHA-256 is right.

Level 2: files and network only, no torch. What is read here is untrusted: a file is what its checksum says, and an
archive is read in memory, never unpacked.
"""

import inspect
import lzma
import sys
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

import filelock
import requests
from tqdm import tqdm

from benchmarks.data import content
from benchmarks.jobs.outcome import NotAvailableError
from benchmarks.jobs.seal import holds
from benchmarks.jobs.source import literal

TIMEOUT = (5, 30)  # seconds to connect, and seconds without a byte
LOCK_TIMEOUT = 600  # seconds to wait for another process that downloads the same file
DOWNLOADS = Path("data")
CHUNK = 1 << 16  # small, for what was read of a chunk is lost when the connection breaks


class RawFileError(ValueError):
    """A raw file is there and is not what it should be. For `needs` see Outcome."""

    def __init__(self, reason: str, needs: Mapping[str, Any] = {}) -> None:
        super().__init__(reason)
        self.needs = dict(needs)


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
    folder, needs = downloads / dataset_folder, {"files": {f"{dataset_folder}/{n}": sha for n, sha in files.items()}}
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
            needs,
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
        except RawFileError as error:
            raise RawFileError(str(error), needs) from error
    for name, expected in files.items():
        _check(folder / name, expected, f"Delete it, or put the right one there, from {source}.")
    return folder


def made(module: ModuleType, splits: Sequence[str], options: Mapping[str, Any], mirror: Path) -> Any:
    """What a dataset module makes of its raw files; of one that is not as it should be, it says where to get it."""
    folder = folder_for(module, options, mirror)
    try:
        return module.make(folder, splits=splits, **options)
    except RawFileError as error:
        source = getattr(module, "SOURCE", "where it came from")
        error.args = (f"{error}. Correct the file, or get it again: {source}",)  # and still from where it was raised
        raise


def folder_for(module: ModuleType, options: Mapping[str, Any], mirror: Path) -> Path | None:
    """The folder with the raw files of a dataset module (`FOLDER`, `FILES`, ...); None for one that needs none.

    A module that needs some of its files only, as its options say, has a function `needed`.
    """
    if not hasattr(module, "FILES"):
        return None
    files = {name: module.FILES[name] for name in needed(module, options)}
    return locate(module.FOLDER, files, mirror, DOWNLOADS, getattr(module, "URLS", {}), module.SOURCE)


def needed(module: ModuleType, options: Mapping[str, Any]) -> list[str]:
    """Those of a dataset module's FILES that `make` needs with these options."""
    if not hasattr(module, "needed"):
        return list(getattr(module, "FILES", {}))
    asked = {n: options.get(n, p.default) for n, p in inspect.signature(module.needed).parameters.items()}
    return list(module.needed(**asked))


def contents(make: str, options: Mapping[str, Any], mirror: Path) -> dict[str, str]:
    """SHA-256, by name, of raw files that the dataset module `make` may read; for planning, so nothing is imported.

    Those of its FILES that lie in the mirror or in data/ (both, where they differ), and those that are to be
    downloaded, as they are pinned; where it lists none, all in its FOLDER; and what `options` name, as files or
    folders. So it makes no difference whether a file was there before a run or was downloaded by it.
    """
    folder, files, urls = (literal(make, name) for name in ("FOLDER", "FILES", "URLS"))
    listed, known = (value if isinstance(value, dict) else {} for value in (files, urls))
    found = _contents(folder, listed or None, options, mirror, content.remembered)
    return found | {name: listed[name] for name in known if name in listed and name not in found}


def used(module: ModuleType, options: Mapping[str, Any], mirror: Path) -> dict[str, str]:
    """The same of those that a dataset has been made of, for its provenance."""
    asked, files = needed(module, options), getattr(module, "FILES", {})
    listed = [name for name in files if name in asked or not files[name]]
    return _contents(getattr(module, "FOLDER", None), listed if files else None, options, mirror, content.sha256)


def _contents(
    folder: object,
    listed: Iterable[str] | None,
    options: Mapping[str, Any],
    mirror: Path,
    checksum: Callable[[Path], str],
) -> dict[str, str]:
    """Checksums of files in `folder`, those `listed` or else all, and of what options name."""
    places = [place / folder for place in (mirror, DOWNLOADS)] if isinstance(folder, str) else []
    copies = {name: [place / name for place in places if (place / name).is_file()] for name in listed or ()}
    named = [(word, base / word) for word in _words(options) for base in (Path(), *places)]
    everything = [("", place) for place in places] if listed is None else []
    for name, path in [*named, *everything]:
        inside = [path] if path.is_file() else [] if holds(path, Path()) else content.files_in([path])
        for file in inside:
            copies.setdefault(str(Path(name) / file.relative_to(path)), []).append(file)
    return {name: " ".join(sorted({checksum(file) for file in files})) for name, files in copies.items() if files}


def _words(value: Any) -> Iterator[str]:
    """Words among options and the values of a grid."""
    if isinstance(value, str) and 0 < len(value) < 256:  # a name of a file is no longer
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _words(item)
    elif isinstance(value, Mapping):
        yield from _words(list(value.values()))


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
                    raise RawFileError(f"{path}: {member.name!r} is a link or a device, and only plain files are read")
    except (tarfile.TarError, lzma.LZMAError, EOFError) as error:
        raise RawFileError(f"{path} is not a whole tar archive ({error})") from error


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
    if (found := content.sha256(path)) != expected:
        raise RawFileError(f"{path} has SHA-256 {found}, expected {expected}. {remedy}")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _refuse_outside(name: str, where: str) -> None:
    """A name becomes a path only if it stays inside its folder, on every platform."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in name:
        raise RawFileError(f"{where}: the name {name!r} is not a relative path inside the folder, so it is refused")
