import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project_settings
from django.core.management import CommandError, call_command

from analytics_app.models import Source

MANAGE = [sys.executable, str(project_settings.BASE_DIR / "manage.py")]


def output(*arguments: Any, **options: Any) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out, **options)
    return out.getvalue()


class TestCreateSource:
    @pytest.mark.django_db
    def test_the_key_alone_is_printed(self) -> None:
        key = output("createsource", "web")
        assert key == Source.objects.get(name="web").write_key + "\n"
        assert output("createsource", "web", "--exist-ok") == key

    @pytest.mark.django_db
    @pytest.mark.parametrize("name", ["web", "", "x" * 101, "a\x00b"])
    def test_a_name_that_cannot_be_taken(self, source: Source, name: str) -> None:  # noqa: ARG002
        with pytest.raises(CommandError, match=r"name"):
            output("createsource", name)
        assert Source.objects.count() == 1

    def test_a_database_that_was_not_migrated(self, tmp_path: Path) -> None:
        environment = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "DATA_DIR": str(tmp_path)}
        for command in (["createsource", "web"], ["simulate"]):
            done = subprocess.run([*MANAGE, *command], env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 1
            assert done.stderr.count("\n") == 1
            assert "manage.py migrate" in done.stderr
