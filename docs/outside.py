"""A preprocessor of mdBook: links that leave the folder of the book lead to the repository instead.

mdBook calls it twice: `outside.py supports html`, which asks whether it is of use, and without arguments, with context and book as JSON on standard input.
"""

import json
import re
import sys

REPOSITORY = "https://github.com/rushproof/rushproof/blob/main/"


def outwards(text: str) -> str:
    """`](../targets/donut.toml)` becomes a link to that file in the repository; a picture comes as it is."""
    text = re.sub(r"!\[([^]]*)\]\(\.\./([^)]+)\)", lambda picture: f"![{picture.group(1)}]({REPOSITORY}{picture.group(2)}?raw=true)", text)
    return re.sub(r"\]\(\.\./([^)]+)\)", lambda link: f"]({REPOSITORY}{link.group(1)})", text)


def walk(items: list) -> None:
    for item in items:
        chapter = item.get("Chapter") if isinstance(item, dict) else None
        if chapter is not None:
            chapter["content"] = outwards(chapter["content"])
            walk(chapter["sub_items"])


def main() -> None:
    if sys.argv[1:2] == ["supports"]:
        return
    _context, book = json.load(sys.stdin)
    # "sections" until mdBook 0.4, "items" since.
    walk(book.get("items", book.get("sections", [])))
    json.dump(book, sys.stdout)


if __name__ == "__main__":
    main()
