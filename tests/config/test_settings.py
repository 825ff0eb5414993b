"""Settings that a library would otherwise read differently from what the operator wrote."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.processes import ROOT, environment


def test_mails_to_files_go_to_the_folder_that_was_named(db: None, tmp_path: Path) -> None:
    script = "from django.conf import settings; print(settings.EMAIL_FILE_PATH)"
    surroundings = environment(EMAIL_URL=f"filemail://{tmp_path / 'mail'}")
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=surroundings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == (str(tmp_path / "mail"), "")
