"""What `statewright serve` says when it cannot start."""

from __future__ import annotations

import socket
from pathlib import Path

from click.testing import CliRunner

from statewright.cli import main


def test_an_address_that_is_taken_is_named_with_the_remedy(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = CliRunner().invoke(main, ["serve", "--port", str(port), "--data", str(tmp_path)])

    assert result.exit_code == 1
    assert f"something else listens on 127.0.0.1:{port} already" in result.stderr
    assert "--port 9000 (or make run PORT=9000)" in result.stderr
    assert "Errno" not in result.stderr
