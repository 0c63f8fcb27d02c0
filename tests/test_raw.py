"""Raw files come from the mirror, the downloads or a server, and only with the right checksum."""

import hashlib
import io
import re
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest
from conftest import ROOT

from benchmarks.data import content, raw
from benchmarks.data.raw import RawFileError, locate, tar_files
from benchmarks.datasets.facebook100 import FILES as FACEBOOK
from benchmarks.jobs.outcome import NotAvailableError

CONTENT = bytes(range(256)) * 2000  # 512 kB, several chunks
SHA256 = hashlib.sha256(CONTENT).hexdigest()
FILES = {"a.bin": SHA256}


class Server(ThreadingHTTPServer):
    """Serves CONTENT at any path, with the habits, good and bad, that a test gives it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.ranges = True  # answers a Range request with 206
        self.breaks: list[int] = []  # each answer in turn breaks off after so many bytes
        self.delay = 0.0  # seconds before an answer
        self.status = 200
        self.asked: list[str | None] = []  # the Range header of each request

    def handle_error(self, *_: object) -> None:
        """A client that gave up is no news."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/a.bin"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        server.asked.append(self.headers["Range"])
        time.sleep(server.delay)
        if server.status != 200:
            self.send_error(server.status)
            return
        body, start = server.content, 0
        if self.headers["Range"] and server.ranges:
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        stop = start + server.breaks.pop(0) if server.breaks else len(body)
        self.wfile.write(body[start:stop])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """Where a broken-off download lies."""
    (tmp_path / "data" / "some").mkdir(parents=True)
    return tmp_path / "data" / "some" / "a.bin.part"


def fetch(folder: Path, url: str | None, files: dict[str, str] = FILES) -> Path:
    """Ask for `files` in an empty mirror and in folder/data."""
    urls = {} if url is None else {"a.bin": url}
    return locate("some", files, folder / "mirror", folder / "data", urls, "the archive of some university")


def put(folder: Path, content: bytes = CONTENT) -> Path:
    """Put the file in a mirror or in downloads."""
    file = folder / "some" / "a.bin"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def lies(folder: Path) -> list[str]:
    """What lies in the downloads, but for the lock."""
    return sorted(p.name for p in (folder / "data" / "some").iterdir() if p.suffix != ".lock")


def test_the_mirror_is_preferred(tmp_path: Path, server: Server) -> None:
    put(tmp_path / "mirror")
    put(tmp_path / "data")
    assert fetch(tmp_path, server.url) == tmp_path / "mirror" / "some"
    assert server.asked == []


def test_the_downloads_serve_without_a_mirror(tmp_path: Path) -> None:
    put(tmp_path / "data")
    assert fetch(tmp_path, None) == tmp_path / "data" / "some"
    assert locate("some", FILES, None, tmp_path / "data") == tmp_path / "data" / "some"


def test_a_mirror_that_lacks_a_file_is_no_mirror(tmp_path: Path) -> None:
    files = FILES | {"sub/b.bin": SHA256}
    put(tmp_path / "mirror")
    put(tmp_path / "data")
    (tmp_path / "data" / "some" / "sub").mkdir()
    (tmp_path / "data" / "some" / "sub" / "b.bin").write_bytes(CONTENT)
    assert fetch(tmp_path, None, files) == tmp_path / "data" / "some"


@pytest.mark.parametrize("place", ["mirror", "data"])
def test_another_checksum_is_an_error_that_says_what_to_do(tmp_path: Path, place: str) -> None:
    file = put(tmp_path / place, b"something else")
    found = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(RawFileError) as error:
        fetch(tmp_path, None)
    for words in (str(file), f"expected {SHA256}", found, "the archive of some university", "Delete it"):
        assert words in str(error.value)
    assert file.exists(), "the user's file is the user's"


def test_a_file_that_is_nowhere_is_not_available(tmp_path: Path) -> None:
    with pytest.raises(NotAvailableError) as error:
        fetch(tmp_path, None)
    for words in ("some/a.bin", SHA256, "the archive of some university", str(tmp_path / "data" / "some" / "a.bin")):
        assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "data").exists()


def test_nothing_is_downloaded_when_another_file_cannot_be(tmp_path: Path, server: Server) -> None:
    with pytest.raises(NotAvailableError, match=r"b\.bin"):
        fetch(tmp_path, server.url, FILES | {"b.bin": SHA256})
    assert server.asked == []


def test_download(tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    folder = fetch(tmp_path, server.url)
    assert (folder / "a.bin").read_bytes() == CONTENT
    assert lies(tmp_path) == ["a.bin"]
    assert fetch(tmp_path, server.url) == folder
    assert server.asked == [None], "once"
    out, err = capsys.readouterr()
    assert out == ""
    assert "a.bin" in err
    assert len(re.split(r"[\r\n]", err)) < 6, "the progress bar does not flood a log"


def test_resume(tmp_path: Path, server: Server, part: Path) -> None:
    part.write_bytes(CONTENT[:200_000])
    assert (fetch(tmp_path, server.url) / "a.bin").read_bytes() == CONTENT
    assert server.asked == ["bytes=200000-"]
    assert lies(tmp_path) == ["a.bin"]


def test_a_server_that_ignores_the_range_starts_over(tmp_path: Path, server: Server, part: Path) -> None:
    server.ranges = False
    part.write_bytes(CONTENT[:200_000])
    assert (fetch(tmp_path, server.url) / "a.bin").read_bytes() == CONTENT


def test_a_part_that_is_too_long_starts_over(tmp_path: Path, server: Server, part: Path) -> None:
    part.write_bytes(CONTENT + b"more")
    assert (fetch(tmp_path, server.url) / "a.bin").read_bytes() == CONTENT
    assert server.asked == [f"bytes={len(CONTENT) + 4}-", None]


def test_a_connection_that_breaks_is_taken_up_again(tmp_path: Path, server: Server) -> None:
    server.breaks = [150_000, 150_000]
    assert (fetch(tmp_path, server.url) / "a.bin").read_bytes() == CONTENT
    assert len(server.asked) == 3
    assert server.asked[0] is None
    assert all(asked is not None for asked in server.asked[1:])


def test_a_connection_that_brings_nothing_more_is_given_up(tmp_path: Path, server: Server, part: Path) -> None:
    server.breaks = [150_000, *[0] * 20]
    with pytest.raises(NotAvailableError, match="did not give it"):
        fetch(tmp_path, server.url)
    assert len(server.asked) == 2
    assert lies(tmp_path) == ["a.bin.part"]
    assert CONTENT.startswith(part.read_bytes()), "the next run resumes here"


@pytest.mark.parametrize("beginning", [b"", b"x" * 1000], ids=["whole", "resumed"])
def test_a_download_with_another_checksum_leaves_nothing(
    tmp_path: Path, server: Server, part: Path, beginning: bytes
) -> None:
    if beginning:
        part.write_bytes(beginning)
    else:
        server.content = b"a newer version"
    with pytest.raises(RawFileError, match=f"expected {SHA256}.* Run again"):
        fetch(tmp_path, server.url)
    assert lies(tmp_path) == []


@pytest.mark.parametrize("status", [404, 500])
def test_a_server_without_the_file(tmp_path: Path, server: Server, status: int) -> None:
    server.status = status
    with pytest.raises(NotAvailableError, match=f"{status}.*the archive of some university"):
        fetch(tmp_path, server.url)
    assert lies(tmp_path) == []


def test_without_a_network_it_is_not_available_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    start = time.monotonic()
    with pytest.raises(NotAvailableError, match="ConnectionError"):
        fetch(tmp_path, f"http://127.0.0.1:{port}/a.bin")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(NotAvailableError, match="ProxyError"):
        fetch(tmp_path, "http://example.org/a.bin")
    assert time.monotonic() - start < 5


def test_a_server_that_falls_silent_is_given_up(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw, "TIMEOUT", (0.2, 0.2))
    server.delay = 1
    with pytest.raises(NotAvailableError, match="Timeout"):
        fetch(tmp_path, server.url)


def test_two_jobs_download_a_file_once(tmp_path: Path, server: Server) -> None:
    server.delay = 0.5  # long enough for the other to come
    code = (
        "import sys; from pathlib import Path; from benchmarks.data.raw import locate\n"
        "folder, url, sha256 = sys.argv[1:]\n"
        "locate('some', {'a.bin': sha256}, None, Path(folder), {'a.bin': url})"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "data"), server.url, SHA256]
    jobs = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) for _ in range(2)]
    assert [job.wait(timeout=60) for job in jobs] == [0, 0]
    assert server.asked == [None]
    assert (tmp_path / "data" / "some" / "a.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("name", ["../a.bin", "/a.bin", "sub/../../a.bin", "", "..\\a.bin"])
def test_names_stay_inside_their_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(RawFileError, match="refused"):
        locate("some", {name: SHA256}, None, tmp_path)
    with pytest.raises(RawFileError, match="refused"):
        locate(name, FILES, None, tmp_path)


def test_a_dataset_module_names_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = ModuleType("module")
    assert raw.folder_for(module, {}, tmp_path / "mirror") is None
    module.__dict__.update(FOLDER="some", FILES=FILES | {"b.bin": SHA256}, SOURCE="somewhere", needed=lambda x: [x])
    put(tmp_path / "mirror")
    assert raw.folder_for(module, {"x": "a.bin", "y": 1}, tmp_path / "mirror") == tmp_path / "mirror" / "some"
    with pytest.raises(NotAvailableError, match="somewhere"):
        raw.folder_for(module, {"x": "b.bin"}, tmp_path / "mirror")


def test_a_plan_sees_what_pinned_files_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an import; one that will be downloaded counts as what is pinned, so it is no news when it is there."""
    monkeypatch.chdir(tmp_path)
    mirror, make = tmp_path / "mirror", "benchmarks.datasets.facebook100"
    pinned = raw.contents(make, {}, mirror)
    assert pinned["Reed98.mat"] == FACEBOOK["Reed98.mat"]
    assert "Penn94.mat" not in pinned
    for place in (mirror, tmp_path / "data"):
        file = place / "facebook100" / "Penn94.mat"
        file.parent.mkdir(parents=True)
        file.write_bytes(CONTENT)
        (file.parent / "Another98.mat.part").write_bytes(b"")
        assert raw.contents(make, {}, mirror) == pinned | {"Penn94.mat": SHA256}, "wherever it lies"
    wrong = file.with_name("Reed98.mat")
    wrong.write_bytes(CONTENT)
    assert raw.contents(make, {}, mirror)["Reed98.mat"] == SHA256
    wrong.unlink()
    assert raw.contents(make, {}, mirror)["Reed98.mat"] == FACEBOOK["Reed98.mat"], "mended: what is there is taken away"
    file.write_bytes(CONTENT[::-1])
    assert len(raw.contents(make, {}, mirror)["Penn94.mat"].split()) == 2, "two that differ"
    assert raw.contents("benchmarks.datasets.synthetic", {}, mirror) == {}


def test_a_plan_sees_what_options_name_and_folders_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mirror, ogb = tmp_path / "mirror", "benchmarks.datasets.ogb"
    assert raw.contents(ogb, {"name": "ogbn-arxiv"}, mirror) == {}
    edges = mirror / "ogb" / "ogbn_arxiv" / "raw" / "edge.csv.gz"
    edges.parent.mkdir(parents=True)
    edges.write_bytes(CONTENT)
    assert raw.contents(ogb, {"name": "ogbn-arxiv"}, mirror) == {"ogbn_arxiv/raw/edge.csv.gz": SHA256}
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "posts.csv").write_bytes(CONTENT)
    make = "benchmarks.datasets.synthetic"
    found = {"mine/posts.csv": SHA256}
    assert raw.contents(make, {"posts": "mine/posts.csv"}, mirror) == found
    assert raw.contents(make, {"grid": {"folder": ["mine", ".", "x" * 1000, 3]}}, mirror) == found


def test_a_file_is_read_again_when_its_marks_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file, reads, read = tmp_path / "posts.csv", [], content.sha256
    monkeypatch.setattr(content, "sha256", lambda path: reads.append(path) or read(path))
    for text, times in (("a,1", 1), ("a,2", 2)):  # the same length
        file.write_text(text, encoding="utf-8")
        assert {content.remembered(file) for _ in range(3)} == {hashlib.sha256(text.encode()).hexdigest()}
        assert len(reads) == times
    content.MEMORY.write_text("{", encoding="utf-8")
    assert content.remembered(file) == read(file), "a damaged memory is a lost one"


def tar(path: Path, *members: tarfile.TarInfo | str) -> Path:
    """A tar archive; a string is a file of that name with its name in it."""
    with tarfile.open(path, "w:xz") as archive:
        for member in members:
            if isinstance(member, str):
                info = tarfile.TarInfo(member)
                info.size = len(member)
                archive.addfile(info, io.BytesIO(member.encode()))
            else:
                archive.addfile(member)
    return path


def special(name: str, kind: bytes) -> tarfile.TarInfo:
    """A member that is no plain file."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def test_an_archive_is_read_in_order(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar.xz", special("b", tarfile.DIRTYPE), "b/2", "b/1")
    assert list(tar_files(path)) == [("b/2", b"b/2"), ("b/1", b"b/1")]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_an_archive_with_links_or_devices_is_refused(tmp_path: Path, kind: bytes) -> None:
    path = tar(tmp_path / "a.tar.xz", "file", special("trap", kind))
    with pytest.raises(RawFileError, match="'trap' is a link or a device"):
        list(tar_files(path))


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "a/../../up"])
def test_an_archive_with_names_outside_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RawFileError, match="refused"):
        list(tar_files(tar(tmp_path / "a.tar.xz", name)))


def test_half_an_archive_is_an_error(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar.xz", *(hashlib.sha512(bytes([i])).hexdigest() * 8 for i in range(50)))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(RawFileError, match="not a whole tar archive"):
        list(tar_files(path))
    path.write_bytes(b"no archive at all")
    with pytest.raises(RawFileError, match="not a whole tar archive"):
        list(tar_files(path))
