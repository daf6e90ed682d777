"""Runs inside of another engine's environment: a line with `text` and `data` in, a line with `value` or `error` out."""

import json
import sys
from typing import Any


def _cpp() -> Any:
    from cel_expr_python import cel  # type: ignore[import-not-found,unused-ignore]

    known = cel.NewEnv(variables={"context": cel.Type.Map(cel.Type.STRING, cel.Type.DYN)})

    def evaluate(text: str, data: Any) -> Any:
        found = known.compile(text).eval(data={"context": data})
        if found.type() == cel.Type.ERROR:
            raise RuntimeError(found.plain_value())
        return found.plain_value()

    return evaluate


def _rust() -> Any:
    import cel  # type: ignore[import-not-found,unused-ignore]

    return lambda text, data: cel.evaluate(text, {"context": data})


def main(name: str) -> None:
    evaluate = {"cpp": _cpp, "rust": _rust}[name]()
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = {"value": evaluate(asked["text"], asked["data"])}
            written = json.dumps(answer)
        except BaseException as error:  # an engine's panic is no Exception
            written = json.dumps({"error": f"{type(error).__name__}: {error}"[:300]})
        print(written, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
