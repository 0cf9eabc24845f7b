"""What may lie in the repository: nothing secret, nothing of one machine, nothing large."""

import re
from pathlib import PurePosixPath

from tests.architecture.sources import ROOT, files, none_of

GENERATED = "openapi/siyu.json"  # the whole contract in one document
MEGABYTE = 1_000_000
FIRST_SCREEN = 45
PICTURES = frozenset({".png"})
# Others' work, whole and unchanged, with its licence beside it.
VENDORED = frozenset({"services/embedded/console/swagger/swagger-ui-bundle.js"})

# Written in pieces, so that this file does not find itself.
PACKAGE_HOSTS = re.compile(
    "|".join(
        re.escape(host)
        for host in (
            "pypi" + ".org",
            "python" + "hosted.org",
            "npm" + "js.org",
            "npm" + "js.com",
            "yarn" + "pkg.com",
            "deb" + "ian.org",
            "crates" + ".io",
            "proxy.go" + "lang.org",
            "conda" + ".org",
            "--extra" + "-index-url",
            "--find" + "-links ",
        )
    )
)
MACHINE_PATHS = re.compile(r"(?<![\w.~$}\])*-])/(?:work|ro{2}t)/|(?<![\w.~$}\])*-])/ho[m]e/[\w<{]")
SECRETS = re.compile(
    "-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\bAKIA[0-9A-Z]{16}\b|\bghp_\w{30,}|\bdyk_[A-Za-z0-9_-]{24,}"
    # a token of three parts whose header says it is a JWT
    r"|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}"
)
SECRET_FILES = frozenset(
    {".pem", ".key", ".p12", ".pfx", ".env", ".sqlite", ".db", ".log", ".pyc", ".whl"}
)


def texts() -> list[tuple[PurePosixPath, str]]:
    return [(path, (ROOT / path).read_text("utf-8", errors="replace")) for path in files()]


def found(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{text.count(chr(10), 0, hit.start()) + 1} {hit.group()[:40]}"
        for path, text in texts()
        for hit in pattern.finditer(text)
    ]


def test_no_file_names_a_package_index() -> None:
    none_of(found(PACKAGE_HOSTS))


def test_no_file_carries_a_path_of_one_machine() -> None:
    none_of(found(MACHINE_PATHS))


def test_no_file_carries_a_secret() -> None:
    none_of(found(SECRETS))
    none_of(path for path in files() if path.suffix in SECRET_FILES or path.name == ".env")


def test_every_file_is_text_and_small() -> None:
    texts = [path for path in files() if path.suffix not in PICTURES]
    none_of(path for path in texts if b"\0" in (ROOT / path).read_bytes())
    large = {path for path in files() if (ROOT / path).stat().st_size > MEGABYTE}
    none_of(path for path in large if path.as_posix() not in {*VENDORED, GENERATED})


def test_the_patterns_find_what_they_are_for() -> None:
    assert PACKAGE_HOSTS.search("https://files.python" + "hosted.org/x")
    assert MACHINE_PATHS.search("see /wor" + "k/main/x")
    assert MACHINE_PATHS.search("cd /hom" + "e/li/x")
    assert not MACHINE_PATHS.search("services/ro" + "ot/x and https://example.com/wor" + "k/x")
    assert SECRETS.search("dyk_" + "a" * 30)


def test_the_changelog_is_there() -> None:
    assert (ROOT / "CHANGELOG.md").read_text("utf-8").strip()


def test_the_first_screen_of_the_readme_shows_how_to_start_and_to_test() -> None:
    screen = "\n".join((ROOT / "README.md").read_text("utf-8").splitlines()[:FIRST_SCREEN])
    assert "make run" in screen
    assert "make test" in screen
