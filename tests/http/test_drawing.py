"""Pictures of definitions, of differences and of entities, as SVG and as PNG, light and dark."""

from __future__ import annotations

import struct

import pytest

from tests.http.conftest import Server

CHANGED = b"""{
  "id": "light", "creation": "implicit", "initial": "red", "keep": "*", "roles": {"mechanic": {}},
  "states": {"red": {"on": {"NEXT": "green"}}, "green": {"on": {"NEXT": "red"}}, "amber": {"on": {"NEXT": "red"}}}
}"""


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height in pixels, from the header of a PNG."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@pytest.mark.parametrize("path", ["/definitions/light/diagram", "/entities/light/1/diagram"])
async def test_a_picture_is_a_png_as_large_as_asked(server: Server, path: str) -> None:
    await server.send("light", "1", "NEXT")

    small, large = [await server.get(f"{path}?format=png&scale={scale}") for scale in (1, 3)]

    assert small.headers["content-type"] == "image/png"
    (width, height), (wide, high) = size_of(small.content), size_of(large.content)
    assert abs(wide - 3 * width) <= 3
    assert abs(high - 3 * height) <= 3


async def test_dark_pictures_are_dark_whatever_the_viewer_prefers(server: Server) -> None:
    auto, light, dark = [
        (await server.get(f"/definitions/light/diagram?theme={theme}")).text for theme in ("auto", "light", "dark")
    ]

    assert "prefers-color-scheme" in auto
    assert "prefers-color-scheme" not in light + dark
    assert ".sm { background: #131519; }" in dark
    assert ".sm { background: #131519; }" not in light
    assert dark.count("{") == dark.count("}")


async def test_the_letters_are_in_the_png(server: Server) -> None:
    """Without a font a rasteriser leaves all text out: a state with a long name must then weigh as much as another."""
    for name in ("i", "WWWWWWWWWWWWW"):
        document = f'{{"id": "n{len(name)}", "initial": "a", "states": {{"a": {{"label": "{name}"}}}}}}'
        await server.register(document.encode())

    short, long = [(await server.get(f"/definitions/n{length}/diagram?format=png")).content for length in (1, 13)]

    assert len(long) > len(short) + 1_000


async def test_an_entitys_picture_shows_where_it_stood_and_the_path_between_two_versions(server: Server) -> None:
    for _ in range(3):
        await server.send("light", "1", "NEXT")

    now, then, both = [
        (await server.get(f"/entities/light/1/diagram{query}")).text
        for query in ("", "?version=1", "?version=2&with=1")
    ]

    def marked(svg: str, state: str) -> str:
        return svg.partition(f'id="s-{state}" class="')[2].partition('"')[0]

    assert "is-current" in marked(now, "green")
    assert "is-current" in marked(then, "green")
    assert "is-earlier" in marked(both, "green")
    assert "is-current" in marked(both, "red")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/entities/light/2/diagram", 404),
        ("/entities/light/1/diagram?version=9", 404),
        ("/entities/light/1/diagram?version=0", 400),
        ("/entities/light/1/diagram?format=dot", 400),
        ("/entities/dark/1/diagram", 404),
        ("/definitions/light/diagram?scale=9", 400),
        ("/definitions/light/diagram?scale=nan", 400),
        ("/definitions/light/diagram?theme=pink", 400),
    ],
)
async def test_what_cannot_be_drawn_is_a_problem(server: Server, path: str, status: int) -> None:
    await server.send("light", "1", "NEXT")

    answer = await server.get(path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_differences_are_drawn_as_png_too(server: Server) -> None:
    await server.register(CHANGED)

    answer = await server.get("/definitions/light/diagram?from=1&revision=2&format=png&theme=dark")

    assert answer.status_code == 200
    assert size_of(answer.content) > (0, 0)


async def test_a_history_is_a_table_as_csv_with_a_link_to_what_follows(server: Server) -> None:
    for number in range(3):
        await server.send("light", "1", "NEXT", data={"note": f'=cmd|{number}, "x"'})

    first = await server.get("/entities/light/1/transitions?format=csv&limit=2")
    rest = await server.get("/entities/light/1/transitions?format=csv&limit=2&after=2")

    lines = first.text.splitlines()
    assert first.headers["content-type"] == "text/csv; charset=utf-8"
    assert first.headers["link"] == '<?format=csv&limit=2&after=2>; rel="next"'
    assert [line.split(",")[0] for line in lines] == ["version", "1", "2"]
    assert "link" not in rest.headers
    assert rest.text.splitlines()[1].startswith("3,NEXT")
