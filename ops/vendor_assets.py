"""Refresh static/vendor from the npm packages named below: `python -m ops.vendor_assets`.

A maintainer's tool, not needed at run time: it runs `npm pack`, copies the few files the pages load with their
licence, cuts source map references, refuses a style sheet that would load from another host, and makes
one sprite of the Tabler icons that are listed in static/vendor/tabler-icons/names.txt.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "static" / "vendor"
SVG = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class Package:
    """One npm package: where it goes, under which name, and the files taken (path in the package)."""

    folder: str
    name: str
    version: str
    licence: str
    files: tuple[str, ...]
    what: str

    @property
    def spec(self) -> str:
        return f"{self.name}@{self.version}"


PACKAGES = (
    Package("htmx", "htmx.org", "2.0.11", "0BSD", ("dist/htmx.min.js",), "HTML over the wire"),
    Package(
        "tabler",
        "@tabler/core",
        "1.6.1",
        "MIT",
        ("dist/css/tabler.min.css",),
        "styles on Bootstrap 5 (left-to-right build, system fonts; its script is not needed)",
    ),
    Package(
        "tom-select",
        "tom-select",
        "2.6.2",
        "Apache-2.0",
        ("dist/css/tom-select.bootstrap5.min.css", "dist/js/tom-select.popular.min.js"),
        "select with search",
    ),
    Package("uplot", "uplot", "1.6.32", "MIT", ("dist/uPlot.min.css", "dist/uPlot.iife.min.js"), "charts"),
)
ICONS = Package("tabler-icons", "@tabler/icons", "3.51.0", "MIT", (), "outline icons, one sprite")


def unpack(package: Package, into: Path) -> Path:
    """Download one package with npm and return the folder it was unpacked to."""
    command = ["npm", "pack", "--silent", "--pack-destination", str(into), package.spec]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - constants above
    target = into / package.folder
    with tarfile.open(into / answer.stdout.split()[-1]) as archive:
        archive.extractall(target, filter="data")
    return target / "package"


def check_self_contained(path: Path, text: str) -> None:
    """Raise ValueError when a style sheet reaches for another host."""
    outside = re.findall(r"@import[^;]+|url\(\s*[\"']?(?:https?:)?//[^)]*\)", text)
    if path.suffix == ".css" and outside:
        raise ValueError(f"{path.name} loads from outside: {outside}")


def copy_files(package: Package, source: Path) -> None:
    """Copy the listed files and the licence into the package's own folder, replacing what was there."""
    folder = VENDOR / package.folder
    folder.mkdir(parents=True, exist_ok=True)
    for name in package.files:
        text = (source / name).read_text(encoding="utf-8")
        text = re.sub(r"\n?(/\*# sourceMappingURL=.*?\*/|//# sourceMappingURL=.*)\s*$", "\n", text)
        check_self_contained(Path(name), text)
        (folder / Path(name).name).write_text(text, encoding="utf-8")
    if (source / "LICENSE").exists():
        shutil.copyfile(source / "LICENSE", folder / "LICENSE")
    elif not (folder / "LICENSE").exists():  # Tabler's package has none: the text is kept here, from its banner
        raise FileNotFoundError(f"{package.spec} ships no licence: write {folder / 'LICENSE'} first")
    (folder / "VERSION").write_text(f"{package.spec}\n", encoding="utf-8")


def symbol(name: str, source: Path) -> str:
    """One outline icon as a <symbol>; stroke width stays with the style sheet."""
    root = ET.parse(source / "icons" / "outline" / f"{name}.svg").getroot()  # noqa: S314 - icons of a pinned package
    shapes = []
    for shape in root:
        if shape.get("stroke") == "none":
            continue  # the invisible 24×24 frame
        attributes = " ".join(f'{key}="{value}"' for key, value in shape.attrib.items())
        shapes.append(f"<{shape.tag.removeprefix(SVG)} {attributes}/>")
    frame = 'viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-linecap="round" stroke-linejoin="round"'
    return f'<symbol id="{name}" {frame}>{"".join(shapes)}</symbol>'


def write_sprite(source: Path) -> int:
    """Write sprite.svg from names.txt (one name a line). Returns how many icons it holds."""
    folder = VENDOR / ICONS.folder
    names = sorted(set((folder / "names.txt").read_text(encoding="utf-8").split()))
    symbols = "\n".join(symbol(name, source) for name in names)
    sprite = f'<svg xmlns="http://www.w3.org/2000/svg">\n{symbols}\n</svg>\n'
    (folder / "sprite.svg").write_text(sprite, encoding="utf-8")
    return len(names)


def write_readme() -> None:
    rows = "\n".join(
        f"| {p.folder} | {p.name} (npm) | {p.version} | {p.licence} | {p.what} |" for p in (*PACKAGES, ICONS)
    )
    (VENDOR / "README.md").write_text(
        "# Vendored assets\n\n"
        "Unchanged files of other projects, each folder with its LICENSE and VERSION. Nothing is loaded from another\n"
        "host at run time. Made by `python -m ops.vendor_assets`; to add an icon, add its name to\n"
        "`tabler-icons/names.txt` and run it again.\n\n"
        "| folder | package | version | licence | what for |\n|---|---|---|---|---|\n" + rows + "\n",
        encoding="utf-8",
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        for package in PACKAGES:
            copy_files(package, unpack(package, Path(scratch)))
        icons = unpack(ICONS, Path(scratch))
        copy_files(ICONS, icons)
        count = write_sprite(icons)
    write_readme()
    print(f"{len(PACKAGES) + 1} packages, {count} icons in {VENDOR}")


if __name__ == "__main__":
    main()
