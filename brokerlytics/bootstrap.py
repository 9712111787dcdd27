"""Everything that is made once before the product runs; a second time finds it there and changes nothing."""

import hashlib
import io
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from sesame.utils import get_query_string

from brokerlytics.native.build import build
from brokerlytics.topics import describe, ensure_topic, events_topic
from brokerlytics.web import base_url

FIRST_SOURCE = "default"


@dataclass(frozen=True, slots=True)
class Installation:
    """What the operator is told: the first source's write key; the sign-in link when the admin user is new."""

    write_key: str
    sign_in_link: str | None


def bootstrap(say: Callable[[str], None]) -> Installation:
    """Compile, migrate, collect the static files, make admin user and first source; the topic on a cluster of others.

    Args:
        say: takes lines for the operator, the new admin user's password among them, which is kept nowhere.

    Raises TopicError.
    """
    build(say)
    call_command("migrate", interactive=False, verbosity=0)
    collect_static_files()
    link = make_admin_user(say)
    output = io.StringIO()
    call_command("createsource", FIRST_SOURCE, "--exist-ok", stdout=output)
    if settings.KAFKA_EXTERNAL:
        spec = events_topic()
        say(describe(spec, ensure_topic(spec)))
    return Installation(output.getvalue().strip(), link)


def collect_static_files() -> None:
    """Collect the static files unless none has changed since the last time."""
    stamp_file = settings.STATIC_ROOT / ".sources"
    stamp = _static_sources()
    if stamp_file.exists() and stamp_file.read_text() == stamp:
        return
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp_file.write_text(stamp)


def make_admin_user(say: Callable[[str], None]) -> str | None:
    """Make a superuser when there is none, and say name and password; a sign-in link for the new user."""
    if User.objects.filter(is_superuser=True).exists():
        return None
    password = secrets.token_urlsafe(12)
    user = User.objects.create_superuser(settings.ADMIN_USERNAME, password=password)
    say(f"Admin user {user.username} made, password {password} (it is shown this once).")
    return sign_in_link(user)


def sign_in_link(user: User) -> str:
    """A link that signs `user` in once, without a password."""
    return f"{base_url()}/sign-in/{get_query_string(user)}"


def _static_sources() -> str:
    digest = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list(None):
            modified = storage.get_modified_time(name).timestamp()
            digest.update(f"{name}\0{storage.size(name)}\0{modified}\n".encode())
    return digest.hexdigest()
