"""The programs of the cookbook, taken from their articles, and those in `Programs`: all are built."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# SwiftPM takes a folder's name for its package's, and two packages may not have the same: this is a
# name that no checkout has.
FOLDER = ROOT / ".build/cookbook-programs"
ARTICLES = ROOT / "Sources/UVSockets/UVSockets.docc"
PROGRAMS = ROOT / "Tests/Clients/Programs"
CONFIGURATION = os.environ.get("CONFIGURATION", "release")

MANIFEST = """\
// swift-tools-version: 6.2
import PackageDescription

let names = {names}
let libraries = ["UVSockets", "UVSocketsCapture"]
let package = Package(
    name: "cookbook-programs",
    dependencies: [.package(name: "UVSockets", path: "{root}", traits: [])],
    targets: names.map {{
        .executableTarget(
            name: $0, dependencies: libraries.map {{ .product(name: $0, package: "UVSockets") }},
            swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)])
    }})
"""


def build():
    """Builds all programs; the path of each by the name of its recipe."""
    names = []
    for article in sorted(ARTICLES.glob("Cookbook?*.md")):
        name = article.stem.removeprefix("Cookbook").lower()
        names.append(name)
        _write(FOLDER / "Sources" / name / "main.swift", program(article))
    for source in sorted(PROGRAMS.glob("*.swift")):
        names.append(source.stem)
        _write(FOLDER / "Sources" / source.stem / "main.swift", source.read_text())
    quoted = ", ".join(f'"{name}"' for name in names)
    _write(FOLDER / "Package.swift", MANIFEST.format(names=f"[{quoted}]", root=ROOT))
    command = ["swift", "build", "-c", CONFIGURATION, "--package-path", FOLDER]
    built = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if built.returncode:
        sys.exit(f"{built.stdout}the programs do not build")
    return {name: FOLDER / ".build" / CONFIGURATION / name for name in names}


def program(article):
    """The one block of Swift in an article."""
    blocks = article.read_text().split("\n```swift\n")[1:]
    if len(blocks) != 1:
        sys.exit(f"{article.name} has {len(blocks)} programs instead of one")
    return blocks[0].split("\n```\n")[0] + "\n"


def _write(path, text):
    """Leaves a file alone that has this text already, so that it is not built again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
